// SPDX-License-Identifier: GPL-2.0-only
//! Follows every task and CPU through a trace and asks the two laws.
//!
//! No I/O: events in, [`Report`] out. Events of one CPU come in order; those of
//! different CPUs may be off by the clocks' skew, so the state of a task is
//! kept such that a pair of swapped events does no lasting harm.

pub mod mask_law;
pub mod wait_law;

#[cfg(test)]
mod tests;

use std::collections::HashMap;

use crate::event::{Comm, Event, Initial, InitialTask, Kind, Left, MaskChange, Pid};
use crate::mask::{CpuMask, MAX_CPUS};
use crate::report::{Counts, Report};
use mask_law::{MaskLaw, MaskTrack, Place};
use wait_law::{WaitLaw, Waiter};

/// Priorities below this are real-time and deadline: not ours to schedule.
const FIRST_FAIR_PRIO: i32 = 100;

/// What the laws tolerate.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Law 2: the longest wait beside an idle CPU that is no violation, ns.
    pub bound_ns: u64,
    /// How far apart the clocks of two CPUs may be, ns.
    pub skew_ns: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum State {
    #[default]
    Unknown,
    Running(u32),
    Waiting,
    Blocked,
    /// Blocked, and a wake-up is under way.
    Waking,
}

#[derive(Debug, Default)]
struct Task {
    comm: Comm,
    prio: i32,
    cpu: u32,
    /// Where it was last switched in.
    ran_on: Option<u32>,
    state: State,
    mask: MaskTrack,
    /// When it ran although no wake-up had been seen: that one is still to come.
    owed_wakeup_ns: Option<u64>,
    /// Someone began to wake it while it ran, and may only have come to it once it had
    /// left its CPU.
    waking_early: bool,
}

#[derive(Debug, Clone, Copy, Default)]
struct Cpu {
    active: bool,
    /// The task that runs; `None` before the first switch.
    current: Option<Pid>,
}

/// A replay in progress.
#[derive(Debug)]
pub struct Replay {
    limits: Limits,
    initial: HashMap<Pid, InitialTask>,
    tasks: HashMap<Pid, Task>,
    cpus: Vec<Cpu>,
    /// Those that are active.
    active: CpuMask,
    /// Nothing is left to be learnt about the CPUs; see `all_cpus_known`.
    cpus_known: bool,
    mask_law: MaskLaw,
    wait_law: WaitLaw,
    counts: Counts,
    first_ns: Option<u64>,
    now_ns: u64,
    ended: bool,
    backwards_ns: u64,
}

impl Replay {
    /// Starts from what is known besides the events.
    pub fn new(initial: Initial, limits: Limits) -> Self {
        let mut cpus = vec![Cpu::default(); MAX_CPUS as usize];
        for cpu in initial.online.iter() {
            cpus[cpu as usize].active = true;
        }
        Self {
            limits,
            initial: initial.tasks.into_iter().map(|t| (t.pid, t)).collect(),
            tasks: HashMap::new(),
            mask_law: MaskLaw::new(limits.skew_ns, cpus.len()),
            wait_law: WaitLaw::new(limits.bound_ns),
            cpus,
            active: initial.online,
            cpus_known: false,
            counts: Counts::default(),
            first_ns: None,
            now_ns: 0,
            ended: false,
            backwards_ns: 0,
        }
    }

    /// Takes the next event. After [`Kind::End`] nothing more is taken.
    pub fn feed(&mut self, event: &Event) {
        if self.ended {
            return;
        }
        self.backwards_ns = self
            .backwards_ns
            .max(self.now_ns.saturating_sub(event.time_ns));
        self.now_ns = self.now_ns.max(event.time_ns);
        self.first_ns.get_or_insert(self.now_ns);
        self.counts.events += 1;
        self.mask_law.settle(self.now_ns);
        self.wait_law.advance(self.now_ns);
        self.apply(event.cpu, &event.kind);
    }

    fn apply(&mut self, cpu: u32, kind: &Kind) {
        match *kind {
            Kind::Switch {
                prev,
                prev_prio,
                left,
                next,
                next_prio,
                next_comm,
            } => {
                self.counts.switches += 1;
                self.switch_out(cpu, prev, prev_prio, left);
                self.switch_in(cpu, next, next_prio, next_comm);
                self.set_current(cpu, next);
            }
            Kind::Waking { pid } => self.waking(pid),
            Kind::Wakeup {
                pid,
                prio,
                target,
                comm,
            } => self.wakeup(pid, prio, target, comm),
            Kind::New { pid, prio, mask } => self.new_task(pid, prio, cpu, mask),
            Kind::Migrate { pid, to } => {
                self.counts.migrations += 1;
                self.task(pid).cpu = to;
                self.wait_law.requeue(pid, to);
            }
            Kind::Allowed { pid, change, mask } => self.allowed(cpu, pid, (change, mask)),
            // It is running, whatever was missed.
            Kind::Exit { pid } => self.wait_law.end(pid),
            Kind::Exec { pid, old } => self.exec(cpu, pid, old),
            Kind::CpuDown { target } => self.set_active(target, false),
            Kind::CpuUp { target } => self.set_active(target, true),
            Kind::Ready => self.ready(),
            Kind::End => self.ended = true,
        }
    }

