// SPDX-License-Identifier: GPL-2.0-only
//! What a trace consists of: the state it starts from, then events.

use std::fmt;

use crate::mask::CpuMask;

/// Kernel thread id; 0 is every CPU's idle task.
pub type Pid = u32;

/// A task's name, as the kernel keeps it: up to 15 bytes, then zeros.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Comm(pub [u8; 16]);

impl Comm {
    /// Takes the first 15 bytes of a name.
    pub fn new(name: &[u8]) -> Self {
        let mut comm = Self::default();
        for (own, byte) in comm.0.iter_mut().take(15).zip(name) {
            *own = *byte;
        }
        comm
    }

    /// Whether this is a CPU's stopper thread, which moves tasks off CPUs that
    /// they lost and outranks every other task.
    pub fn is_stopper(&self) -> bool {
        self.0.starts_with(b"migration/")
    }
}

impl fmt::Display for Comm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.0.split(|&byte| byte == 0).next().unwrap_or_default();
        for c in String::from_utf8_lossy(name).chars() {
            // A newline in a name must not break lines of a report or a log.
            write!(f, "{}", if c.is_control() { '?' } else { c })?;
        }
        Ok(())
    }
}

impl fmt::Debug for Comm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// A task as /proc showed it while the trace was already running.
#[derive(Debug, Clone, PartialEq)]
pub struct InitialTask {
    /// Thread id.
    pub pid: Pid,
    /// Kernel priority: below 100 real-time or deadline, 100..=139 by nice.
    pub prio: i32,
    /// Whether it was in state R, that is running or waiting for a CPU.
    pub runnable: bool,
    /// The CPUs it might use.
    pub mask: CpuMask,
    /// Its name.
    pub comm: Comm,
}

/// What is known besides the events. The tasks were read between the start of
/// the trace and its [`Kind::Ready`] event.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Initial {
    /// CPUs that may ever exist.
    pub possible: CpuMask,
    /// CPUs that were online.
    pub online: CpuMask,
    /// All tasks.
    pub tasks: Vec<InitialTask>,
}

/// Something that happened on a CPU.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Trace clock, ns.
    pub time_ns: u64,
    /// The CPU that recorded the event.
    pub cpu: u32,
    /// What happened.
    pub kind: Kind,
}

/// How a task left a CPU.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// Preempted or yielding: it waits for a CPU again.
    Runnable,
    /// Asleep until woken.
    Blocked,
    /// For ever.
    Dead,
}

/// Which of a task's two masks changed. The kernel keeps a migration-disabled
/// task on its CPU by a second mask that overrides the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MaskChange {
    /// The mask itself, by sched_setaffinity(2), a cpuset or the kernel.
    Set,
    /// The task is migration-disabled and gets an overriding mask.
    Pin,
    /// The overriding mask is gone.
    Unpin,
}

/// Kinds of events.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// The CPU stops running `prev` and runs `next`.
    Switch {
        prev: Pid,
        prev_prio: i32,
        left: Left,
        next: Pid,
        next_prio: i32,
        next_comm: Comm,
    },
    /// Someone began to wake `pid`.
    Waking { pid: Pid },
    /// `pid` is runnable, queued for CPU `target`.
    Wakeup {
        pid: Pid,
        prio: i32,
        target: u32,
        comm: Comm,
    },
    /// A new task is about to be queued for the first time.
    New { pid: Pid, prio: i32, mask: CpuMask },
    /// `pid` was moved to CPU `to`.
    Migrate { pid: Pid, to: u32 },
    /// The CPUs that `pid` may use changed.
    Allowed {
        pid: Pid,
        change: MaskChange,
        mask: CpuMask,
    },
    /// `pid` began to exit; it still runs for a while.
    Exit { pid: Pid },
    /// A thread executed a program; its id changed from `old` if it was not the
    /// leader of its process.
    Exec { pid: Pid, old: Pid },
    /// CPU `target` is about to stop taking tasks (it goes offline).
    CpuDown { target: u32 },
    /// CPU `target` takes tasks from now on.
    CpuUp { target: u32 },
    /// [`Initial`] is complete.
    Ready,
    /// The trace ends.
    End,
}
