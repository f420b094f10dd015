// SPDX-License-Identifier: GPL-2.0-only
//! The instructions. The functions of WAITPKG are for CPUs that have it: on others the
//! kernel ends the process.

#[cfg(not(all(target_arch = "x86_64", not(any(loom, miri)))))]
pub(super) use other::*;
#[cfg(all(target_arch = "x86_64", not(any(loom, miri))))]
pub(super) use x86_64::*;

#[inline(always)]
pub(super) fn pause() {
    std::hint::spin_loop();
}

#[cfg(all(target_arch = "x86_64", not(any(loom, miri))))]
mod x86_64 {
    use std::arch::asm;
    use std::arch::x86_64::{__cpuid, __cpuid_count, _rdtsc};
    use std::sync::atomic::AtomicU32;

    /// Control register of a wait: C0.1, which wakes faster than C0.2.
    const LIGHT: u32 = 1;

    pub(in super::super) fn has_waitpkg() -> bool {
        const LEAF: u32 = 7;
        const ECX_WAITPKG: u32 = 1 << 5;
        // SAFETY: all x86-64 CPUs have cpuid, and the leaf is one that this CPU has.
        #[allow(unused_unsafe, reason = "safe since Rust 1.94")]
        unsafe {
            __cpuid(0).eax >= LEAF && __cpuid_count(LEAF, 0).ecx & ECX_WAITPKG != 0
        }
    }

    /// Watches the line of `word` for the next [`wait_monitored`].
    #[inline(always)]
    pub(in super::super) fn monitor(word: &AtomicU32) {
        // SAFETY: it reads no memory that isn't ours and writes none.
        unsafe { asm!("umonitor {}", in(reg) word.as_ptr(), options(nostack)) };
    }

    /// Waits until the watched line is written, up to `cycles`. An interrupt ends it too.
    #[inline(always)]
    pub(in super::super) fn wait_monitored(cycles: u64) {
        let (low, high) = end(cycles);
        // SAFETY: it touches flags only.
        unsafe {
            asm!("umwait {:e}", in(reg) LIGHT, in("eax") low, in("edx") high, options(nostack));
        }
    }

    /// Waits up to `cycles`. An interrupt ends it too.
    #[inline(always)]
    pub(in super::super) fn wait(cycles: u64) {
        let (low, high) = end(cycles);
        // SAFETY: it touches flags only.
        unsafe {
            asm!("tpause {:e}", in(reg) LIGHT, in("eax") low, in("edx") high, options(nostack));
        }
    }

    /// The halves of the time that is `cycles` from now.
    #[inline(always)]
    fn end(cycles: u64) -> (u32, u32) {
        // SAFETY: all x86-64 CPUs have it, and it is open to processes unless they ask
        // the kernel that it isn't (PR_SET_TSC).
        let end = unsafe { _rdtsc() }.wrapping_add(cycles);
        (end as u32, (end >> 32) as u32)
    }

    #[inline(always)]
    pub(in super::super) fn demote(at: *const ()) {
        // SAFETY: a hint about a line, which it doesn't access.
        unsafe { asm!("cldemote [{}]", in(reg) at, options(nostack, preserves_flags)) };
    }
}

/// CPUs, models and Miri that have none of it.
#[cfg(not(all(target_arch = "x86_64", not(any(loom, miri)))))]
mod other {
    use crate::sync::atomic::AtomicU32;

    pub(in super::super) fn has_waitpkg() -> bool {
        false
    }

    pub(in super::super) fn monitor(_word: &AtomicU32) {
        unreachable!("only with WAITPKG");
    }

    pub(in super::super) fn wait_monitored(_cycles: u64) {
        unreachable!("only with WAITPKG");
    }

    pub(in super::super) fn wait(_cycles: u64) {
        unreachable!("only with WAITPKG");
    }

    #[inline(always)]
    pub(in super::super) fn demote(_at: *const ()) {}
}
