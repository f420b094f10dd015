// SPDX-License-Identifier: GPL-2.0-only
//! Recording histories, and the check of Wing and Gong (JPDC 1993) with the memory of
//! Lowe (2017): a depth-first search for an order that keeps to time.

use std::collections::HashSet;
use std::hash::Hash;
use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::thread;

/// An operation with its answer, and when it was called and had returned.
#[derive(Clone, Debug)]
pub struct Event<O> {
    pub op: O,
    pub called: u64,
    pub returned: u64,
}

impl<O> Event<O> {
    /// Whether there is a moment when both are under way.
    pub fn overlaps(&self, other: &Event<O>) -> bool {
        self.called < other.returned && other.called < self.returned
    }
}

/// A time that all threads agree on.
#[derive(Default)]
pub struct Clock(AtomicU64);

impl Clock {
    pub fn run<O>(&self, op: impl FnOnce() -> O) -> Event<O> {
        let called = self.0.fetch_add(1, SeqCst);
        let op = op();
        let returned = self.0.fetch_add(1, SeqCst);
        Event {
            op,
            called,
            returned,
        }
    }
}

/// What one thread does in a history.
pub type Part<'p, O> = Box<dyn FnOnce(&Clock) -> Vec<Event<O>> + Send + 'p>;

/// Runs the parts at once, a thread for each.
pub fn record<O: Send>(parts: Vec<Part<'_, O>>) -> Vec<Event<O>> {
    let (clock, start) = (Clock::default(), Barrier::new(parts.len()));
    thread::scope(|scope| {
        let mut threads = Vec::new();
        for part in parts {
            let (clock, start) = (&clock, &start);
            threads.push(scope.spawn(move || {
                start.wait();
                part(clock)
            }));
        }
        let parts = threads.into_iter().map(|t| t.join().expect("no panic"));
        parts.flatten().collect()
    })
}

/// Whether some order of `history` that keeps to time is one that `step` allows: it
/// returns the states that there may be after an operation that answers as recorded.
pub fn is_linearizable<O, S: Clone + Eq + Hash, N: IntoIterator<Item = S>>(
    history: &[Event<O>],
    start: S,
    step: impl Fn(&S, &Event<O>) -> N,
) -> bool {
    assert!(history.len() <= 64, "a set of operations is a u64");
    let all = u64::MAX >> (64 - history.len());
    let mut seen = HashSet::new();
    let mut open = vec![(0_u64, start)];
    while let Some((done, state)) = open.pop() {
        if done == all {
            return true;
        }
        let left = || (0..history.len()).filter(|index| done >> index & 1 == 0);
        // What was called after something else returned is not the next.
        let first_return = left().map(|index| history[index].returned).min();
        for index in left().filter(|index| Some(history[*index].called) < first_return) {
            for after in step(&state, &history[index]) {
                let next = (done | 1 << index, after);
                if seen.insert(next.clone()) {
                    open.push(next);
                }
            }
        }
    }
    false
}

/// The check itself: a register that was written once and read twice.
#[test]
fn it_tells_good_from_bad() {
    let event = |op, called, returned| Event {
        op,
        called,
        returned,
    };
    let step = |state: &u32, event: &Event<(bool, u32)>| match event.op {
        (true, written) => Some(written),
        (false, read) => (read == *state).then_some(read),
    };
    let write = event((true, 1), 0, 5);
    let read = |value, called| event((false, value), called, called + 1);
    let good = [write.clone(), read(0, 1), read(1, 3)];
    assert!(is_linearizable(&good, 0, step));
    let back_in_time = [write.clone(), read(1, 1), read(0, 3)];
    assert!(!is_linearizable(&back_in_time, 0, step));
    let too_late = [write, read(0, 6)];
    assert!(!is_linearizable(&too_late, 0, step));
}
