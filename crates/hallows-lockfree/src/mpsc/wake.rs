// SPDX-License-Identifier: GPL-2.0-only
//! Waking the consumer: a system call only when it asked for it.
//!
//! The consumer arms, runs the heavy fence and looks at the rings again; a producer
//! publishes, runs the light fence and looks whether the consumer is armed. By
//! [`fence`](crate::fence) the producer sees that, or the consumer sees the message:
//! no message comes unnoticed while the consumer sleeps, and a producer pays for a
//! load only.

use std::io;

use crossbeam_utils::CachePadded;

use crate::fence::Fence;
use crate::sync::atomic::{AtomicBool, Ordering};

pub(super) struct Wake {
    fence: Fence,
    armed: CachePadded<AtomicBool>,
    event: Event,
}

impl Wake {
    pub(super) fn new() -> io::Result<Wake> {
        Ok(Wake {
            fence: Fence::auto(),
            armed: CachePadded::new(AtomicBool::new(false)),
            event: Event::new()?,
        })
    }

    /// The producer's side, after something was published.
    #[inline]
    pub(super) fn notify(&self) {
        self.fence.light();
        if self.armed.load(Ordering::Relaxed) {
            self.signal();
        }
    }

    #[cold]
    fn signal(&self) {
        // One of those who see it armed is enough.
        if self.armed.swap(false, Ordering::Relaxed) {
            self.event.set();
        }
    }

    /// The consumer's side: the next to notify sets the event, unless something `is_ready`
    /// by now (false).
    pub(super) fn arm(&self, is_ready: impl FnOnce() -> bool) -> bool {
        // One that is under way since the last time may still set it: for nothing.
        self.event.clear();
        self.armed.store(true, Ordering::Relaxed);
        self.fence.heavy();
        let sleep = !is_ready();
        if !sleep {
            self.armed.store(false, Ordering::Relaxed);
        }
        sleep
    }

    pub(super) fn event(&self) -> &Event {
        &self.event
    }
}

/// An eventfd, readable while the event is set.
#[cfg(not(loom))]
pub(super) struct Event(std::os::fd::OwnedFd);

#[cfg(not(loom))]
impl Event {
    fn new() -> io::Result<Event> {
        use std::os::fd::{FromRawFd, OwnedFd};
        // SAFETY: takes two integers.
        let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: new, so nobody else owns it.
        Ok(Event(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    fn set(&self) {
        use std::os::fd::AsRawFd;
        let one = 1_u64;
        // SAFETY: eight bytes are read of a u64. It fails only when the event has
        // been set 2^64 - 2 times, and then it is set.
        unsafe { libc::write(self.0.as_raw_fd(), (&raw const one).cast(), 8) };
    }

    fn clear(&self) {
        use std::os::fd::AsRawFd;
        let mut times = 0_u64;
        // SAFETY: eight bytes are written to a u64. It fails when the event isn't
        // set, and then it is clear.
        unsafe { libc::read(self.0.as_raw_fd(), (&raw mut times).cast(), 8) };
    }

    /// Waits until the event is set, a signal comes, or `timeout_ms` is over (-1:
    /// never).
    pub(super) fn wait(&self, timeout_ms: i32) -> io::Result<()> {
        use std::os::fd::AsRawFd;
        let mut poll = libc::pollfd {
            fd: self.0.as_raw_fd(),
            events: libc::POLLIN,
            revents: 0,
        };
        // SAFETY: one pollfd, which lives through the call.
        if unsafe { libc::poll(&raw mut poll, 1, timeout_ms) } >= 0 {
            return Ok(());
        }
        match io::Error::last_os_error() {
            error if error.kind() == io::ErrorKind::Interrupted => Ok(()),
            error => Err(error),
        }
    }
}

#[cfg(not(loom))]
impl std::os::fd::AsFd for Event {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// The event in a model: a thread that yields until it is set. As the kernel does,
/// it passes on what was done before.
#[cfg(loom)]
pub(super) struct Event(AtomicBool);

#[cfg(loom)]
impl Event {
    fn new() -> io::Result<Event> {
        Ok(Event(AtomicBool::new(false)))
    }

    fn set(&self) {
        self.0.store(true, Ordering::Release);
    }

    fn clear(&self) {
        self.0.store(false, Ordering::Relaxed);
    }

    pub(super) fn wait(&self, _timeout_ms: i32) -> io::Result<()> {
        while !self.0.load(Ordering::Acquire) {
            loom::thread::yield_now();
        }
        Ok(())
    }
}
