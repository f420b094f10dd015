// SPDX-License-Identifier: GPL-2.0-only
//! Groups: homes of processes (`group.bpf.h`), which the agent's own code finds
//! from how long each ran where.

use std::collections::BTreeMap;

use super::signal::Obeyed;
use super::{Hallows, Ring};
use crate::agent::group::{Groups, Usage};
use crate::agent::params::Params;
use crate::sim::engine::machine::Machine;
use crate::sim::engine::task::TaskId;
use crate::sim::policy::reach::claim_within;

/// Run time after which the group hears of it.
const GROUP_QUANTUM_NS: u64 = 1_000_000;
const HOME_RECHECK_NS: u64 = 10_000_000;
/// Between two moves of a task that never sleeps.
const HOME_MOVE_GAP_NS: u64 = 50_000_000;
/// CPUs of its home that it looks at, and that one who woke up does.
const HOME_CHOICES: usize = 8;
const WAIT_CHOICES: usize = 2;

/// What BPF and the agent tell each other of groups.
#[derive(Debug, Default)]
pub struct Homes {
    occupancy: BTreeMap<(u32, usize), u64>,
    homes: BTreeMap<u32, usize>,
    groups: Groups,
}

impl Homes {
    /// A round of the agent.
    pub fn settle(&mut self, machine: &Machine, params: &Params) {
        let usages = std::mem::take(&mut self.occupancy).into_iter();
        let usages = usages.map(|((tgid, llc), ran_ns)| Usage {
            tgid,
            llc: llc as u16,
            ran_ns,
        });
        self.groups
            .observe(&machine.map, params, usages, machine.now_ns);
        let homes = self.groups.homes().iter();
        self.homes = homes.map(|home| (home.tgid, home.llc.into())).collect();
    }
}

impl Hallows {
    /// Adds what `task` ran on `cpu` to its group's account, once in a while.
    pub(super) fn group_charge(&mut self, machine: &Machine, task: TaskId, cpu: usize) {
        let ran_ns = &mut self.tasks[task as usize].group_ns;
        if *ran_ns < GROUP_QUANTUM_NS {
            return;
        }
        let ran_ns = std::mem::take(ran_ns);
        if let Some(group) = machine.task(task).group {
            let key = (group, machine.llc(cpu));
            *self.homes.occupancy.entry(key).or_default() += ran_ns;
        }
    }

    /// The LLC where `task` should run, none: any.
    fn home_of(&mut self, machine: &Machine, task: TaskId) -> Option<usize> {
        let time = &mut self.tasks[task as usize];
        let now_ns = machine.now_ns;
        if now_ns >= time.home_checked_ns + HOME_RECHECK_NS {
            time.home_checked_ns = now_ns;
            let group = machine.task(task).group;
            time.home_llc = group.and_then(|group| self.homes.homes.get(&group).copied());
        }
        time.home_llc
    }

    /// The home of `task`, if `cpu` is elsewhere.
    fn home_away_from(&mut self, machine: &Machine, task: TaskId, cpu: usize) -> Option<usize> {
        let home = self.home_of(machine, task);
        home.filter(|home| *home != machine.llc(cpu))
    }

    /// Would it leave the LLC of its group?
    pub(super) fn leaves_home(
        &self,
        machine: &Machine,
        task: TaskId,
        from: usize,
        to: usize,
    ) -> bool {
        let home = self.tasks[task as usize].home_llc;
        home == Some(machine.llc(from)) && home != Some(machine.llc(to))
    }

    /// Claims an idle CPU at home for `task`, which wakes up away from it.
    pub(super) fn pick_idle_home(
        &mut self,
        machine: &mut Machine,
        task: TaskId,
        cpu: usize,
    ) -> Option<usize> {
        let home = self.home_away_from(machine, task, cpu)?;
        let idle = claim_idle(machine, home)?;
        self.count("home idle");
        Some(idle)
    }

    /// May `task` leave `cpu` to go home? Not if it has just come.
    pub(super) fn may_leave(&mut self, machine: &Machine, task: TaskId, cpu: usize) -> bool {
        let moved_ns = self.tasks[task as usize].home_moved_ns;
        self.home_away_from(machine, task, cpu).is_some()
            && machine.now_ns >= moved_ns + HOME_MOVE_GAP_NS
    }

    /// Should `task`, whose slice is over, try to? Now and then.
    pub(super) fn leaves_for_home(&mut self, machine: &Machine, task: TaskId, cpu: usize) -> bool {
        let tried_ns = self.tasks[task as usize].home_tried_ns;
        if machine.now_ns < tried_ns + HOME_RECHECK_NS || !self.may_leave(machine, task, cpu) {
            return false;
        }
        self.tasks[task as usize].home_tried_ns = machine.now_ns;
        true
    }

    /// Is it put back only because it should, with nobody to follow it on its CPU?
    pub(super) fn just_leaves_for_home(&self, machine: &Machine, task: TaskId) -> bool {
        self.tasks[task as usize].home_tried_ns == machine.now_ns
    }

    /// Queues `task` in the LLC of its group, if it is away and there is room.
    /// `woke`: it comes from sleep, else its slice is over.
    pub(super) fn go_home(
        &mut self,
        machine: &mut Machine,
        task: TaskId,
        cpu: usize,
        woke: bool,
        orders: &Obeyed,
    ) -> bool {
        let Some(home) = self.home_away_from(machine, task, cpu) else {
            return false;
        };
        if !woke && !self.may_leave(machine, task, cpu) {
            return false;
        }
        let to = claim_idle(machine, home).or_else(|| {
            if woke {
                self.home_to_wait(machine, task, home, cpu)
            } else {
                self.home_to_swap(machine, home)
            }
        });
        let Some(to) = to else {
            self.count("home rejected");
            return false;
        };
        self.count("home");
        self.tasks[task as usize].home_moved_ns = machine.now_ns;
        self.queue_on_track(machine, task, to, orders.slice_ns);
        if woke {
            machine.kick(to);
        } else {
            self.make_way(machine, to);
        }
        true
    }

    /// A CPU at home whose hog is not at home there: `task`, which never sleeps,
    /// changes places with it.
    fn home_to_swap(&self, machine: &mut Machine, home: usize) -> Option<usize> {
        (0..HOME_CHOICES).find_map(|_| {
            let at = any_cpu_of(machine, home);
            let cell = &self.cells[at];
            (self.tracks[at].is_empty() && cell.hog && cell.away).then_some(at)
        })
    }

    /// Of two random CPUs at home the one with less ahead, if `task` waits there
    /// hardly longer.
    fn home_to_wait(
        &self,
        machine: &mut Machine,
        task: TaskId,
        home: usize,
        cpu: usize,
    ) -> Option<usize> {
        let mut limit_ns = self.ahead_ns(cpu, task) + self.params.min_slice_ns;
        let mut best = None;
        for _ in 0..WAIT_CHOICES {
            let at = any_cpu_of(machine, home);
            machine.probe(cpu, at);
            let ahead_ns = self.ahead_ns(at, task);
            if ahead_ns <= limit_ns {
                (limit_ns, best) = (ahead_ns, Some(at));
            }
        }
        best
    }
}

fn any_cpu_of(machine: &mut Machine, llc: usize) -> usize {
    let first = machine.map.llcs()[llc].cells.start;
    machine.random_in_llc(first)
}

fn claim_idle(machine: &mut Machine, llc: usize) -> Option<usize> {
    let first = machine.map.llcs()[llc].cells.start;
    claim_within(machine, first, Ring::Llc)
}
