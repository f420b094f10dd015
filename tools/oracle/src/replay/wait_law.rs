// SPDX-License-Identifier: GPL-2.0-only
//! Law 2: no task waits longer than a bound while a CPU that it may use idles.
//!
//! What counts is the *overlap*: the longest contiguous time in which the task
//! waits and at least one CPU of its mask idles, not always the same one. Waiting
//! tasks with equal masks form a class, so a CPU that turns idle or busy costs a
//! step per class and not per task.

use std::collections::{BTreeSet, HashMap};

use crate::event::{Comm, Pid};
use crate::mask::CpuMask;
use crate::report::{LongWait, WaitReport, WorstWait};

/// Waits described in the report.
const WORST: usize = 5;

/// A task that begins to wait.
#[derive(Debug, Clone, Copy)]
pub struct Waiter {
    /// Its id.
    pub pid: Pid,
    /// Its name.
    pub comm: Comm,
    /// The CPU that it is queued for.
    pub cpu: u32,
    /// The CPUs that it may use.
    pub mask: CpuMask,
}

#[derive(Debug)]
struct Wait {
    waiter: Waiter,
    since_ns: u64,
    /// Since when it has had its present mask.
    eligible_ns: u64,
    /// Whether it was counted as a violation.
    counted: bool,
}

/// The waiting tasks with one mask.
#[derive(Debug)]
struct Class {
    mask: CpuMask,
    idle_cpus: u32,
    /// Since when `idle_cpus` has not been 0.
    idle_since_ns: Option<u64>,
    /// Eligible since, id: oldest first.
    queue: BTreeSet<(u64, Pid)>,
}

/// The judge of law 2.
#[derive(Debug)]
pub struct WaitLaw {
    bound_ns: u64,
    now_ns: u64,
    idle: CpuMask,
    classes: Vec<Class>,
    waits: HashMap<Pid, Wait>,
    worst: Vec<WorstWait>,
    report: WaitReport,
}

impl WaitLaw {
    /// `bound_ns`: the longest overlap that is no violation.
    pub fn new(bound_ns: u64) -> Self {
        Self {
            bound_ns,
            now_ns: 0,
            idle: CpuMask::default(),
            classes: Vec::new(),
            waits: HashMap::new(),
            worst: Vec::new(),
            report: WaitReport::default(),
        }
    }

    /// Lets time pass; call it before what happens at `now_ns`.
    pub fn advance(&mut self, now_ns: u64) {
        let passed_ns = now_ns.saturating_sub(self.now_ns);
        self.now_ns = now_ns;
        let starved = self.classes.iter().filter(|class| class.idle_cpus > 0);
        let (mut tasks, mut usable) = (0, CpuMask::default());
        for class in starved {
            tasks += class.queue.len() as u64;
            usable = usable.or(&class.mask);
        }
        if tasks > 0 {
            let cpus = u64::from(usable.and(&self.idle).len());
            self.report.wasted_ns += passed_ns * tasks.min(cpus);
        }
    }

    /// `cpu` begins to idle, or stops.
    pub fn set_idle(&mut self, cpu: u32, idle: bool) {
        if self.idle.contains(cpu) == idle {
            return;
        }
        match idle {
            true => self.idle.insert(cpu),
            false => self.idle.remove(cpu),
        }
        for index in 0..self.classes.len() {
            let class = &mut self.classes[index];
            if !class.mask.contains(cpu) {
                continue;
            }
            if idle {
                class.idle_cpus += 1;
                class.idle_since_ns.get_or_insert(self.now_ns);
            } else {
                class.idle_cpus -= 1;
                if class.idle_cpus == 0 {
                    self.end_idle(index, cpu);
                }
            }
        }
    }

    /// The last idle CPU of a class is gone: looks at the tasks that waited long.
    fn end_idle(&mut self, index: usize, cpu: u32) {
        let Some(idle_since) = self.classes[index].idle_since_ns.take() else {
            return;
        };
        let overlap = |eligible: u64| self.now_ns - eligible.max(idle_since);
        let long: Vec<Pid> = self.classes[index]
            .queue
            .iter()
            .take_while(|&&(eligible, _)| overlap(eligible) > self.interesting_ns())
            .map(|&(_, pid)| pid)
            .collect();
        for pid in long {
            self.record(pid, idle_since, cpu);
        }
    }

    /// Overlaps up to this length change nothing in the report.
    fn interesting_ns(&self) -> u64 {
        match self.worst.get(WORST - 1) {
            Some(least) => least.overlap_ns.min(self.bound_ns),
            None => 0,
        }
    }

