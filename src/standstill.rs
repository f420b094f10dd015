// SPDX-License-Identifier: GPL-2.0-only
//! Tells a machine that stood still from a scheduler that starves.
//!
//! A virtual machine can be stopped for a minute and go on with clocks that jump.
//! The kernel's watchdog then finds its own check late, takes that for a stall and
//! ejects whatever scheduler there is ("watchdog failed to check in",
//! `scx_tick` in kernel/sched/ext.c). Nothing is wrong with that scheduler, so it
//! is loaded again. That the agent did not run either shows that it was so; a
//! scheduler that starves both is not forgiven twice in a row.

use std::time::{Duration, Instant};

/// What the kernel says of its own check.
const LATE_CHECK: &str = "watchdog failed to check in";
/// The agent never rests for so long.
const LONG_GAP: Duration = Duration::from_secs(1);
/// The kernel notices at its next tick; ejecting takes its time.
const RECENT: Duration = Duration::from_secs(5);
/// Longer than the watchdog's patience: a scheduler that starves is back here before.
const FORGIVEN_ONCE_IN: Duration = Duration::from_secs(60);

/// When the agent ran, and did not.
#[derive(Debug, Default)]
pub struct Standstill {
    /// The latest pass of the agent's loop.
    pass: Option<Instant>,
    /// The latest long time without a pass, and its end.
    gap: Option<(Duration, Instant)>,
    forgiven: Option<Instant>,
}

impl Standstill {
    /// A scheduler was loaded, which may have taken long.
    pub fn begin(&mut self) {
        (self.pass, self.gap) = (None, None);
    }

    /// The agent runs at `now`.
    pub fn pass(&mut self, now: Instant) {
        let gap = self.pass.map_or(Duration::ZERO, |before| now - before);
        if gap >= LONG_GAP {
            self.gap = Some((gap, now));
        }
        self.pass = Some(now);
    }

    /// For how long the machine stood still, if that is why the kernel ejected the
    /// scheduler with these words a moment before `now`.
    pub fn forgives(&mut self, reason: &str, now: Instant) -> Option<Duration> {
        self.pass(now);
        let (gap, end) = self.gap?;
        let again = |at| now.saturating_duration_since(at) < FORGIVEN_ONCE_IN;
        if !reason.contains(LATE_CHECK) || now - end > RECENT || self.forgiven.is_some_and(again) {
            return None;
        }
        self.forgiven = Some(now);
        Some(gap)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LATE: &str = "runnable task stall (watchdog failed to check in for 61.076s)";

    /// A loop that ran until `at` seconds, and is told the kernel's words `gap` later.
    fn told(still: &mut Standstill, start: Instant, at: f64, gap: f64, reason: &str) -> bool {
        still.begin();
        let seconds = |s| start + Duration::from_secs_f64(s);
        for pass in 0..20 {
            still.pass(seconds(at - 2.0 + f64::from(pass) * 0.1));
        }
        still.pass(seconds(at));
        let forgiven = still.forgives(reason, seconds(at + gap));
        forgiven.inspect(|stood| assert!(stood.as_secs_f64() > gap - 0.01));
        forgiven.is_some()
    }

    #[test]
    fn a_machine_that_stood_still_is_forgiven() {
        let start = Instant::now();
        assert!(told(&mut Standstill::default(), start, 10.0, 60.0, LATE));
    }

    #[test]
    fn an_agent_that_ran_knows_better() {
        let start = Instant::now();
        assert!(!told(&mut Standstill::default(), start, 10.0, 0.1, LATE));
        let stall = "runnable task stall (make[7] failed to run for 61.076s)";
        assert!(!told(&mut Standstill::default(), start, 10.0, 60.0, stall));
        // It ran again for longer than the kernel needs to see it.
        let mut still = Standstill::default();
        still.pass(start);
        still.pass(start + Duration::from_secs(60));
        for second in 0..7 {
            still.pass(start + Duration::from_millis(60_000 + second * 900));
        }
        let later = start + Duration::from_millis(66_000);
        assert_eq!(still.forgives(LATE, later), None);
    }

    #[test]
    fn whoever_starves_all_is_forgiven_once() {
        let (mut still, start) = (Standstill::default(), Instant::now());
        assert!(told(&mut still, start, 10.0, 15.0, LATE));
        assert!(!told(&mut still, start, 30.0, 15.0, LATE), "again at once");
        // A machine that stops again soon, for a minute.
        assert!(told(&mut still, start, 48.0, 60.0, LATE));
    }

    #[test]
    fn loading_is_no_gap() {
        let (mut still, start) = (Standstill::default(), Instant::now());
        still.pass(start);
        still.begin();
        assert_eq!(still.forgives(LATE, start + Duration::from_secs(5)), None);
    }
}
