// SPDX-License-Identifier: GPL-2.0-only
//! One timed run: when it ends, and how SIGTERM ends it sooner.

#![allow(unsafe_code)]

use std::io;
use std::mem;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::sys;

/// A run with a deadline. Threads ask [`Run::over`]; the main thread waits in
/// [`Run::wait_until`], where SIGTERM and SIGINT bring the end forward.
pub struct Run {
    signals: libc::sigset_t,
    started_ns: AtomicU64,
    deadline_ns: AtomicU64,
    stopped: AtomicBool,
}

impl Run {
    /// Blocks SIGTERM and SIGINT in the calling thread. Call it before starting
    /// threads: they inherit that, so the signals reach the waiting main thread.
    ///
    /// # Errors
    /// When the kernel refuses to change the signal mask.
    pub fn prepare() -> Result<Self> {
        // SAFETY: sigemptyset initializes the set before anything reads it.
        let signals = unsafe {
            let mut set = mem::zeroed();
            libc::sigemptyset(&mut set);
            libc::sigaddset(&mut set, libc::SIGTERM);
            libc::sigaddset(&mut set, libc::SIGINT);
            set
        };
        // SAFETY: `signals` is an initialized set.
        match unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &signals, ptr::null_mut()) } {
            0 => Ok(Self {
                signals,
                started_ns: AtomicU64::new(0),
                deadline_ns: AtomicU64::new(u64::MAX),
                stopped: AtomicBool::new(false),
            }),
            error => Err(io::Error::from_raw_os_error(error)).context("block SIGTERM and SIGINT"),
        }
    }

    /// Starts the clock: the run is over `duration` from now.
    pub fn begin(&self, duration: Duration) {
        let now = sys::now_ns();
        self.started_ns.store(now, Relaxed);
        let end = now.saturating_add(duration.as_nanos() as u64);
        self.deadline_ns.store(end, Relaxed);
    }

    /// When [`Run::begin`] was called, CLOCK_MONOTONIC.
    pub fn started_ns(&self) -> u64 {
        self.started_ns.load(Relaxed)
    }

    /// Whether threads have to finish. Reads the clock, so that a run ends on
    /// time even when the main thread is starved.
    pub fn over(&self) -> bool {
        self.stopped.load(Relaxed) || sys::now_ns() >= self.deadline_ns.load(Relaxed)
    }

    /// Ends the run now.
    pub fn stop(&self) {
        self.stopped.store(true, Relaxed);
    }

    /// Whether [`Run::stop`] was called.
    pub fn stopped(&self) -> bool {
        self.stopped.load(Relaxed)
    }

    /// Sleeps until the run's deadline, a SIGTERM or a SIGINT, then ends it.
    pub fn wait(&self) {
        self.wait_until(self.deadline_ns.load(Relaxed));
        self.stop();
    }

    /// Sleeps until CLOCK_MONOTONIC reaches `ns`, a SIGTERM or a SIGINT.
    pub fn wait_until(&self, ns: u64) {
        loop {
            let left = ns.saturating_sub(sys::now_ns());
            let timeout = libc::timespec {
                tv_sec: (left / 1_000_000_000) as libc::time_t,
                tv_nsec: (left % 1_000_000_000) as libc::c_long,
            };
            // SAFETY: an initialized set and a valid timespec; no siginfo wanted.
            let signal = unsafe { libc::sigtimedwait(&self.signals, ptr::null_mut(), &timeout) };
            if signal > 0 || left == 0 {
                return;
            }
        }
    }
}
