// SPDX-License-Identifier: GPL-2.0-only
//! Tasks: what they have to do, and what it costs them to do it elsewhere.

use super::machine::START_NS;

/// Index of a task.
pub type TaskId = u32;

/// Work of a task that never ends.
pub const ENDLESS_NS: u64 = u64::MAX / 4096;

/// What a task is, for those who measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Runs for ever: its share counts, its waits do not.
    Hog,
    /// Runs bursts: how long each waited to begin counts.
    Job,
}

/// Where a task is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Wants nothing.
    Asleep,
    /// Waits for a CPU.
    Queued,
    /// Has one.
    Running,
    /// Has exited.
    Gone,
}

/// How much cache a task uses: a factor on the price of a move, and by how many
/// thousandths it is slower with its memory on another node.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Footprint {
    pub factor: f64,
    pub remote_permille: u64,
}

/// The classes, each with its share of all tasks in percent.
pub const FOOTPRINTS: [(u64, Footprint); 3] = [
    (50, footprint(0.25, 20)),
    (35, footprint(1.0, 120)),
    (15, footprint(4.0, 300)),
];

const fn footprint(factor: f64, remote_permille: u64) -> Footprint {
    Footprint {
        factor,
        remote_permille,
    }
}

/// A task. Times in nanoseconds.
#[derive(Clone, Debug)]
pub struct Task {
    pub kind: Kind,
    pub state: State,
    pub footprint: Footprint,
    /// Node of its memory.
    pub home: u16,
    /// The process with whose threads it shares memory, numbered from 0.
    pub group: Option<u32>,
    /// Where it last ran or, before its first run, where it is born.
    pub cpu: usize,
    /// Has run at all.
    pub born: bool,
    /// What is left of the burst, in time on its home node with warm caches.
    pub work_left_ns: u64,
    /// Work done in all.
    pub work_done_ns: u64,
    /// CPU time used, overheads included.
    pub cpu_ns: u64,
    /// Caches to refill and decisions to pay for before work goes on.
    pub refill_left_ns: u64,
    pub decision_left_ns: u64,
    /// When it last woke up.
    pub woken_ns: u64,
    /// When it last stopped to run.
    pub stopped_ns: u64,
    /// It has not run since it woke up.
    pub fresh: bool,
    /// Time slice of its next or present run, set by who queued it.
    pub slice_ns: u64,
}

impl Task {
    /// A sleeping task that is to be born on `cpu`.
    pub fn new(kind: Kind, footprint: Footprint, cpu: usize, home: u16) -> Task {
        Task {
            kind,
            state: State::Asleep,
            footprint,
            home,
            group: None,
            cpu,
            born: false,
            work_left_ns: 0,
            work_done_ns: 0,
            cpu_ns: 0,
            refill_left_ns: 0,
            decision_left_ns: 0,
            woken_ns: 0,
            stopped_ns: 0,
            fresh: false,
            slice_ns: 0,
        }
    }

    /// It is no newborn: before the simulation it ran where it is.
    pub fn ran_before(&mut self) {
        self.born = true;
        self.stopped_ns = START_NS;
    }
}

/// Time that `work_ns` take at a speed that is `slower_permille` lower.
pub fn stretched(work_ns: u64, slower_permille: u64) -> u64 {
    work_ns + (work_ns * slower_permille).div_ceil(1000)
}

/// Work that is done in `time_ns`: no more than makes [`stretched`] fit.
pub fn shrunk(time_ns: u64, slower_permille: u64) -> u64 {
    time_ns * 1000 / (1000 + slower_permille)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn work_never_takes_less_than_its_time(work in 0..1u64 << 40, slower in 0..500u64) {
            prop_assert!(shrunk(stretched(work, slower), slower) >= work);
            prop_assert!(stretched(shrunk(work, slower), slower) <= work);
        }
    }

    #[test]
    fn endless_work_can_be_stretched() {
        assert!(stretched(ENDLESS_NS, 1000) > ENDLESS_NS);
        assert_eq!(FOOTPRINTS.iter().map(|(share, _)| share).sum::<u64>(), 100);
    }
}