    /// The task's record, made from /proc's if there is none yet.
    fn task(&mut self, pid: Pid) -> &mut Task {
        self.tasks.entry(pid).or_insert_with(|| {
            let known = self.initial.get(&pid);
            Task {
                comm: known.map_or_else(Comm::default, |t| t.comm),
                prio: known.map_or(FIRST_FAIR_PRIO, |t| t.prio),
                ..Task::default()
            }
        })
    }

    fn switch_out(&mut self, cpu: u32, pid: Pid, prio: i32, left: Left) {
        if pid == 0 {
            return;
        }
        let task = self.task(pid);
        // It was already seen running elsewhere, so this event is older than that.
        if task.ran_on.is_some_and(|other| other != cpu) {
            return;
        }
        (task.cpu, task.prio) = (cpu, prio);
        match left {
            Left::Dead => {
                self.wait_law.end(pid);
                self.tasks.remove(&pid);
                // Whatever /proc said of it, it does not wait.
                self.initial.remove(&pid);
            }
            Left::Blocked => {
                task.state = match std::mem::take(&mut task.waking_early) {
                    true => State::Waking,
                    false => State::Blocked,
                };
                self.wait_law.end(pid);
            }
            Left::Runnable => self.begin_wait(pid),
        }
    }

    fn switch_in(&mut self, cpu: u32, pid: Pid, prio: i32, comm: Comm) {
        if pid == 0 {
            return;
        }
        if comm.is_stopper() && prio < FIRST_FAIR_PRIO {
            self.mask_law.stopper_starts(cpu);
        }
        self.wait_law.end(pid);
        let now_ns = self.now_ns;
        self.task(pid);
        if let Some(task) = self.tasks.get_mut(&pid) {
            if matches!(task.state, State::Blocked | State::Waking) {
                task.owed_wakeup_ns = Some(now_ns);
            }
            (task.comm, task.prio) = (comm, prio);
            (task.cpu, task.state) = (cpu, State::Running(cpu));
            task.ran_on = Some(cpu);
            self.mask_law
                .switch_in(&mut task.mask, (pid, comm), cpu, now_ns);
        }
    }

    fn set_current(&mut self, cpu: u32, pid: Pid) {
        if let Some(slot) = self.cpus.get_mut(cpu as usize) {
            slot.current = Some(pid);
            self.wait_law.set_idle(cpu, slot.active && pid == 0);
        }
    }

    fn set_active(&mut self, cpu: u32, active: bool) {
        if let Some(slot) = self.cpus.get_mut(cpu as usize) {
            slot.active = active;
            self.cpus_known = false;
            self.wait_law
                .set_idle(cpu, active && slot.current == Some(0));
            match active {
                true => self.active.insert(cpu),
                false => self.active.remove(cpu),
            }
        }
        if !active {
            for task in self.tasks.values_mut() {
                task.mask.strand(cpu, &self.active);
            }
        }
    }

    fn waking(&mut self, pid: Pid) {
        let task = self.task(pid);
        match task.state {
            State::Blocked => task.state = State::Waking,
            State::Running(_) => task.waking_early = true,
            _ => {}
        }
    }

    fn wakeup(&mut self, pid: Pid, prio: i32, target: u32, comm: Comm) {
        if pid == 0 {
            return;
        }
        self.counts.wakeups += 1;
        let (now_ns, skew_ns) = (self.now_ns, self.limits.skew_ns);
        let all_cpus_known = self.all_cpus_known();
        let task = self.task(pid);
        (task.comm, task.prio) = (comm, prio);
        task.waking_early = false;
        let owed = task.owed_wakeup_ns.take();
        if owed.is_some_and(|ran_ns| now_ns - ran_ns <= skew_ns) {
            return;
        }
        match task.state {
            State::Running(_) | State::Waiting => return,
            // It may be running on a CPU that has not switched yet.
            State::Unknown if !all_cpus_known => return,
            State::Unknown | State::Blocked | State::Waking => {}
        }
        task.cpu = target;
        self.begin_wait(pid);
    }

