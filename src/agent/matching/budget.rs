// SPDX-License-Identifier: GPL-2.0-only
//! Budgets: how many tasks an LLC may give to the others of its node, or take
//! from them, and a node of the machine.
//!
//! Of a part's average and its last window the one nearer to the mean counts: the
//! average lags behind moves that were made, and would grant them twice; the
//! window follows any noise.

use crate::agent::super_cell::{Load, SuperCell};

/// To move a task makes two parts more alike when they are more than a task
/// apart, half of that here; whole tasks are one apart or two.
const LEAST: f64 = 0.75;

/// What a part of a group may still give or take; never both.
#[derive(Clone, Copy, Debug)]
pub(super) struct Budget {
    give: f64,
    take: f64,
}

impl Budget {
    /// Half of the excess over the mean of the siblings, or of the deficit.
    fn new(sibling: &SuperCell, average_mean: f64, latest_mean: f64) -> Budget {
        let half = |load: Load, mean: f64| (load.tasks() - mean * load.cpus) / 2.0;
        let average = half(sibling.load, average_mean);
        let latest = half(sibling.latest, latest_mean);
        Budget {
            give: average.min(latest).max(0.0),
            take: (-average.max(latest)).max(0.0),
        }
    }
}

/// The budgets of the parts of one group.
#[derive(Clone, Debug, Default)]
pub(super) struct Budgets {
    parts: Vec<Budget>,
    /// The largest of each kind when they were set.
    most: (f64, f64),
}

impl Budgets {
    /// Room for so many parts.
    pub fn reserve(&mut self, parts: usize) {
        self.parts.clear();
        self.parts.reserve(parts);
    }

    /// The budgets of `siblings`. Says whether they allow any move.
    pub fn set(&mut self, siblings: &[SuperCell]) -> bool {
        let mean = |load: fn(&SuperCell) -> Load| {
            let loads = siblings.iter().map(load);
            loads.fold(Load::NONE, Load::and).per_cpu()
        };
        let (average, latest) = (mean(|part| part.load), mean(|part| part.latest));
        let budgets = siblings.iter();
        let budgets = budgets.map(|part| Budget::new(part, average, latest));
        self.parts.clear();
        self.parts.extend(budgets);
        let most = |of: fn(&Budget) -> f64| self.parts.iter().map(of).fold(0.0, f64::max);
        self.most = (most(|part| part.give), most(|part| part.take));
        helps(self.most.0, self.most.1)
    }

    /// May this part give to some other?
    pub fn gives(&self, part: usize) -> bool {
        helps(self.parts[part].give, self.most.1)
    }

    /// May this part take from some other?
    pub fn takes(&self, part: usize) -> bool {
        helps(self.most.0, self.parts[part].take)
    }

    /// How many tasks may still go from part `from` to part `to`. One does as
    /// soon as that helps.
    pub fn tasks(&self, from: usize, to: usize) -> u16 {
        let (give, take) = (self.parts[from].give, self.parts[to].take);
        if helps(give, take) {
            ((give.min(take) + 0.5) as u16).max(1)
        } else {
            0
        }
    }

    /// When nothing may go from `from` to `to`: is that for want of room?
    pub fn lacks_room(&self, from: usize, to: usize) -> bool {
        self.parts[to].take < self.parts[from].give
    }

    /// So many tasks go from part `from` to part `to`.
    pub fn spend(&mut self, from: usize, to: usize, tasks: u16) {
        self.parts[from].give -= f64::from(tasks);
        self.parts[to].take -= f64::from(tasks);
    }
}

/// Does it help to move a task from a part that gives so much to one that takes
/// so much?
fn helps(give: f64, take: f64) -> bool {
    give > 0.0 && take > 0.0 && give + take >= LEAST
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Parts of two CPUs with so many tasks each, and in the last window.
    fn parts(tasks: &[(f64, f64)]) -> Vec<SuperCell> {
        let load = |tasks: f64| Load {
            queue: tasks - 2.0,
            busy: 2.0,
            cpus: 2.0,
            all_busy: true,
        };
        tasks
            .iter()
            .map(|(average, latest)| SuperCell {
                load: load(*average),
                latest: load(*latest),
                ..SuperCell::NEW
            })
            .collect()
    }

    fn steady(tasks: &[f64]) -> (Budgets, bool) {
        let loads: Vec<_> = tasks.iter().map(|tasks| (*tasks, *tasks)).collect();
        let mut budgets = Budgets::default();
        let any = budgets.set(&parts(&loads));
        (budgets, any)
    }

    #[test]
    fn two_tasks_apart_is_one_to_move() {
        // An average that has not quite got there included.
        for apart in [[5.0, 3.0], [4.9, 3.05]] {
            let (mut budgets, any) = steady(&apart);
            assert!(any && budgets.gives(0) && budgets.takes(1) && !budgets.takes(0));
            assert_eq!((budgets.tasks(0, 1), budgets.tasks(1, 0)), (1, 0));
            budgets.spend(0, 1, 1);
            assert_eq!(budgets.tasks(0, 1), 0);
        }
    }

    #[test]
    fn one_task_apart_is_none() {
        assert!(!steady(&[5.0, 4.0]).1);
        assert!(!steady(&[5.0, 4.0, 4.0]).1);
        assert!(!steady(&[4.0]).1);
    }

    #[test]
    fn a_part_that_lacks_little_takes_from_one_that_has_much() {
        let (mut budgets, any) = steady(&[6.0, 4.0, 4.0]);
        assert!(any);
        assert_eq!(budgets.tasks(0, 1), 1);
        budgets.spend(0, 1, 1);
        assert_eq!(budgets.tasks(0, 2), 0);
        assert!(budgets.lacks_room(0, 1));
    }

    #[test]
    fn half_the_gap_moves() {
        let (budgets, _) = steady(&[16.0, 4.0]);
        assert_eq!(budgets.tasks(0, 1), 3);
    }

    #[test]
    fn what_moved_already_is_not_granted_again() {
        let mut budgets = Budgets::default();
        // The average remembers a gap that the last window does not show.
        assert!(!budgets.set(&parts(&[(6.0, 4.0), (2.0, 4.0)])));
        // Nor does one odd window count.
        assert!(!budgets.set(&parts(&[(4.0, 6.0), (4.0, 2.0)])));
        assert!(!budgets.set(&parts(&[(6.0, 2.0), (2.0, 6.0)])));
    }
}
