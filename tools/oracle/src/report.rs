// SPDX-License-Identifier: GPL-2.0-only
//! The verdict on a trace.

use std::fmt;

use serde::Serialize;

/// Verdict on both laws. `Display` is the summary, `Serialize` the JSON object.
/// Times inside are ns since the first event of the trace.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// `ok`, `violated` or `inconclusive`.
    pub verdict: Verdict,
    /// What was seen.
    pub counts: Counts,
    /// Law 1.
    pub mask: MaskReport,
    /// Law 2.
    pub wait: WaitReport,
    /// Why the absence of violations proves nothing; empty when it does.
    pub inconclusive: Vec<String>,
}

/// What a trace says about the laws.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// The trace is complete and breaks no law.
    Ok,
    /// A law was broken. So it was, even in an incomplete trace.
    Violated,
    /// No violation in what was seen, but not everything was seen.
    Inconclusive,
}

/// Events seen.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Counts {
    /// Events of all kinds.
    pub events: u64,
    /// Context switches.
    pub switches: u64,
    /// Wake-ups.
    pub wakeups: u64,
    /// Moves of a task to another CPU.
    pub migrations: u64,
    /// From the first to the last event.
    pub duration_ns: u64,
    /// CPUs that took tasks at the end.
    pub cpus: usize,
}

/// Verdict on law 1: a task never runs outside its mask.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct MaskReport {
    /// Times that a task was switched in outside its mask.
    pub violations: u64,
    /// Switches judged.
    pub checked: u64,
    /// Switches of tasks whose mask was not known yet.
    pub unchecked: u64,
    /// Changes of masks.
    pub changes: u64,
    /// Switches outside the mask before the stopper could move the task, or while
    /// no CPU of it was there.
    pub graced: u64,
    /// Switches outside the mask, but too near a change to tell which was first.
    pub too_close: u64,
    /// The first violations.
    pub examples: Vec<OutsideMask>,
}

/// A violation of law 1.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OutsideMask {
    /// The task.
    pub pid: u32,
    /// Its name.
    pub comm: String,
    /// Where it was switched in.
    pub cpu: u32,
    /// Where it was allowed.
    pub allowed: String,
    /// When.
    pub time_ns: u64,
    /// When the mask had last changed; absent when that was before the trace.
    pub changed_ns: Option<u64>,
    /// The CPU that changed it.
    pub changer: Option<u32>,
}

/// Verdict on law 2: no long wait while a CPU that the task may use idles.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct WaitReport {
    /// The bound.
    pub bound_ns: u64,
    /// Waits with an overlap over the bound.
    pub violations: u64,
    /// Waits judged.
    pub waits: u64,
    /// Longest overlap of any wait.
    pub longest_ns: u64,
    /// The longest wait of all, idle CPU or not, mask changed or not.
    pub longest_wait_ns: u64,
    /// Whose that was; absent when nobody waited.
    pub longest_waiter: Option<LongWait>,
    /// CPU time wasted: the integral of min(waiting tasks, idle CPUs) over those
    /// that fit each other. Includes the microseconds that each wake-up of an
    /// idle CPU takes.
    pub wasted_ns: u64,
    /// The waits with the longest overlaps, over the bound or not.
    pub worst: Vec<WorstWait>,
}

/// A wait, whatever the CPUs did.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LongWait {
    /// The task.
    pub pid: u32,
    /// Its name; empty for a new task.
    pub comm: String,
    /// The CPU it was queued for.
    pub cpu: u32,
    /// Where it was allowed.
    pub allowed: String,
    /// When it began to wait.
    pub wait_start_ns: u64,
}

