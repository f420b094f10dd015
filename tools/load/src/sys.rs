// SPDX-License-Identifier: GPL-2.0-only
//! The system calls the loads need, each as one safe function.

#![allow(unsafe_code)]

use std::io::{Error, Result};
use std::mem::size_of_val;
use std::os::fd::{AsFd, AsRawFd};
use std::ptr;
use std::sync::atomic::AtomicU32;

use libc::{clockid_t, pid_t, timespec};

use crate::cpuset::CpuSet;

const NSEC_PER_SEC: u64 = 1_000_000_000;

fn check(result: libc::c_int) -> Result<()> {
    match result {
        -1 => Err(Error::last_os_error()),
        _ => Ok(()),
    }
}

fn to_timespec(ns: u64) -> timespec {
    timespec {
        tv_sec: (ns / NSEC_PER_SEC) as libc::time_t,
        tv_nsec: (ns % NSEC_PER_SEC) as libc::c_long,
    }
}

fn clock_ns(clock: clockid_t) -> Result<u64> {
    let mut time = to_timespec(0);
    // SAFETY: `time` is a valid timespec to write to.
    check(unsafe { libc::clock_gettime(clock, &mut time) })?;
    Ok(time.tv_sec as u64 * NSEC_PER_SEC + time.tv_nsec as u64)
}

/// CLOCK_MONOTONIC in ns. No system call where the vDSO has the clock.
pub fn now_ns() -> u64 {
    clock_ns(libc::CLOCK_MONOTONIC).unwrap_or(0)
}

/// CPU time of the calling thread in ns.
pub fn thread_cpu_ns() -> u64 {
    clock_ns(libc::CLOCK_THREAD_CPUTIME_ID).unwrap_or(0)
}

/// CPU time of another thread of this process in ns, up to this moment even
/// while it runs.
///
/// # Errors
/// When the thread is gone.
pub fn cpu_ns_of(tid: pid_t) -> Result<u64> {
    // The clock id that encodes a thread's scheduler clock, see
    // include/linux/posix-timers.h: ~tid, then "per thread" (4) and "sched" (2).
    clock_ns((!tid << 3) | 4 | 2)
}

/// Context switches so far of this process, threads that ended included, and of
/// its children that were waited for.
pub fn context_switches() -> u64 {
    let of = |who| {
        // SAFETY: all zero is a valid rusage, and getrusage fills it in.
        let usage = unsafe {
            let mut usage: libc::rusage = std::mem::zeroed();
            libc::getrusage(who, &mut usage);
            usage
        };
        (usage.ru_nvcsw + usage.ru_nivcsw) as u64
    };
    of(libc::RUSAGE_SELF) + of(libc::RUSAGE_CHILDREN)
}

/// Waits until a child has ended; returns its wait status.
///
/// # Errors
/// When it is no child of this process.
pub fn wait_for(pid: pid_t) -> Result<libc::c_int> {
    let mut status = 0;
    loop {
        // SAFETY: `status` is valid to write to.
        match unsafe { libc::waitpid(pid, &mut status, 0) } {
            -1 => {
                let error = Error::last_os_error();
                if error.kind() != std::io::ErrorKind::Interrupted {
                    return Err(error);
                }
            }
            _ => return Ok(status),
        }
    }
}

/// Sleeps until CLOCK_MONOTONIC reaches `ns`.
pub fn sleep_until(ns: u64) {
    let time = to_timespec(ns);
    loop {
        // SAFETY: `time` is valid; no remainder is asked for with TIMER_ABSTIME.
        let error = unsafe {
            libc::clock_nanosleep(
                libc::CLOCK_MONOTONIC,
                libc::TIMER_ABSTIME,
                &time,
                ptr::null_mut(),
            )
        };
        if error != libc::EINTR {
            return;
        }
    }
}

/// Kernel id of the calling thread.
pub fn gettid() -> pid_t {
    // SAFETY: takes nothing, cannot fail.
    unsafe { libc::gettid() }
}

