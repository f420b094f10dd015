// SPDX-License-Identifier: GPL-2.0-only
//! scx_hallows: what its BPF side does, in the terms of the simulator, under
//! signals of the agent's own code.
//!
//! The modules are named as the headers in `src/bpf` that they model, and each
//! function does what the one of its name does there. What a simulation has no
//! part of is left out: higher scheduling classes, affinity, weights, wakers.

mod balance;
mod cell;
mod group;
mod place;
mod price;
mod rescue;
mod route;
mod signal;
mod slice;
mod task;
mod track;

use super::{Counted, Footprints, Policy, Settings};
use crate::agent::orders::Orders;
use crate::agent::params::Params;
use crate::agent::place::{Map, Ring};
use crate::agent::price::{Prices, need_ns};
use crate::agent::round::Controller;
use crate::agent::window::Sample;
use crate::sim::engine::bits::Bits;
use crate::sim::engine::machine::Machine;
use crate::sim::engine::task::TaskId;
use crate::sim::engine::track::Track;
use cell::Cell;
use group::Homes;
use signal::{Obeyed, Signal};
use task::TaskTime;

/// The scheduler.
pub struct Hallows {
    params: Params,
    /// What a move over each ring has to save.
    need_ns: Prices,
    footprints: Footprints,
    cells: Vec<Cell>,
    /// The CPUs' tracks, since when each has not moved (0: it never did), and
    /// those that hold work.
    tracks: Vec<Track>,
    track_since_ns: Vec<u64>,
    /// When one came to wait whose slice was over.
    track_tireless_ns: Vec<u64>,
    waiting: Bits,
    /// The LLCs' express tracks, and since when the first on them waits.
    express: Vec<Track>,
    express_since_ns: Vec<u64>,
    /// The CPU whose track each idle CPU is to try first.
    invited_by: Vec<Option<usize>>,
    /// Who runs there was asked to make way for one of the track.
    make_way: Vec<bool>,
    homes: Homes,
    tasks: Vec<TaskTime>,
    signals: Vec<Signal>,
    agent: Option<Controller>,
    samples: Vec<Sample>,
    counted: Counted,
}

impl Hallows {
    /// The scheduler of `map`, with its agent or without.
    pub fn new(map: &Map, settings: &Settings, agent: bool) -> Hallows {
        let (nr, llcs) = (map.cells().len(), map.llcs().len());
        let params = settings.params;
        Hallows {
            params,
            need_ns: need_ns(&settings.prices_ns, params.kappa, params.hysteresis_ns),
            footprints: settings.footprints,
            cells: vec![Cell::default(); nr],
            tracks: vec![Track::default(); nr],
            track_since_ns: vec![0; nr],
            track_tireless_ns: vec![0; nr],
            waiting: Bits::new(nr),
            express: vec![Track::default(); llcs],
            express_since_ns: vec![0; llcs],
            invited_by: vec![None; nr],
            make_way: vec![false; nr],
            homes: Homes::default(),
            tasks: Vec::new(),
            signals: vec![Signal::default(); nr],
            agent: agent.then(|| Controller::new(map, params)),
            samples: Vec::with_capacity(nr),
            counted: Counted::default(),
        }
    }

    fn count(&mut self, decision: &'static str) {
        *self.counted.decisions.entry(decision).or_default() += 1;
    }

    /// `cpu` has nothing to run: the LLC, the agent's route, the static one.
    fn look_around(
        &mut self,
        machine: &mut Machine,
        cpu: usize,
        orders: &Obeyed,
    ) -> Option<TaskId> {
        if self.tracks[cpu].is_empty() {
            self.waiting.set(cpu, false);
        }
        let found = self
            .take_peer(machine, cpu, orders.scan_k)
            .or_else(|| self.take_route(machine, cpu))
            .or_else(|| self.take_detour(machine, cpu))
            .or_else(|| self.take_peer(machine, cpu, signal::MAX_SCAN_K));
        if found.is_none() {
            self.cells[cpu].declined = self.yard_fold(machine, cpu);
        }
        found
    }
}

impl Policy for Hallows {
    fn init(&mut self, machine: &mut Machine) {
        for (cpu, cell) in self.cells.iter_mut().enumerate() {
            cell.goes_idle(0, machine.now_ns);
            self.track_since_ns[cpu] = 0;
        }
        if self.agent.is_some() {
            self.round(machine);
        }
    }

    fn wake(&mut self, machine: &mut Machine, task: TaskId) {
        let prev_cpu = machine.task(task).cpu;
        let orders = self.read_orders(prev_cpu, machine.now_ns);
        self.wakes(task, prev_cpu);
        let believes = self.is_express(task);
        let idle_lvl = if believes {
            orders.idle_lvl
        } else {
            Ring::Smt as u8
        };
        match self.pick_idle_near(machine, task, prev_cpu, idle_lvl) {
            Some(cpu) => machine.run_on(cpu, task, self.whole_slice_ns(task, orders.slice_ns)),
            None => self.enqueue_woken(machine, task, prev_cpu, &orders),
        }
    }

