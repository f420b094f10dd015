// SPDX-License-Identifier: GPL-2.0-only
//! Groups: in which LLC the threads of a process should run.
//!
//! Threads that share memory and run in one LLC find it there; spread over two,
//! each write of one is a miss of another. A group gets a home where it ran
//! most, changes it for a place where it ran twice as much, and has none when no
//! LLC has room for it. The rules are those of Linux's cache-aware load balancing
//! (`kernel/sched/fair.c`, 2026).

mod claims;

use std::collections::HashMap;

use super::params::{MS, Params};
use super::place::Map;
use claims::Claims;

/// Time in which the weight of the past halves.
const HALF_LIFE_NS: f64 = 10.0 * MS as f64;
/// Time in which the load of a group follows half of a change: a window's is off
/// by what its threads have not told yet.
const LOAD_HALF_LIFE_NS: f64 = 50.0 * MS as f64;
/// A group that has outgrown all LLCs fits again below this share of the load
/// with which it does.
const FITS: f64 = 0.92;
/// So many times the CPUs of an LLC can't be mistaken for fewer.
const CERTAINLY: f64 = 1.25;
/// CPUs that a group must use for a home to be worth it.
const LEAST_LOAD: f64 = 0.1;
/// Groups that have a home at a time, those that use most CPUs.
pub const MAX_GROUPS: usize = 1024;

/// How long a process ran in an LLC since the last report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// The process, by its thread group id.
    pub tgid: u32,
    /// Dense LLC index.
    pub llc: u16,
    pub ran_ns: u64,
}

/// Where a process should run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Home {
    pub tgid: u32,
    /// Dense LLC index.
    pub llc: u16,
}

#[derive(Clone, Debug, Default)]
struct Group {
    /// Run time by LLC, the past weighing less, in nanoseconds; sorted by LLC.
    occupancy: Vec<(u16, f64)>,
    /// CPUs in use, EWMA.
    load: f64,
    ran_ns: u64,
    home: Option<u16>,
    switched_ns: Option<u64>,
    outgrown: bool,
}

/// All groups that ran lately.
#[derive(Clone, Debug, Default)]
pub struct Groups {
    groups: HashMap<u32, Group>,
    observed_ns: u64,
    claims: Claims,
    order: Vec<(u32, f64)>,
    homes: Vec<Home>,
    switches: u64,
}

impl Groups {
    /// Takes note of what ran until `now_ns` and decides on homes. Usage of LLCs
    /// that `map` does not have is ignored. Costs O(groups log groups).
    pub fn observe(
        &mut self,
        map: &Map,
        params: &Params,
        usages: impl IntoIterator<Item = Usage>,
        now_ns: u64,
    ) {
        let passed_ns = now_ns.saturating_sub(self.observed_ns).max(1) as f64;
        self.observed_ns = now_ns;
        let keep = 0.5f64.powf(passed_ns / HALF_LIFE_NS);
        for group in self.groups.values_mut() {
            group.fade(keep);
        }
        for usage in usages {
            if usize::from(usage.llc) < map.llcs().len() {
                self.groups.entry(usage.tgid).or_default().add(usage);
            }
        }
        let keep = 0.5f64.powf(passed_ns / LOAD_HALF_LIFE_NS);
        let largest = map.llcs().iter().map(|llc| llc.cells.len()).max();
        for group in self.groups.values_mut() {
            group.weigh(passed_ns, keep, largest.unwrap_or(0) as f64);
        }
        self.groups
            .retain(|_, group| !group.occupancy.is_empty() || group.load > LEAST_LOAD / 10.0);
        self.settle(map, params, now_ns);
    }

