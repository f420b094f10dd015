// SPDX-License-Identifier: GPL-2.0-only
//! Both ways on every CPU: where WAITPKG is missing, its instructions trap, and the
//! handler does as a CPU that has it may (wait for no time at all), having checked that
//! it is they, with operands that make sense.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::*;

#[test]
fn the_choice_is_made_once() {
    assert_eq!(Hints::auto(), Hints::auto());
    assert!(!Hints::none().has_waitpkg());
    assert!(Hints::auto().looks() > 0);
}

/// Waits for the word as a user would, and returns what it then is.
fn wait_for_change(hints: Hints, word: &AtomicU32, from: u32) -> u32 {
    loop {
        match word.load(Ordering::Acquire) {
            value if value == from => hints.watch(word, from),
            value => return value,
        }
    }
}

fn check(hints: Hints) {
    let word = AtomicU32::new(1);
    assert_eq!(wait_for_change(hints, &word, 0), 1);
    let seen = AtomicBool::new(false);
    thread::scope(|scope| {
        let waiter = scope.spawn(|| {
            let value = wait_for_change(hints, &word, 1);
            seen.store(true, Ordering::Relaxed);
            value
        });
        thread::sleep(Duration::from_millis(2));
        assert!(!seen.load(Ordering::Relaxed));
        word.store(2, Ordering::Release);
        demote(&word);
        assert_eq!(waiter.join().expect("no panic"), 2);
    });
    // Nobody changes it, and it goes on all the same: a moment is short.
    let start = Instant::now();
    for _ in 0..100 {
        hints.watch(&word, 2);
        hints.pause();
    }
    assert!(start.elapsed() < Duration::from_secs(1));
}

#[test]
fn waiting_means_the_same_without_hints() {
    check(Hints::none());
    check(Hints::auto());
}

#[cfg(target_arch = "x86_64")]
#[test]
fn waiting_means_the_same_with_hints() {
    let hints = Hints { waitpkg: true };
    if Hints::auto() == hints {
        return check(hints);
    }
    trap::install();
    check(hints);
    let [monitors, waits, pauses] = trap::counts();
    assert!(monitors >= waits && waits >= 100, "{monitors} and {waits}");
    assert_eq!(pauses, 100);
}

#[cfg(target_arch = "x86_64")]
mod trap {
    use std::mem;
    use std::ptr;
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

    static COUNTS: [AtomicUsize; 3] = [const { AtomicUsize::new(0) }; 3];

    /// Calls of umonitor, umwait, tpause.
    pub fn counts() -> [usize; 3] {
        [0, 1, 2].map(|index| COUNTS[index].load(Relaxed))
    }

    pub fn install() {
        // SAFETY: a handler that does nothing that signals forbid.
        unsafe {
            let mut action: libc::sigaction = mem::zeroed();
            action.sa_sigaction = handle as *const () as usize;
            action.sa_flags = libc::SA_SIGINFO;
            assert_eq!(libc::sigaction(libc::SIGILL, &action, ptr::null_mut()), 0);
        }
    }

    extern "C" fn handle(
        _signal: libc::c_int,
        _info: *mut libc::siginfo_t,
        context: *mut libc::c_void,
    ) {
        // SAFETY: the kernel passes the state of the interrupted code, at an instruction
        // that it couldn't run and that is at least 4 bytes long with what follows.
        let (registers, code) = unsafe {
            let registers = &mut (*context.cast::<libc::ucontext_t>()).uc_mcontext.gregs;
            let code = registers[libc::REG_RIP as usize] as *const u8;
            (registers, code.cast::<[u8; 5]>().read())
        };
        // A register operand may need a prefix: F3 REX 0F AE /6.
        let (prefix, rest) = (code[0], &code[1..]);
        let rex = usize::from(rest[0] & 0xf0 == 0x40);
        let is_group = rest[rex] == 0x0f && rest[rex + 1] == 0xae && rest[rex + 2] >> 3 == 0x1e;
        let kind = match prefix {
            0xf3 if is_group => 0,
            0xf2 if is_group => 1,
            0x66 if is_group => 2,
            // Not of ours: as if there were no handler.
            _ => std::process::abort(),
        };
        let now = now();
        let half = |register: libc::c_int| registers[register as usize] as u32;
        let end = u64::from(half(libc::REG_RDX)) << 32 | u64::from(half(libc::REG_RAX));
        if kind > 0 && now.abs_diff(end) > 1 << 40 {
            std::process::abort();
        }
        COUNTS[kind].fetch_add(1, Relaxed);
        registers[libc::REG_RIP as usize] += 4 + rex as i64;
    }

    fn now() -> u64 {
        // SAFETY: as in the code that is tested.
        unsafe { std::arch::x86_64::_rdtsc() }
    }
}