    fn requeue(&mut self, machine: &mut Machine, cpu: usize, task: TaskId) {
        let orders = self.read_orders(cpu, machine.now_ns);
        let alone = self.just_leaves_for_home(machine, task);
        if !alone && self.enqueue_idle(machine, task, cpu, &orders) {
            return;
        }
        if self.go_home(machine, task, cpu, false, &orders) {
            return;
        }
        let to = self
            .push_target(machine, task, cpu, &orders)
            .unwrap_or_else(|| self.track_for(machine, task, cpu, &orders));
        self.queue_on_track(machine, task, to, orders.slice_ns);
        if to != cpu {
            machine.kick(to);
        }
    }

    fn pick(&mut self, machine: &mut Machine, cpu: usize, prev: Option<TaskId>) -> Option<TaskId> {
        let orders = self.read_orders(cpu, machine.now_ns);
        if let Some(prev) = prev {
            self.charge(machine, prev);
            self.group_charge(machine, prev, cpu);
        }
        let invited = self.take_invited(machine, cpu);
        if invited.is_some() {
            return invited;
        }
        let asked_away = std::mem::take(&mut self.make_way[cpu]);
        if let Some(prev) = prev.filter(|_| !asked_away) {
            // A slice ended: is there somebody elsewhere who had less?
            let found = self
                .take_fair(machine, cpu, &orders)
                .or_else(|| self.take_lagging(machine, cpu, prev, orders.slice_ns));
            if found.is_some() {
                return found;
            }
        }
        let swaps = asked_away && self.cells[cpu].away;
        let stays = prev.filter(|_| !swaps);
        let found = self.take_head(machine, cpu, stays, orders.slice_ns);
        if found.is_some() || prev.is_some() {
            return found;
        }
        self.look_around(machine, cpu, &orders)
    }

    fn keeps(&mut self, machine: &mut Machine, cpu: usize, prev: TaskId) -> bool {
        if self.leaves_for_home(machine, prev, cpu) {
            self.cells[cpu].declined = 0;
            return false;
        }
        self.count("kept");
        let slice_ns = self.read_orders(cpu, machine.now_ns).slice_ns;
        self.renew_slice(machine, cpu, prev, slice_ns);
        true
    }

    fn running(&mut self, machine: &mut Machine, cpu: usize, task: TaskId) {
        self.rest(task, machine.now_ns);
        self.rebase_vtime(task, cpu);
        self.advance_clock(cpu, task, self.params.slice_ns);
        let express = self.is_express(task);
        let used_ns = machine.task(task).cpu_ns;
        let time = &mut self.tasks[task as usize];
        time.slept_ns = None;
        time.exec_start_ns = used_ns;
        time.granted_ns = machine.task(task).slice_ns;
        let (avg_burst_ns, nr_queued) = (time.avg_burst_ns, self.tracks[cpu].len());
        self.cells[cpu].runs(avg_burst_ns, !express, nr_queued as u32, machine.now_ns);
        self.cells[cpu].away = self.may_leave(machine, task, cpu);
    }

    fn stopping(&mut self, machine: &mut Machine, cpu: usize, task: TaskId, runnable: bool) {
        self.charge(machine, task);
        self.group_charge(machine, task, cpu);
        self.burst_stops(task, runnable, machine.now_ns);
        let time = &mut self.tasks[task as usize];
        let express = std::mem::take(&mut time.on_express);
        let granted_ns = time.granted_ns;
        let cell = &mut self.cells[cpu];
        let ran_ns = machine.now_ns - cell.run_since_ns;
        cell.stops(ran_ns, machine.now_ns);
        if runnable && ran_ns < granted_ns {
            cell.preempted_ns = machine.now_ns;
        }
        if express && cell.nr_queued > 0 {
            cell.express_ns += ran_ns;
        }
    }

    fn idle(&mut self, machine: &mut Machine, cpu: usize) {
        let nr_queued = self.tracks[cpu].len() as u32;
        self.cells[cpu].goes_idle(nr_queued, machine.now_ns);
        let express = !self.express[machine.llc(cpu)].is_empty();
        let news = self.yard_fold(machine, cpu) & !self.cells[cpu].declined;
        if nr_queued > 0 || express || news != 0 {
            machine.kick(cpu);
        }
    }

    fn tick(&mut self, machine: &mut Machine, cpu: usize) {
        let (llc, now_ns) = (machine.llc(cpu), machine.now_ns);
        let nr_queued = self.tracks[cpu].len() as u32;
        self.cells[cpu].sample(nr_queued, now_ns);
        if self.cells[cpu].express_ns < self.params.slice_ns
            && !self.express[llc].is_empty()
            && self.can_preempt(cpu, now_ns)
        {
            machine.preempt(cpu);
        }
        if nr_queued > 0 || !self.express[llc].is_empty() || self.yard_fold(machine, cpu) != 0 {
            self.cut_slice(machine, cpu);
        }
        let age_ns = self.track_age(cpu, now_ns);
        if nr_queued > 0 && age_ns > 0 {
            self.hand_off(machine, cpu, age_ns);
        }
    }

    fn round(&mut self, machine: &mut Machine) {
        self.steer(machine);
        if self.params.affinity {
            self.homes.settle(machine, &self.params);
        }
    }

    fn measure(&mut self, _machine: &mut Machine) {
        self.counted = Counted::default();
    }

    fn counted(&self) -> Counted {
        self.counted.clone()
    }
}