    /// The heaviest first: a light group finds room more easily.
    fn settle(&mut self, map: &Map, params: &Params, now_ns: u64) {
        self.claims.start(map, params.home_fill);
        self.homes.clear();
        self.order.clear();
        self.order
            .extend(self.groups.iter().map(|(tgid, group)| (*tgid, group.load)));
        self.order
            .sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        for (place, (tgid, load)) in self.order.iter().enumerate() {
            let Some(group) = self.groups.get_mut(tgid) else {
                continue;
            };
            let home = if place < MAX_GROUPS && *load >= LEAST_LOAD {
                group.choose(&mut self.claims, params, now_ns)
            } else {
                None
            };
            if let Some(llc) = home {
                self.claims.add(llc, *load);
                self.homes.push(Home { tgid: *tgid, llc });
            }
            self.switches +=
                u64::from(group.home.is_some() && home.is_some() && home != group.home);
            if home != group.home {
                group.home = home;
                group.switched_ns = Some(now_ns);
            }
        }
        self.homes.sort_unstable_by_key(|home| home.tgid);
    }

    /// The homes, sorted by tgid.
    pub fn homes(&self) -> &[Home] {
        &self.homes
    }

    /// How often a group changed one home for another.
    pub fn switches(&self) -> u64 {
        self.switches
    }
}

impl Group {
    fn fade(&mut self, keep: f64) {
        for (_, ran) in &mut self.occupancy {
            *ran *= keep;
        }
        // Less than a microsecond is nothing, and would stay for ever.
        self.occupancy.retain(|(_, ran)| *ran > 1_000.0);
    }

    fn add(&mut self, usage: Usage) {
        self.ran_ns = self.ran_ns.saturating_add(usage.ran_ns);
        let ran = usage.ran_ns as f64;
        match self.place_of(usage.llc) {
            Ok(at) => self.occupancy[at].1 += ran,
            Err(at) => self.occupancy.insert(at, (usage.llc, ran)),
        }
    }

    /// What it used in the window tells its load, the past included; at once when
    /// no LLC has so many CPUs. Its threads tell at ticks, so that the use of a
    /// short window is off by some of them.
    fn weigh(&mut self, passed_ns: f64, keep: f64, largest: f64) {
        let used = self.ran_ns as f64 / passed_ns;
        let lately: f64 = self.occupancy.iter().map(|(_, ran)| ran).sum();
        let lately = used.min(lately * std::f64::consts::LN_2 / HALF_LIFE_NS);
        self.load = keep * self.load + (1.0 - keep) * used;
        if lately > CERTAINLY * largest {
            self.load = self.load.max(lately);
        }
        self.ran_ns = 0;
    }

    fn ran_in(&self, llc: u16) -> f64 {
        self.place_of(llc).map_or(0.0, |at| self.occupancy[at].1)
    }

    /// Where `llc` is in the occupancy, or where it would be.
    fn place_of(&self, llc: u16) -> Result<usize, usize> {
        self.occupancy.binary_search_by_key(&llc, |(llc, _)| *llc)
    }

    /// The home of this group beside those of `claims`.
    fn choose(&mut self, claims: &mut Claims, params: &Params, now_ns: u64) -> Option<u16> {
        let limit = if self.outgrown { FITS } else { 1.0 };
        self.outgrown = self.load > limit * claims.largest();
        if self.outgrown {
            return None;
        }
        let now = self.home.filter(|llc| claims.has_room(*llc, self.load));
        // One that lost its home to a heavier group looks for another at once.
        let waits = now.is_some()
            && self
                .switched_ns
                .is_some_and(|at| now_ns.saturating_sub(at) < params.home_gap_ns);
        if waits {
            return now;
        }
        let most = self.most_used(claims)?;
        match now {
            Some(home) if self.ran_in(most) <= params.home_factor * self.ran_in(home) => Some(home),
            _ => Some(most),
        }
    }