    fn record(&mut self, pid: Pid, idle_since_ns: u64, idle_cpu: u32) {
        let Some(wait) = self.waits.get_mut(&pid) else {
            return;
        };
        let overlap_start_ns = wait.eligible_ns.max(idle_since_ns);
        let overlap_ns = self.now_ns - overlap_start_ns;
        if overlap_ns > self.bound_ns && !wait.counted {
            wait.counted = true;
            self.report.violations += 1;
        }
        let found = WorstWait {
            pid,
            comm: wait.waiter.comm.to_string(),
            cpu: wait.waiter.cpu,
            allowed: wait.waiter.mask.to_string(),
            idle_cpu,
            wait_start_ns: wait.since_ns,
            overlap_start_ns,
            overlap_ns,
        };
        self.keep_if_bad(found);
    }

    /// Enters an overlap into the list of the worst, one for each wait.
    fn keep_if_bad(&mut self, found: WorstWait) {
        let same = |w: &WorstWait| (w.pid, w.wait_start_ns) == (found.pid, found.wait_start_ns);
        match self.worst.iter_mut().find(|w| same(w)) {
            Some(known) if known.overlap_ns >= found.overlap_ns => return,
            Some(known) => *known = found,
            None => self.worst.push(found),
        }
        self.worst.sort_by_key(|w| std::cmp::Reverse(w.overlap_ns));
        self.worst.truncate(WORST);
    }

    /// A task begins to wait; does nothing when it waits already.
    pub fn begin(&mut self, waiter: Waiter) {
        if self.waits.contains_key(&waiter.pid) {
            return;
        }
        self.report.waits += 1;
        let wait = Wait {
            waiter,
            since_ns: self.now_ns,
            eligible_ns: self.now_ns,
            counted: false,
        };
        self.waits.insert(waiter.pid, wait);
        self.join_class(waiter.pid, waiter.mask);
    }

    fn join_class(&mut self, pid: Pid, mask: CpuMask) {
        let index = match self.classes.iter().position(|class| class.mask == mask) {
            Some(index) => index,
            None => {
                let idle_cpus = self.idle.and(&mask).len();
                self.classes.push(Class {
                    mask,
                    idle_cpus,
                    idle_since_ns: (idle_cpus > 0).then_some(self.now_ns),
                    queue: BTreeSet::new(),
                });
                self.classes.len() - 1
            }
        };
        self.classes[index].queue.insert((self.now_ns, pid));
    }

    /// Takes a waiting task out of its class after looking at its overlap.
    fn leave_class(&mut self, pid: Pid) {
        let Some(wait) = self.waits.get(&pid) else {
            return;
        };
        let (mask, key) = (wait.waiter.mask, (wait.eligible_ns, pid));
        let Some(index) = self.classes.iter().position(|class| class.mask == mask) else {
            return;
        };
        if let Some(idle_since) = self.classes[index].idle_since_ns
            && self.now_ns - wait.eligible_ns.max(idle_since) > self.interesting_ns()
        {
            let idle_cpu = self.idle.and(&mask).iter().next().unwrap_or(0);
            self.record(pid, idle_since, idle_cpu);
        }
        self.classes[index].queue.remove(&key);
        if self.classes[index].queue.is_empty() {
            self.classes.swap_remove(index);
        }
    }

    /// The task runs, or is gone. Does nothing when it does not wait.
    pub fn end(&mut self, pid: Pid) {
        self.leave_class(pid);
        let Some(wait) = self.waits.remove(&pid) else {
            return;
        };
        let waited_ns = self.now_ns - wait.since_ns;
        if waited_ns > self.report.longest_wait_ns {
            self.report.longest_wait_ns = waited_ns;
            self.report.longest_waiter = Some(LongWait {
                pid,
                comm: wait.waiter.comm.to_string(),
                cpu: wait.waiter.cpu,
                allowed: wait.waiter.mask.to_string(),
                wait_start_ns: wait.since_ns,
            });
        }
    }

    /// The task's mask changes while it waits: its overlap starts anew. Does
    /// nothing when it does not wait.
    pub fn remask(&mut self, pid: Pid, mask: CpuMask) {
        self.leave_class(pid);
        if let Some(wait) = self.waits.get_mut(&pid) {
            wait.waiter.mask = mask;
            wait.eligible_ns = self.now_ns;
            self.join_class(pid, mask);
        }
    }

    /// The task is queued for another CPU. Does nothing when it does not wait.
    pub fn requeue(&mut self, pid: Pid, cpu: u32) {
        if let Some(wait) = self.waits.get_mut(&pid) {
            wait.waiter.cpu = cpu;
        }
    }

    /// The verdict. Tasks that still wait are judged by their wait so far.
    pub fn finish(mut self) -> WaitReport {
        let waiting: Vec<Pid> = self.waits.keys().copied().collect();
        for pid in waiting {
            self.end(pid);
        }
        self.report.bound_ns = self.bound_ns;
        self.report.longest_ns = self.worst.first().map_or(0, |w| w.overlap_ns);
        self.report.worst = self.worst;
        self.report
    }
}