/// A wait while a CPU idled.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WorstWait {
    /// The task.
    pub pid: u32,
    /// Its name; empty for a new task.
    pub comm: String,
    /// The CPU it was queued for.
    pub cpu: u32,
    /// Where it was allowed.
    pub allowed: String,
    /// A CPU that idled when the overlap ended.
    pub idle_cpu: u32,
    /// When it began to wait.
    pub wait_start_ns: u64,
    /// When the longest overlap began.
    pub overlap_start_ns: u64,
    /// How long that lasted.
    pub overlap_ns: u64,
}

impl Report {
    /// Puts the verdict together; `first_ns` is subtracted from all times.
    pub fn new(
        first_ns: u64,
        counts: Counts,
        mut mask: MaskReport,
        mut wait: WaitReport,
        inconclusive: Vec<String>,
    ) -> Self {
        for example in &mut mask.examples {
            example.time_ns -= first_ns;
            example.changed_ns = example.changed_ns.map(|ns| ns - first_ns);
        }
        for worst in &mut wait.worst {
            worst.wait_start_ns -= first_ns;
            worst.overlap_start_ns -= first_ns;
        }
        if let Some(longest) = &mut wait.longest_waiter {
            longest.wait_start_ns -= first_ns;
        }
        let verdict = match (mask.violations + wait.violations, inconclusive.is_empty()) {
            (0, true) => Verdict::Ok,
            (0, false) => Verdict::Inconclusive,
            _ => Verdict::Violated,
        };
        Self {
            verdict,
            counts,
            mask,
            wait,
            inconclusive,
        }
    }
}

fn ms(ns: u64) -> f64 {
    ns as f64 / 1e6
}

fn secs(ns: u64) -> f64 {
    ns as f64 / 1e9
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let c = &self.counts;
        writeln!(
            f,
            "{:.3} s on {} CPUs: {} events, {} switches, {} wake-ups, {} migrations",
            secs(c.duration_ns),
            c.cpus,
            c.events,
            c.switches,
            c.wakeups,
            c.migrations
        )?;
        write!(f, "{}{}", self.mask, self.wait)?;
        for reason in &self.inconclusive {
            writeln!(f, "inconclusive: {reason}")?;
        }
        Ok(())
    }
}

impl fmt::Display for MaskReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "law 1, tasks run inside their masks: {} violations in {} switches \
             ({} unchecked, {} mask changes, {} graced, {} too close to call)",
            self.violations,
            self.checked,
            self.unchecked,
            self.changes,
            self.graced,
            self.too_close
        )?;
        for x in &self.examples {
            writeln!(
                f,
                "  {:.6} s: {} {} ran on CPU {}, allowed {}",
                secs(x.time_ns),
                x.pid,
                x.comm,
                x.cpu,
                x.allowed
            )?;
            if let (Some(changed_ns), Some(changer)) = (x.changed_ns, x.changer) {
                writeln!(f, "    since {:.6} s, by CPU {changer}", secs(changed_ns))?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for WaitReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "law 2, no wait over {} ms beside an idle CPU: {} violations in {} waits, \
             longest {:.3} ms, {:.3} ms of CPU time wasted",
            ms(self.bound_ns),
            self.violations,
            self.waits,
            ms(self.longest_ns),
            ms(self.wasted_ns)
        )?;
        for w in &self.worst {
            writeln!(
                f,
                "  {:.6} s: {} {} on CPU {}, allowed {}, waited {:.3} ms beside idle CPU {} \
                 (waiting since {:.6} s)",
                secs(w.overlap_start_ns),
                w.pid,
                w.comm,
                w.cpu,
                w.allowed,
                ms(w.overlap_ns),
                w.idle_cpu,
                secs(w.wait_start_ns)
            )?;
        }
        if let Some(w) = &self.longest_waiter {
            writeln!(
                f,
                "longest wait of all: {:.3} ms, {} {} on CPU {}, allowed {} (since {:.6} s)",
                ms(self.longest_wait_ns),
                w.pid,
                w.comm,
                w.cpu,
                w.allowed,
                secs(w.wait_start_ns)
            )?;
        }
        Ok(())
    }
}
