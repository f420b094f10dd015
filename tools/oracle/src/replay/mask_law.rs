// SPDX-License-Identifier: GPL-2.0-only
//! Law 1: a task never runs on a CPU outside its mask.
//!
//! Judged when a task is switched in. Five things that are no violations look
//! like one:
//!
//! * The task was running, or its wake-up was under way, when it lost the CPU.
//!   The kernel then asks the CPU's stopper thread to move it, and the task may
//!   be preempted and switched in again before that runs: a grace on that CPU.
//! * It is migration-disabled and stays on its CPU: the overriding mask counts.
//! * The change and the switch, recorded on different CPUs, lie closer together
//!   than the clocks of the CPUs agree: too close to call, on either side. What held
//!   before the change may be a grace.
//! * No CPU of its mask is there any more, or the one is not that the stopper was to
//!   move it to. The kernel leaves it where it is (`__migrate_task`), or gives it
//!   another mask once it sees that: stranded until it runs in its mask.
//! * Two CPUs change the mask so close together. Which change came last is not
//!   known, nor is the mask, until the next one.

use crate::event::{Comm, MaskChange, Pid};
use crate::mask::CpuMask;
use crate::report::{MaskReport, OutsideMask};

/// The stopper outranks every task, so it is never late by this much.
const GRACE_NS: u64 = 100_000_000;
/// How often a stopper may start before the grace ends. The first start may
/// still be for another task; the second is for this one or after it.
const GRACE_STOPPER_STARTS: u64 = 2;
/// Violations described in the report.
const EXAMPLES: usize = 5;

/// What is known about one task's masks.
#[derive(Debug, Clone, Default)]
pub struct MaskTrack {
    mask: Option<CpuMask>,
    pin: Option<CpuMask>,
    /// When the latest change was recorded, and on which CPU.
    changed: Option<(u64, u32)>,
    /// Another CPU's change may have come after the latest.
    disputed: bool,
    /// All CPUs of the mask went offline, and it has not run inside it since.
    stranded: bool,
    /// Masks that were in force until the given times, not older than the skew.
    earlier: Vec<(u64, CpuMask)>,
    grace: Option<Grace>,
    /// The grace that a change ended, and when.
    earlier_grace: Option<(u64, Grace)>,
}

impl MaskTrack {
    /// A task whose mask is known from its beginning.
    pub fn new(mask: CpuMask) -> Self {
        Self {
            mask: Some(mask),
            ..Self::default()
        }
    }

    /// The mask in force; `None` while it is unknown.
    pub fn effective(&self) -> Option<CpuMask> {
        if self.disputed { None } else { self.latest() }
    }

    /// The mask that was recorded last.
    fn latest(&self) -> Option<CpuMask> {
        self.pin.or(self.mask)
    }

    /// `cpu` leaves, and only those of `active` are there from now on.
    pub fn strand(&mut self, cpu: u32, active: &CpuMask) {
        if let Some(mask) = self.latest() {
            let chosen = self.grace.is_some() && mask.contains(cpu);
            self.stranded |= chosen || mask.and(active).is_empty();
        }
    }

    /// Notes a change, and whether it may have come before one noted already.
    fn note_change(&mut self, now_ns: u64, changer: u32, oldest_ns: u64) {
        self.disputed = self
            .changed
            .is_some_and(|(at_ns, by)| at_ns >= oldest_ns && (by != changer || self.disputed));
        self.changed = Some((now_ns, changer));
    }

    /// Takes the mask that /proc showed, unless an event told a later one.
    pub fn set_initial(&mut self, mask: CpuMask) {
        self.mask.get_or_insert(mask);
    }
}

/// Permission to run outside the mask until the stopper has been there.
#[derive(Debug, Clone)]
struct Grace {
    /// The CPU; `None` when it is any, because a wake-up was under way.
    cpu: Option<u32>,
    stopper_starts: u64,
    until_ns: u64,
}

/// Where a task is when its mask changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Running on a CPU.
    On(u32),
    /// Being woken, or not seen yet: perhaps on its way to any CPU.
    InFlight,
    /// Asleep or queued; the kernel requeues it together with the change.
    Off,
}

/// The judge of law 1.
#[derive(Debug)]
pub struct MaskLaw {
    skew_ns: u64,
    stopper_starts: Vec<u64>,
    /// Switches that break the law unless a mask change turns up within the skew.
    suspects: Vec<OutsideMask>,
    report: MaskReport,
}

impl MaskLaw {
    /// `skew_ns`: how far apart the clocks of two CPUs may be.
    pub fn new(skew_ns: u64, cpus: usize) -> Self {
        Self {
            skew_ns,
            stopper_starts: vec![0; cpus],
            suspects: Vec::new(),
            report: MaskReport::default(),
        }
    }

    /// The stopper thread of `cpu` starts to run.
    pub fn stopper_starts(&mut self, cpu: u32) {
        if let Some(starts) = self.stopper_starts.get_mut(cpu as usize) {
            *starts += 1;
        }
    }

