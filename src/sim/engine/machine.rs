// SPDX-License-Identifier: GPL-2.0-only
//! The machine and the part of the kernel that every policy relies on: CPUs
//! that run one task at a time, run queues, idle masks, kicks.

use std::collections::VecDeque;

use super::costs::{Costs, Lock};
use super::events::{Event, Events};
use super::idle::IdleCpus;
use super::sharing::Sharing;
use super::task::{Kind, State, Task, TaskId, shrunk, stretched};
use crate::agent::place::{Map, Ring};
use crate::sim::metrics::Metrics;

/// When simulations begin. Not 0, which stands for "never" in cells.
pub const START_NS: u64 = 1_000_000_000;

/// A CPU as the kernel sees it.
#[derive(Clone, Debug, Default)]
pub struct Cpu {
    /// What it runs.
    pub current: Option<TaskId>,
    /// What it runs next, whatever the policy wants.
    pub local: VecDeque<TaskId>,
    /// Number of the present run.
    pub run: u32,
    /// It was asked to stop what it runs.
    pub resched: bool,
    kicked: bool,
    charged_ns: u64,
    slice_end_ns: u64,
}

/// The machine. CPUs are known by the index of their cell.
#[derive(Debug)]
pub struct Machine {
    /// Where the CPUs are.
    pub map: Map,
    /// The present.
    pub now_ns: u64,
    /// The CPUs.
    pub cpus: Vec<Cpu>,
    /// All tasks there ever were.
    pub tasks: Vec<Task>,
    /// CPUs that idle and are nobody's yet.
    pub idle: IdleCpus,
    /// The only source of chance.
    pub rng: fastrand::Rng,
    /// What the hardware charges.
    pub costs: Costs,
    /// What is measured.
    pub metrics: Metrics,
    /// What happens next.
    pub events: Events,
    sharing: Sharing,
    spent_ns: u64,
}

impl Machine {
    /// An idle machine without tasks.
    pub fn new(map: Map, costs: Costs, seed: u64) -> Machine {
        let nr = map.cells().len();
        Machine {
            now_ns: START_NS,
            cpus: vec![Cpu::default(); nr],
            tasks: Vec::new(),
            idle: IdleCpus::new(&map),
            rng: fastrand::Rng::with_seed(seed),
            costs,
            metrics: Metrics::new(nr, START_NS),
            events: Events::default(),
            sharing: Sharing::default(),
            spent_ns: 0,
            map,
        }
    }

    /// Number of CPUs.
    pub fn nr_cpus(&self) -> usize {
        self.cpus.len()
    }

    /// The task of this id.
    pub fn task(&self, id: TaskId) -> &Task {
        &self.tasks[id as usize]
    }

    /// The task of this id, to change.
    pub fn task_mut(&mut self, id: TaskId) -> &mut Task {
        &mut self.tasks[id as usize]
    }

    /// Adds a sleeping task.
    pub fn add_task(&mut self, task: Task) -> TaskId {
        self.tasks.push(task);
        (self.tasks.len() - 1) as TaskId
    }

    /// Plans `event` in `after_ns` from now.
    pub fn plan(&mut self, after_ns: u64, event: Event) {
        self.events.plan(self.now_ns + after_ns, event);
    }

    /// Makes `cpu` look for work if it is idle.
    pub fn kick(&mut self, cpu: usize) {
        if !self.cpus[cpu].kicked {
            self.cpus[cpu].kicked = true;
            self.plan(0, Event::Resched(cpu as u32));
        }
    }

    /// Makes `cpu` stop what it runs and choose anew.
    pub fn preempt(&mut self, cpu: usize) {
        self.cpus[cpu].resched = true;
        self.kick(cpu);
    }

    /// `cpu`, claimed by the caller, runs `task` next, for `slice_ns`.
    pub fn run_on(&mut self, cpu: usize, task: TaskId, slice_ns: u64) {
        self.task_mut(task).slice_ns = slice_ns;
        self.cpus[cpu].local.push_back(task);
        self.kick(cpu);
    }

    /// Charges the decision that is being made for a look from `from` at `to`.
    pub fn probe(&mut self, from: usize, to: usize) {
        let ring = self.map.ring(from, to);
        self.spent_ns += self.costs.probe(ring);
    }

    /// Charges it for a search of masks of `ring`.
    pub fn search(&mut self, ring: Ring) {
        self.spent_ns += self.costs.probe(ring);
    }

    /// Charges it for an operation under `lock`.
    pub fn lock(&mut self, lock: Lock) {
        self.spent_ns += self.costs.lock(lock, self.now_ns + self.spent_ns);
    }

    /// What decisions cost since this was last asked.
    pub(super) fn take_spent(&mut self) -> u64 {
        std::mem::take(&mut self.spent_ns)
    }

    /// A random CPU of the LLC of `cpu`, maybe itself.
    pub fn random_in_llc(&mut self, cpu: usize) -> usize {
        let cells = self.map.llcs()[self.llc(cpu)].cells.clone();
        self.rng.usize(cells)
    }

    /// Dense index of the LLC of `cpu`.
    pub fn llc(&self, cpu: usize) -> usize {
        self.map.cells()[cpu].llc.into()
    }

    /// Dense index of the node of `cpu`.
    pub fn node(&self, cpu: usize) -> usize {
        self.map.cells()[cpu].node.into()
    }

    /// The kick of `cpu` arrived.
    pub(super) fn kick_arrived(&mut self, cpu: usize) {
        self.cpus[cpu].kicked = false;
    }

    /// A task begins to wait.
    pub(super) fn queued(&mut self, id: TaskId) {
        self.task_mut(id).state = State::Queued;
        self.metrics.queue(self.now_ns, 1);
    }

