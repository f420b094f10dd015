// SPDX-License-Identifier: GPL-2.0-only
//! Sleeping while a word has a value: futex(2), within the process.
//!
//! Who changes the word wakes the sleepers afterwards. The kernel looks at the word
//! again before it puts a thread to sleep, so a change is never slept through.
//! Waking passes nothing on: the word does.

use crate::sync::atomic::AtomicU32;

/// Sleeps until [`wake`], unless the word isn't `value`; may wake for no reason.
#[cfg(not(loom))]
pub(crate) fn wait(word: &AtomicU32, value: u32) {
    let timeout = std::ptr::null::<libc::timespec>();
    let operation = libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG;
    // SAFETY: the word lives through the call, and null is no time-out.
    unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), operation, value, timeout) };
}

/// Wakes up to `count` of those who sleep on the word.
#[cfg(not(loom))]
pub(crate) fn wake(word: &AtomicU32, count: i32) {
    let operation = libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG;
    // SAFETY: the word's address is all that is used.
    unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), operation, count) };
}

/// Sleeping in a model: a thread that yields while the word has the value.
#[cfg(loom)]
pub(crate) fn wait(word: &AtomicU32, value: u32) {
    while word.load(crate::sync::atomic::Ordering::Relaxed) == value {
        loom::thread::yield_now();
    }
}

/// Waking in a model: the change of the word did it.
#[cfg(loom)]
pub(crate) fn wake(_word: &AtomicU32, _count: i32) {}
