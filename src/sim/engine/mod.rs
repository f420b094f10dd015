// SPDX-License-Identifier: GPL-2.0-only
//! The engine: plays events on a machine, asking the policy where tasks go and
//! the workload what they do.

pub mod bits;
pub mod costs;
pub mod events;
pub mod idle;
pub mod machine;
pub mod sharing;
pub mod task;
pub mod track;

use crate::sim::policy::Policy;
use crate::sim::workload::{After, Workload};
use events::Event;
use machine::{Machine, START_NS};
use task::{State, TaskId};

/// Time between two ticks of a CPU.
const TICK_NS: u64 = 1_000_000;

/// A simulation that runs.
pub struct Engine {
    /// The machine.
    pub machine: Machine,
    /// Who schedules.
    pub policy: Box<dyn Policy>,
    /// What runs.
    pub workload: Box<dyn Workload>,
    end_ns: u64,
}

impl Engine {
    /// Sets the stage: `duration_ns` from the start, of which the first
    /// `warmup_ns` are not measured.
    pub fn new(
        machine: Machine,
        policy: Box<dyn Policy>,
        workload: Box<dyn Workload>,
        duration_ns: u64,
        warmup_ns: u64,
    ) -> Engine {
        let mut engine = Engine {
            machine,
            policy,
            workload,
            end_ns: START_NS + duration_ns,
        };
        let machine = &mut engine.machine;
        machine.plan(warmup_ns, Event::Measure);
        let nr = machine.nr_cpus() as u64;
        for cpu in 0..nr {
            machine.plan(TICK_NS + cpu * TICK_NS / nr, Event::Tick(cpu as u32));
        }
        engine.policy.init(machine);
        engine.workload.populate(machine);
        engine
    }

    /// Plays `events` events at most; says whether there are more to come
    /// before the end.
    pub fn play(&mut self, events: usize) -> bool {
        for _ in 0..events {
            match self.machine.events.pop() {
                Some((at_ns, event)) if at_ns <= self.end_ns && !self.workload.over() => {
                    self.machine.now_ns = at_ns;
                    self.happen(event);
                }
                _ => {
                    self.finish();
                    return false;
                }
            }
        }
        true
    }

    /// What share of the time is over.
    pub fn progress(&self) -> f64 {
        let length = (self.end_ns - START_NS).max(1);
        (self.machine.now_ns - START_NS) as f64 / length as f64
    }

    /// Charges everybody up to the end. A workload that is over ends at its
    /// last event.
    fn finish(&mut self) {
        if !self.workload.over() {
            self.machine.now_ns = self.end_ns;
        }
        for cpu in 0..self.machine.nr_cpus() {
            self.machine.charge(cpu);
        }
        self.machine.metrics.finish(self.machine.now_ns);
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Wake(task) => self.wake(task),
            Event::Stop { cpu, run } => {
                if self.machine.cpus[cpu as usize].run == run {
                    self.run_ends(cpu as usize);
                }
            }
            Event::Resched(cpu) => self.resched(cpu as usize),
            Event::Tick(cpu) => {
                if self.machine.cpus[cpu as usize].current.is_some() {
                    self.policy.tick(&mut self.machine, cpu as usize);
                    self.machine.take_spent();
                }
                self.machine.plan(TICK_NS, event);
            }
            Event::Round => self.policy.round(&mut self.machine),
            Event::Arrival => self.workload.arrival(&mut self.machine),
            Event::Measure => self.measure(),
        }
    }

    fn wake(&mut self, id: TaskId) {
        let machine = &mut self.machine;
        if machine.task(id).state != State::Asleep {
            return;
        }
        let work_ns = self.workload.burst(machine, id);
        let now_ns = machine.now_ns;
        let task = machine.task_mut(id);
        task.work_left_ns = work_ns;
        task.woken_ns = now_ns;
        task.fresh = true;
        machine.queued(id);
        self.policy.wake(machine, id);
        let spent = machine.take_spent();
        machine.task_mut(id).decision_left_ns += spent;
    }

    /// The burst or the slice of what `cpu` runs is over.
    fn run_ends(&mut self, cpu: usize) {
        self.machine.charge(cpu);
        let Some(id) = self.machine.cpus[cpu].current else {
            return;
        };
        if self.machine.task(id).work_left_ns > 0 {
            self.schedule(cpu);
            return;
        }
        self.policy.stopping(&mut self.machine, cpu, id, false);
        self.machine.stop(cpu);
        self.machine.task_mut(id).state = State::Asleep;
        match self.workload.burst_done(&mut self.machine, id) {
            After::Sleep(ns) => self.machine.plan(ns, Event::Wake(id)),
            After::Wait => {}
            After::Exit => self.machine.task_mut(id).state = State::Gone,
        }
        self.schedule(cpu);
    }

    fn resched(&mut self, cpu: usize) {
        self.machine.kick_arrived(cpu);
        let slot = &self.machine.cpus[cpu];
        if slot.current.is_none() || slot.resched {
            self.machine.charge(cpu);
            self.schedule(cpu);
        }
    }

    /// `cpu` chooses what to run. What it runs now, already charged, wants to
    /// go on.
    fn schedule(&mut self, cpu: usize) {
        let machine = &mut self.machine;
        let prev = machine.cpus[cpu].current;
        machine.cpus[cpu].resched = false;
        let next = match machine.cpus[cpu].local.pop_front() {
            Some(local) => Some(local),
            None => self.policy.pick(machine, cpu, prev),
        };
        let spent = machine.take_spent();
        match (next, prev) {
            (Some(next), Some(prev)) => {
                self.put_back(cpu, prev);
                self.start(cpu, next, spent);
            }
            (Some(next), None) => self.start(cpu, next, spent),
            (None, Some(prev)) => {
                machine.task_mut(prev).decision_left_ns += spent;
                if self.policy.keeps(machine, cpu, prev) {
                    machine.grant(cpu);
                } else {
                    self.put_back(cpu, prev);
                    self.schedule(cpu);
                }
            }
            (None, None) => {
                machine.idle.release(cpu);
                self.policy.idle(machine, cpu);
                machine.take_spent();
            }
        }
    }

    /// `cpu` stops `prev`, which waits from now on.
    fn put_back(&mut self, cpu: usize, prev: TaskId) {
        let machine = &mut self.machine;
        self.policy.stopping(machine, cpu, prev, true);
        machine.stop(cpu);
        machine.queued(prev);
        self.policy.requeue(machine, cpu, prev);
    }

    fn start(&mut self, cpu: usize, id: TaskId, spent_ns: u64) {
        let machine = &mut self.machine;
        let spent_ns = spent_ns + machine.take_spent();
        machine.task_mut(id).decision_left_ns += spent_ns;
        machine.start(cpu, id);
        self.policy.running(machine, cpu, id);
    }

    /// What happened so far was warming up.
    fn measure(&mut self) {
        let machine = &mut self.machine;
        for cpu in 0..machine.nr_cpus() {
            machine.charge(cpu);
            machine.plan_stop(cpu);
        }
        let shares = machine.tasks.iter().map(|task| task.cpu_ns).collect();
        machine.metrics.begin(machine.now_ns, shares);
        self.policy.measure(machine);
    }
}