    /// One of the task's masks is changed by who runs on `changer`.
    pub fn change(
        &mut self,
        track: &mut MaskTrack,
        pid: Pid,
        (change, mask): (MaskChange, CpuMask),
        (place, changer): (Place, u32),
        now_ns: u64,
    ) {
        self.report.changes += 1;
        let oldest = now_ns.saturating_sub(self.skew_ns);
        track.note_change(now_ns, changer, oldest);
        let before = track.latest();
        match change {
            MaskChange::Set => track.mask = Some(mask),
            MaskChange::Pin => track.pin = Some(mask),
            MaskChange::Unpin => track.pin = None,
        }
        let after = track.latest();
        if after == before {
            return;
        }
        track.earlier.retain(|&(until, _)| until >= oldest);
        track.earlier.extend(before.map(|mask| (now_ns, mask)));
        let grace = self.grace(after, place, now_ns);
        let ended = std::mem::replace(&mut track.grace, grace);
        track.earlier_grace = ended
            .map(|grace| (now_ns, grace))
            .or(track.earlier_grace.take());
        self.acquit(pid, after, oldest);
    }

    fn grace(&self, mask: Option<CpuMask>, place: Place, now_ns: u64) -> Option<Grace> {
        let lost = |cpu| mask.is_some_and(|mask| !mask.contains(cpu));
        let cpu = match place {
            Place::On(cpu) if lost(cpu) => Some(cpu),
            Place::InFlight => None,
            _ => return None,
        };
        Some(Grace {
            cpu,
            stopper_starts: cpu.map_or(0, |cpu| self.starts_on(cpu)),
            until_ns: now_ns + GRACE_NS,
        })
    }

    fn starts_on(&self, cpu: u32) -> u64 {
        self.stopper_starts.get(cpu as usize).copied().unwrap_or(0)
    }

    /// Drops suspects that ran where the task's new mask lets it run.
    fn acquit(&mut self, pid: Pid, mask: Option<CpuMask>, oldest_ns: u64) {
        let before = self.suspects.len();
        self.suspects.retain(|s| {
            let explained = s.pid == pid
                && s.time_ns >= oldest_ns
                && mask.is_some_and(|mask| mask.contains(s.cpu));
            !explained
        });
        self.report.too_close += (before - self.suspects.len()) as u64;
    }

    /// Judges a task that starts to run on `cpu`.
    pub fn switch_in(
        &mut self,
        track: &mut MaskTrack,
        (pid, comm): (Pid, Comm),
        cpu: u32,
        now_ns: u64,
    ) {
        let Some(mask) = track.effective() else {
            self.report.unchecked += 1;
            return;
        };
        self.report.checked += 1;
        let grace = track.grace.take();
        if mask.contains(cpu) {
            track.stranded = false;
            return;
        }
        if track.stranded {
            self.report.graced += 1;
            return;
        }
        let oldest = now_ns.saturating_sub(self.skew_ns);
        let earlier_grace = track.earlier_grace.as_ref();
        let just_graced = earlier_grace
            .is_some_and(|(until, grace)| *until >= oldest && self.covers(grace, cpu, now_ns));
        let just_changed = |&(until, mask): &(u64, CpuMask)| until >= oldest && mask.contains(cpu);
        if just_graced || track.earlier.iter().any(just_changed) {
            self.report.too_close += 1;
            track.grace = grace;
        } else if grace.as_ref().is_some_and(|g| self.covers(g, cpu, now_ns)) {
            self.report.graced += 1;
            // One wake-up is under way at most; a running task may return again.
            track.grace = grace.filter(|g| g.cpu.is_some());
        } else {
            self.suspects.push(OutsideMask {
                pid,
                comm: comm.to_string(),
                cpu,
                allowed: mask.to_string(),
                time_ns: now_ns,
                changed_ns: track.changed.map(|(at_ns, _)| at_ns),
                changer: track.changed.map(|(_, changer)| changer),
            });
        }
    }

    fn covers(&self, grace: &Grace, cpu: u32, now_ns: u64) -> bool {
        let here = grace.cpu.is_none_or(|there| {
            let starts = self.starts_on(cpu) - grace.stopper_starts;
            there == cpu && starts < GRACE_STOPPER_STARTS
        });
        here && now_ns <= grace.until_ns
    }

    /// Convicts the suspects that nothing can explain any more at `now_ns`.
    pub fn settle(&mut self, now_ns: u64) {
        if self.suspects.is_empty() {
            return;
        }
        let skew_ns = self.skew_ns;
        let convicted = self
            .suspects
            .extract_if(.., |s| s.time_ns + skew_ns < now_ns);
        for outside in convicted {
            self.report.violations += 1;
            if self.report.examples.len() < EXAMPLES {
                self.report.examples.push(outside);
            }
        }
    }

    /// The verdict, at the end of the trace.
    pub fn finish(mut self) -> MaskReport {
        self.settle(u64::MAX);
        self.report
    }
}
