// SPDX-License-Identifier: GPL-2.0-only
//! A queue of tasks in the order of their keys.

use std::collections::VecDeque;

use super::task::TaskId;

/// Waiting tasks, lowest key first, equal keys in the order of their arrival.
#[derive(Clone, Debug, Default)]
pub struct Track {
    queue: VecDeque<(u64, TaskId)>,
}

impl Track {
    /// Queues `task`.
    pub fn push(&mut self, key: u64, task: TaskId) {
        let at = self.queue.partition_point(|(other, _)| *other <= key);
        self.queue.insert(at, (key, task));
    }

    /// Takes the first.
    pub fn pop(&mut self) -> Option<TaskId> {
        self.queue.pop_front().map(|(_, task)| task)
    }

    /// Takes the one at `at`, counted from the first.
    pub fn take(&mut self, at: usize) -> Option<TaskId> {
        self.queue.remove(at).map(|(_, task)| task)
    }

    /// The lowest key.
    pub fn head_key(&self) -> Option<u64> {
        self.queue.front().map(|(key, _)| *key)
    }

    /// The first.
    pub fn head(&self) -> Option<TaskId> {
        self.queue.front().map(|(_, task)| *task)
    }

    /// The tasks, lowest key first.
    pub fn iter(&self) -> impl Iterator<Item = (u64, TaskId)> {
        self.queue.iter().copied()
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.queue.len()
    }

    /// Nobody waits.
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_sorts_and_is_fair_to_equals(keys in prop::collection::vec(0..8u64, 0..40)) {
            let mut track = Track::default();
            keys.iter().enumerate().for_each(|(at, key)| track.push(*key, at as TaskId));
            let mut expected: Vec<_> = (0..keys.len()).collect();
            expected.sort_by_key(|at| keys[*at]);
            let order: Vec<_> = std::iter::from_fn(|| track.pop()).map(|at| at as usize).collect();
            prop_assert_eq!(order, expected);
        }
    }
}