/// How late the kernel may fire this thread's timers to batch them, in ns.
///
/// # Errors
/// When the kernel refuses.
pub fn set_timer_slack_ns(slack: u64) -> Result<()> {
    // SAFETY: PR_SET_TIMERSLACK takes one integer.
    check(unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, slack) })
}

/// Sets the calling thread's nice level.
///
/// # Errors
/// When it would go below what RLIMIT_NICE or the capabilities allow.
pub fn set_nice(nice: i32) -> Result<()> {
    // SAFETY: plain integers; on Linux "process" 0 is the calling thread.
    check(unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, nice) })
}

/// Makes the calling thread SCHED_FIFO.
///
/// # Errors
/// Without CAP_SYS_NICE, or when `priority` is not in 1..=99.
pub fn set_fifo(priority: i32) -> Result<()> {
    let param = libc::sched_param {
        sched_priority: priority,
    };
    // SAFETY: `param` is valid; pid 0 is the calling thread.
    check(unsafe { libc::sched_setscheduler(0, libc::SCHED_FIFO, &param) })
}

/// Restricts thread `tid` (0: the calling one) to `cpus`.
///
/// # Errors
/// When no CPU of the set is online and in the thread's cpuset.
pub fn set_affinity(tid: pid_t, cpus: &CpuSet) -> Result<()> {
    // SAFETY: the set is an array of u64 with the layout of cpu_set_t.
    check(unsafe {
        libc::sched_setaffinity(
            tid,
            size_of_val(&cpus.words),
            ptr::from_ref(&cpus.words).cast(),
        )
    })
}

/// The CPUs that the calling thread may use.
///
/// # Errors
/// When the kernel counts more CPUs than [`crate::cpuset::MAX_CPUS`].
pub fn affinity() -> Result<CpuSet> {
    let mut cpus = CpuSet::default();
    // SAFETY: the set is an array of u64 with the layout of cpu_set_t.
    check(unsafe {
        libc::sched_getaffinity(
            0,
            size_of_val(&cpus.words),
            ptr::from_mut(&mut cpus.words).cast(),
        )
    })?;
    Ok(cpus)
}

/// The CPU this thread is running on.
pub fn current_cpu() -> usize {
    // SAFETY: takes nothing; fails only on kernels without getcpu(2).
    unsafe { libc::sched_getcpu() as usize }
}

/// Sleeps while `*word == expected`, until [`futex_wake_one`]. May return early.
pub fn futex_wait(word: &AtomicU32, expected: u32) {
    let forever = ptr::null::<timespec>();
    let op = libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG;
    // SAFETY: `word` outlives the call; every result means "look again".
    unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), op, expected, forever) };
}

/// Wakes one thread that sleeps in [`futex_wait`] on `word`.
pub fn futex_wake_one(word: &AtomicU32) {
    let op = libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG;
    // SAFETY: `word` is valid; waking nobody is no error.
    unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), op, 1) };
}

/// Memory that others write as well, by words.
#[derive(Debug)]
pub struct SharedWords {
    map: memmap2::MmapRaw,
}

impl SharedWords {
    /// Maps the first `bytes` of `file`.
    ///
    /// # Errors
    /// Those of mmap(2).
    pub fn map(file: impl AsFd, bytes: usize) -> Result<SharedWords> {
        let options = memmap2::MmapOptions::new().len(bytes).to_owned();
        let map = options.map_raw(file.as_fd().as_raw_fd())?;
        Ok(SharedWords { map })
    }

    /// Writes the word number `at`; nothing if there is none.
    pub fn store(&self, at: usize, value: u64) {
        if at < self.map.len() / 8 {
            // SAFETY: in bounds and aligned, and nothing here refers to this memory.
            unsafe {
                self.map
                    .as_mut_ptr()
                    .cast::<u64>()
                    .add(at)
                    .write_volatile(value)
            };
        }
    }
}