    /// Starts `id` on `cpu`, which runs nothing.
    pub(super) fn start(&mut self, cpu: usize, id: TaskId) {
        assert!(self.cpus[cpu].current.is_none(), "CPU {cpu} runs a task");
        let now_ns = self.now_ns;
        let shared_ns = self.fetch_shared(cpu, id);
        let task = &mut self.tasks[id as usize];
        assert_eq!(task.state, State::Queued, "task {id} does not wait");
        if task.born {
            let ring = self.map.ring(task.cpu, cpu);
            let gap_ns = now_ns - task.stopped_ns;
            let refill = self.costs.refill(ring, task.footprint.factor, gap_ns);
            task.refill_left_ns = task.refill_left_ns.max(refill);
            self.metrics.moved(ring);
        }
        task.refill_left_ns += shared_ns;
        if task.fresh && task.kind == Kind::Job {
            self.metrics
                .waited(now_ns - task.woken_ns + task.decision_left_ns);
        }
        (task.state, task.cpu) = (State::Running, cpu);
        (task.born, task.fresh) = (true, false);
        self.metrics.queue(now_ns, -1);
        self.metrics.idle(now_ns, -1);
        self.idle.claim(cpu);
        self.cpus[cpu].current = Some(id);
        self.cpus[cpu].charged_ns = now_ns;
        self.grant(cpu);
    }

    /// What it costs `id`, if its burst begins now on `cpu`, to find what the
    /// threads of its process share.
    fn fetch_shared(&mut self, cpu: usize, id: TaskId) -> u64 {
        let task = &self.tasks[id as usize];
        let Some(group) = task.group.filter(|_| task.fresh) else {
            return 0;
        };
        let (llcs, refill_ns) = (self.map.llcs(), &self.costs.refill_ns);
        let fetch_ns = |llc: usize| refill_ns[self.map.ring(cpu, llcs[llc].cells.start) as usize];
        self.sharing
            .begin(group, (self.llc(cpu), llcs.len()), fetch_ns)
    }

    /// What `cpu` runs has so much left of its slice, 0: or runs nothing.
    pub fn slice_left_ns(&self, cpu: usize) -> u64 {
        let slot = &self.cpus[cpu];
        let left_ns = slot.slice_end_ns.saturating_sub(self.now_ns);
        slot.current.map_or(0, |_| left_ns)
    }

    /// The slice of what `cpu` runs ends in `left_ns`.
    pub fn set_slice(&mut self, cpu: usize, left_ns: u64) {
        self.charge(cpu);
        self.cpus[cpu].slice_end_ns = self.now_ns + left_ns;
        self.plan_stop(cpu);
    }

    /// What `cpu` runs has a slice from now on.
    pub(super) fn grant(&mut self, cpu: usize) {
        if let Some(id) = self.cpus[cpu].current {
            self.cpus[cpu].slice_end_ns = self.now_ns + self.task(id).slice_ns;
            self.plan_stop(cpu);
        }
    }

    /// Plans the end of the present run of `cpu`, which was just charged.
    pub(super) fn plan_stop(&mut self, cpu: usize) {
        let Some(id) = self.cpus[cpu].current else {
            return;
        };
        let task = &self.tasks[id as usize];
        let work = stretched(task.work_left_ns, self.slower(cpu, id));
        let ahead = task.decision_left_ns + task.refill_left_ns + work;
        let slot = &mut self.cpus[cpu];
        let length = ahead.min(slot.slice_end_ns.saturating_sub(self.now_ns));
        slot.run = slot.run.wrapping_add(1);
        let run = slot.run;
        let cpu = cpu as u32;
        self.plan(length, Event::Stop { cpu, run });
    }

    /// CPU time that what `cpu` runs has used up to now, 0 if it runs nothing.
    pub fn used_ns(&self, cpu: usize) -> u64 {
        let slot = &self.cpus[cpu];
        slot.current
            .map_or(0, |id| self.task(id).cpu_ns + self.now_ns - slot.charged_ns)
    }

    fn slower(&self, cpu: usize, id: TaskId) -> u64 {
        let task = &self.tasks[id as usize];
        if self.node(cpu) == usize::from(task.home) {
            0
        } else {
            task.footprint.remote_permille
        }
    }

    /// Charges what `cpu` runs for the time since it was last charged.
    pub(super) fn charge(&mut self, cpu: usize) {
        let Some(id) = self.cpus[cpu].current else {
            return;
        };
        let slower = self.slower(cpu, id);
        let slot = &mut self.cpus[cpu];
        let elapsed = self.now_ns - std::mem::replace(&mut slot.charged_ns, self.now_ns);
        let task = &mut self.tasks[id as usize];
        let decision = elapsed.min(task.decision_left_ns);
        let refill = (elapsed - decision).min(task.refill_left_ns);
        let rest = elapsed - decision - refill;
        let work = if rest >= stretched(task.work_left_ns, slower) {
            task.work_left_ns
        } else {
            shrunk(rest, slower).min(task.work_left_ns)
        };
        task.decision_left_ns -= decision;
        task.refill_left_ns -= refill;
        task.work_left_ns -= work;
        task.work_done_ns += work;
        task.cpu_ns += elapsed;
        self.metrics.ran(work, rest - work, refill, decision);
    }

    /// `cpu` stops what it runs, which was charged, and says what that is.
    pub(super) fn stop(&mut self, cpu: usize) -> Option<TaskId> {
        let id = self.cpus[cpu].current.take()?;
        self.metrics.idle(self.now_ns, 1);
        self.task_mut(id).stopped_ns = self.now_ns;
        Some(id)
    }
}
