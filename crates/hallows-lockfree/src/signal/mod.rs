// SPDX-License-Identifier: GPL-2.0-only
//! What CPUs have for a thread that waits for another's store: hints, without which
//! everything means the same.
//!
//! - [`Hints::watch`] waits a moment for a word to change. With *WAITPKG* (`umonitor`,
//!   `umwait`) the CPU sleeps lightly until the word's line is written, so it costs its
//!   sibling and the line nothing; else it is one `pause`.
//! - [`Hints::pause`] waits a moment for nothing in particular: `tpause`, or `pause`.
//! - [`demote`] says that another CPU reads a line next (`cldemote`), so that it is
//!   fetched from the shared cache, not out of this CPU's.
//!
//! None of them waits for long, passes anything on or orders anything: who waits looks
//! at the word in a loop, and goes to sleep in the kernel after [`Hints::looks`] of them.
//!
//! Whether the CPU has WAITPKG is asked once, of `cpuid`. `cldemote` is not asked for, as
//! it is encoded as a no-op of all x86-64 CPUs. Others than x86-64 have `spin_loop` and
//! no demotion. In models and under Miri nothing is waited for.

mod cpu;

#[cfg(all(test, not(any(loom, miri))))]
mod tests;

use crate::sync::atomic::{AtomicU32, Ordering};

/// Cycles of the time-stamp counter that a moment lasts at most, with WAITPKG: well
/// below a microsecond. What the waiter isn't watching, it sees after that.
const MOMENT: u64 = 1024;

/// What this CPU has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hints {
    waitpkg: bool,
}

impl Hints {
    /// What the CPU has: asked at the first call, and the same ever after.
    pub fn auto() -> Hints {
        use std::sync::OnceLock;
        static ASKED: OnceLock<Hints> = OnceLock::new();
        // In a virtual machine each cpuid is an exit.
        *ASKED.get_or_init(|| Hints {
            waitpkg: cpu::has_waitpkg(),
        })
    }

    /// Nothing but `pause`.
    pub const fn none() -> Hints {
        Hints { waitpkg: false }
    }

    /// Whether [`watch`](Hints::watch) notices the store itself.
    pub fn has_waitpkg(self) -> bool {
        self.waitpkg
    }

    /// Moments to wait, before sleeping in the kernel is the better way: some
    /// microseconds. None in models, where each would be a state of its own.
    pub fn looks(self) -> u32 {
        match self.waitpkg {
            _ if cfg!(any(loom, miri)) => 0,
            true => 16,
            false => 100,
        }
    }

    /// Waits a moment, a shorter one if `word` isn't `value` or stops being it. Tells
    /// nothing: look at the word.
    #[inline]
    pub fn watch(self, word: &AtomicU32, value: u32) {
        if !self.waitpkg {
            return cpu::pause();
        }
        cpu::monitor(word);
        // A store before this was looked at; one after it ends the wait.
        if word.load(Ordering::Relaxed) == value {
            cpu::wait_monitored(MOMENT);
        }
    }

    /// Waits a moment.
    #[inline]
    pub fn pause(self) {
        if self.waitpkg {
            cpu::wait(MOMENT);
        } else {
            cpu::pause();
        }
    }
}

/// Says that another CPU is the next to read the line that `value` starts on, once it is
/// written. For what is handed over; what this thread reads again soon is only slower.
#[inline(always)]
pub fn demote<T: ?Sized>(value: &T) {
    cpu::demote(std::ptr::from_ref(value).cast());
}