    fn new_task(&mut self, pid: Pid, prio: i32, cpu: u32, mask: CpuMask) {
        self.wait_law.end(pid);
        // The parent runs here, and the child bears its name.
        let parent = self.cpus.get(cpu as usize).and_then(|cpu| cpu.current);
        let parent = parent.and_then(|pid| self.tasks.get(&pid));
        let task = Task {
            comm: parent.map_or_else(Comm::default, |task| task.comm),
            prio,
            cpu,
            mask: MaskTrack::new(mask),
            ..Task::default()
        };
        self.tasks.insert(pid, task);
        self.begin_wait(pid);
    }

    /// The task waits for a CPU from now on. It is judged only if it is ours to
    /// schedule and its mask is known.
    fn begin_wait(&mut self, pid: Pid) {
        let Some(task) = self.tasks.get_mut(&pid) else {
            return;
        };
        task.state = State::Waiting;
        if let Some(mask) = task.mask.effective()
            && task.prio >= FIRST_FAIR_PRIO
        {
            self.wait_law.begin(Waiter {
                pid,
                comm: task.comm,
                cpu: task.cpu,
                mask,
            });
        }
    }

    fn allowed(&mut self, changer: u32, pid: Pid, change: (MaskChange, CpuMask)) {
        let now_ns = self.now_ns;
        self.task(pid);
        let Some(task) = self.tasks.get_mut(&pid) else {
            return;
        };
        let place = match task.state {
            State::Running(cpu) => Place::On(cpu),
            State::Unknown | State::Waking => Place::InFlight,
            State::Waiting | State::Blocked => Place::Off,
        };
        self.mask_law
            .change(&mut task.mask, pid, change, (place, changer), now_ns);
        if task.state == State::Waiting {
            match task.mask.effective() {
                Some(mask) => self.wait_law.remask(pid, mask),
                None => self.wait_law.end(pid),
            }
            self.begin_wait(pid);
        }
    }

    fn exec(&mut self, cpu: u32, pid: Pid, old: Pid) {
        if pid == old {
            return;
        }
        self.wait_law.end(pid);
        self.wait_law.end(old);
        if let Some(mut task) = self.tasks.remove(&old) {
            task.state = State::Running(cpu);
            self.tasks.insert(pid, task);
        }
    }

    /// Takes over what /proc showed for tasks of which no event told more.
    fn ready(&mut self) {
        let all_cpus_known = self.all_cpus_known();
        let initial = std::mem::take(&mut self.initial);
        for known in initial.into_values() {
            let task = self.tasks.entry(known.pid).or_insert_with(|| Task {
                comm: known.comm,
                prio: known.prio,
                ..Task::default()
            });
            task.mask.set_initial(known.mask);
            // Where every CPU has switched, a task not seen to run doesn't run: it
            // has waited since the start, or it sleeps.
            let off_cpu = task.state == State::Unknown && all_cpus_known;
            if off_cpu && !known.runnable {
                task.state = State::Blocked;
            }
            if off_cpu && known.runnable || task.state == State::Waiting {
                self.begin_wait(known.pid);
            }
        }
    }

    /// Whether every active CPU has switched, so that a task not known to run
    /// doesn't.
    fn all_cpus_known(&mut self) -> bool {
        self.cpus_known = self.cpus_known || self.unobserved().is_empty();
        self.cpus_known
    }

    /// Active CPUs that have not switched yet.
    fn unobserved(&self) -> Vec<u32> {
        let unknown = |cpu: &Cpu| cpu.active && cpu.current.is_none();
        (0..MAX_CPUS)
            .zip(&self.cpus)
            .filter(|(_, cpu)| unknown(cpu))
            .map(|(number, _)| number)
            .collect()
    }

    /// The verdict. `lost` says why events are missing, if any are.
    pub fn finish(mut self, lost: Vec<String>) -> Report {
        let mut inconclusive = lost;
        if !self.ended && inconclusive.is_empty() {
            inconclusive.push("the trace has no end mark".to_owned());
        }
        if self.backwards_ns > self.limits.skew_ns {
            let us = self.backwards_ns / 1000;
            inconclusive.push(format!("a CPU's clock is {us} us behind the others"));
        }
        for cpu in self.unobserved() {
            inconclusive.push(format!("CPU {cpu} never switched tasks: did it idle?"));
        }
        let first_ns = self.first_ns.unwrap_or(0);
        self.counts.duration_ns = self.now_ns - first_ns;
        self.counts.cpus = self.cpus.iter().filter(|cpu| cpu.active).count();
        Report::new(
            first_ns,
            self.counts,
            self.mask_law.finish(),
            self.wait_law.finish(),
            inconclusive,
        )
    }
}
