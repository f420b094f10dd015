// SPDX-License-Identifier: GPL-2.0-only
//! What happens next: a heap of events by time, those of one time in the order
//! in which they were planned.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::task::TaskId;

/// Something that happens at a planned time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Event {
    /// A task wakes up.
    Wake(TaskId),
    /// The run numbered `run` of a CPU ends: its burst or its slice is over.
    Stop { cpu: u32, run: u32 },
    /// A CPU looks for work, or was asked to stop what it runs.
    Resched(u32),
    /// The timer tick of a CPU.
    Tick(u32),
    /// The policy's own timer.
    Round,
    /// The workload's own timer.
    Arrival,
    /// From here on is measured.
    Measure,
}

/// The events to come.
#[derive(Clone, Debug, Default)]
pub struct Events {
    heap: BinaryHeap<Reverse<(u64, u64, Event)>>,
    planned: u64,
}

impl Events {
    /// Plans `event` for `at_ns`.
    pub fn plan(&mut self, at_ns: u64, event: Event) {
        self.planned += 1;
        self.heap.push(Reverse((at_ns, self.planned, event)));
    }

    /// The next event and its time.
    pub fn pop(&mut self) -> Option<(u64, Event)> {
        self.heap.pop().map(|Reverse((at, _, event))| (at, event))
    }
}