    /// Of the LLCs with room that where it ran most; if it ran in none of them,
    /// that of which the least is claimed.
    fn most_used(&self, claims: &mut Claims) -> Option<u16> {
        let used = self.occupancy.iter().filter(|(_, ran)| *ran > 0.0);
        let rooms = used.filter(|(llc, _)| claims.has_room(*llc, self.load));
        let most = rooms.max_by(|a, b| a.1.total_cmp(&b.1).then(claims.compare(b.0, a.0)));
        most.map(|(llc, _)| *llc)
            .or_else(|| claims.least_claimed(self.load))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::testing::{Machine, machines};
    use proptest::prelude::*;
    use std::ops::Range;

    const TWO_LLCS: Machine = Machine {
        nodes: 1,
        llcs: 2,
        cores: 4,
        smt: 1,
    };

    fn usage(tgid: u32, llc: u16, ran_ms: u64) -> Usage {
        Usage {
            tgid,
            llc,
            ran_ns: ran_ms * MS,
        }
    }

    /// Windows of 10 ms, each with the same usage.
    fn windows(groups: &mut Groups, map: &Map, first: u64, nr: u64, usages: &[Usage]) {
        tuned(&Params::default(), groups, map, first..first + nr, usages);
    }

    fn tuned(
        params: &Params,
        groups: &mut Groups,
        map: &Map,
        windows: Range<u64>,
        usages: &[Usage],
    ) {
        for window in windows {
            groups.observe(map, params, usages.iter().copied(), window * 10 * MS);
        }
    }

    #[test]
    fn a_group_lives_where_it_runs_most() {
        let (map, mut groups) = (TWO_LLCS.map(), Groups::default());
        windows(&mut groups, &map, 1, 5, &[usage(7, 0, 5), usage(7, 1, 8)]);
        assert_eq!(groups.homes(), [Home { tgid: 7, llc: 1 }]);
    }

    #[test]
    fn a_home_changes_for_twice_as_much_only_and_not_too_often() {
        let (map, mut groups) = (TWO_LLCS.map(), Groups::default());
        windows(&mut groups, &map, 1, 10, &[usage(7, 0, 10)]);
        windows(
            &mut groups,
            &map,
            11,
            20,
            &[usage(7, 0, 8), usage(7, 1, 12)],
        );
        assert_eq!(groups.homes(), [Home { tgid: 7, llc: 0 }]);
        windows(
            &mut groups,
            &map,
            31,
            20,
            &[usage(7, 0, 5), usage(7, 1, 15)],
        );
        assert_eq!(groups.homes(), [Home { tgid: 7, llc: 1 }]);
        assert_eq!(groups.switches(), 1);
        // Alternating load: one change in 50 ms at most.
        for window in 0..100 {
            let llc = (window / 3 % 2) as u16;
            windows(&mut groups, &map, 51 + window, 1, &[usage(7, llc, 20)]);
        }
        assert!(groups.switches() <= 1 + 20, "{}", groups.switches());
    }

    #[test]
    fn how_readily_a_home_changes_is_tuned() {
        let map = TWO_LLCS.map();
        // Runs elsewhere so much more for 300 ms, then all the time elsewhere.
        let homes = |params: &Params| {
            let mut groups = Groups::default();
            tuned(params, &mut groups, &map, 1..11, &[usage(7, 0, 10)]);
            let both = [usage(7, 0, 8), usage(7, 1, 12)];
            tuned(params, &mut groups, &map, 11..41, &both);
            let first = groups.homes()[0].llc;
            tuned(params, &mut groups, &map, 41..61, &[usage(7, 1, 20)]);
            (first, groups.homes()[0].llc)
        };
        let with = |home_factor, home_gap_ns| Params {
            home_factor,
            home_gap_ns,
            ..Params::default()
        };
        assert_eq!(homes(&with(2.0, 50 * MS)), (0, 1));
        assert_eq!(homes(&with(1.2, 50 * MS)), (1, 1));
        assert_eq!(homes(&with(1.2, 5_000 * MS)), (0, 0));
    }

    #[test]
    fn what_fits_is_tuned() {
        let (map, mut groups) = (TWO_LLCS.map(), Groups::default());
        let fill = |home_fill| Params {
            home_fill,
            ..Params::default()
        };
        let three_of_four = [usage(7, 0, 30)];
        tuned(&fill(0.85), &mut groups, &map, 1..31, &three_of_four);
        assert_eq!(groups.homes().len(), 1);
        tuned(&fill(0.5), &mut groups, &map, 31..32, &three_of_four);
        assert!(groups.homes().is_empty());
    }

    #[test]
    fn two_groups_that_do_not_fit_together_part() {
        let (map, mut groups) = (TWO_LLCS.map(), Groups::default());
        let both = [usage(7, 0, 22), usage(8, 0, 20)];
        windows(&mut groups, &map, 1, 40, &both);
        let expected = [Home { tgid: 7, llc: 0 }, Home { tgid: 8, llc: 1 }];
        assert_eq!(groups.homes(), expected);
    }

    #[test]
    fn who_is_heavier_does_not_change_the_order_of_homes() {
        let (map, mut groups) = (TWO_LLCS.map(), Groups::default());
        windows(&mut groups, &map, 1, 20, &[usage(7, 0, 9), usage(8, 0, 8)]);
        let before = groups.homes().to_vec();
        windows(&mut groups, &map, 21, 20, &[usage(7, 0, 8), usage(8, 0, 9)]);
        assert_eq!((before.len(), groups.homes()), (2, before.as_slice()));
    }

    #[test]
    fn who_outgrows_the_llc_has_no_home() {
        let (map, mut groups) = (TWO_LLCS.map(), Groups::default());
        windows(&mut groups, &map, 1, 10, &[usage(7, 0, 28)]);
        assert_eq!(groups.homes().len(), 1);
        windows(&mut groups, &map, 11, 30, &[usage(7, 0, 40)]);
        assert!(groups.homes().is_empty());
        // It has to shrink a little more than it grew.
        windows(&mut groups, &map, 41, 50, &[usage(7, 0, 33)]);
        assert!(groups.homes().is_empty());
        windows(&mut groups, &map, 91, 30, &[usage(7, 0, 28)]);
        assert_eq!(groups.homes().len(), 1);
    }

    #[test]
    fn who_uses_more_than_an_llc_has_outgrown_it_at_once() {
        let (map, mut groups) = (TWO_LLCS.map(), Groups::default());
        windows(&mut groups, &map, 1, 10, &[usage(7, 0, 10)]);
        assert_eq!(groups.homes().len(), 1);
        windows(
            &mut groups,
            &map,
            11,
            2,
            &[usage(7, 0, 40), usage(7, 1, 40)],
        );
        assert!(groups.homes().is_empty());
    }

    #[test]
    fn who_does_next_to_nothing_has_no_home_and_is_forgotten() {
        let (map, mut groups) = (TWO_LLCS.map(), Groups::default());
        let light = Usage {
            ran_ns: MS / 2,
            ..usage(7, 0, 0)
        };
        windows(&mut groups, &map, 1, 10, &[light]);
        assert!(groups.homes().is_empty());
        windows(&mut groups, &map, 11, 30, &[]);
        assert!(groups.groups.is_empty());
    }

    proptest! {
        #[test]
        fn homes_exist_and_are_not_crowded(
            map in machines(),
            windows in prop::collection::vec(
                prop::collection::vec((0..40u32, any::<u16>(), 0..200 * MS), 0..60), 1..20),
        ) {
            let (params, mut groups) = (Params::default(), Groups::default());
            for (window, usages) in windows.into_iter().enumerate() {
                let usages = usages
                    .into_iter()
                    .map(|(tgid, llc, ran_ns)| Usage { tgid, llc: llc % 8, ran_ns });
                groups.observe(&map, &params, usages, (window as u64 + 1) * 10 * MS);
                prop_assert!(groups.homes().is_sorted_by_key(|home| home.tgid));
                let mut claimed = vec![0.0; map.llcs().len()];
                for home in groups.homes() {
                    claimed[home.llc as usize] += groups.groups[&home.tgid].load;
                }
                for (llc, load) in map.llcs().iter().zip(claimed) {
                    prop_assert!(load <= params.home_fill * llc.cells.len() as f64 + 1e-9);
                }
            }
        }
    }
}
