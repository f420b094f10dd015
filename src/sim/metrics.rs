// SPDX-License-Identifier: GPL-2.0-only
//! What is measured while a simulation runs.

use hdrhistogram::Histogram;

use crate::agent::place::{NR_RINGS, Ring};

/// Digits to which waits are kept, and the longest that is told from longer ones.
const WAIT_DIGITS: u8 = 3;
const WAIT_MAX_NS: u64 = 3_600_000_000_000;

/// Sums over the measured time, which begins anew with [`Metrics::begin`].
#[derive(Clone, Debug)]
pub struct Metrics {
    /// How long bursts waited to begin, in nanoseconds.
    pub waits_ns: Histogram<u64>,
    /// Runs by the ring over which their task came.
    pub moves: [u64; NR_RINGS],
    /// CPU time of each kind.
    pub work_ns: u64,
    pub remote_ns: u64,
    pub refill_ns: u64,
    pub decision_ns: u64,
    /// Integrals over time: idle CPUs, and what of that was wasted, for as many
    /// tasks waited.
    pub idle_ns: u64,
    pub wasted_ns: u64,
    /// CPU time of each task before.
    pub shares_before_ns: Vec<u64>,
    /// When no CPU was idle for the first time.
    pub all_busy_ns: Option<u64>,
    pub begun_ns: u64,
    pub ended_ns: u64,
    nr_idle: u64,
    nr_queued: u64,
    seen_ns: u64,
}

impl Metrics {
    /// Measures from `now_ns`, when `nr_cpus` CPUs idle and nobody waits.
    pub fn new(nr_cpus: usize, now_ns: u64) -> Metrics {
        Metrics {
            waits_ns: waits(),
            moves: [0; NR_RINGS],
            work_ns: 0,
            remote_ns: 0,
            refill_ns: 0,
            decision_ns: 0,
            idle_ns: 0,
            wasted_ns: 0,
            shares_before_ns: Vec::new(),
            all_busy_ns: None,
            begun_ns: now_ns,
            ended_ns: now_ns,
            nr_idle: nr_cpus as u64,
            nr_queued: 0,
            seen_ns: now_ns,
        }
    }

    /// Forgets what was measured; the tasks' CPU times are `shares_ns`.
    pub fn begin(&mut self, now_ns: u64, shares_ns: Vec<u64>) {
        self.integrate(now_ns);
        *self = Metrics {
            shares_before_ns: shares_ns,
            all_busy_ns: self.all_busy_ns,
            nr_idle: self.nr_idle,
            nr_queued: self.nr_queued,
            ..Metrics::new(0, now_ns)
        };
    }

    /// The end.
    pub fn finish(&mut self, now_ns: u64) {
        self.integrate(now_ns);
        self.ended_ns = now_ns;
    }

    /// The number of waiting tasks changes.
    pub fn queue(&mut self, now_ns: u64, by: i64) {
        self.integrate(now_ns);
        self.nr_queued = self.nr_queued.wrapping_add_signed(by);
    }

    /// The number of CPUs without a task changes.
    pub fn idle(&mut self, now_ns: u64, by: i64) {
        self.integrate(now_ns);
        self.nr_idle = self.nr_idle.wrapping_add_signed(by);
        if self.nr_idle == 0 && self.all_busy_ns.is_none() {
            self.all_busy_ns = Some(now_ns);
        }
    }

    /// A run begins whose task came over `ring`.
    pub fn moved(&mut self, ring: Ring) {
        self.moves[ring as usize] += 1;
    }

    /// A burst begins that waited for `ns`.
    pub fn waited(&mut self, ns: u64) {
        self.waits_ns.saturating_record(ns);
    }

    /// CPU time went by.
    pub fn ran(&mut self, work_ns: u64, remote_ns: u64, refill_ns: u64, decision_ns: u64) {
        self.work_ns += work_ns;
        self.remote_ns += remote_ns;
        self.refill_ns += refill_ns;
        self.decision_ns += decision_ns;
    }

    fn integrate(&mut self, now_ns: u64) {
        let elapsed = now_ns - self.seen_ns;
        self.seen_ns = now_ns;
        self.idle_ns += elapsed * self.nr_idle;
        self.wasted_ns += elapsed * self.nr_idle.min(self.nr_queued);
    }
}

fn waits() -> Histogram<u64> {
    match Histogram::new_with_max(WAIT_MAX_NS, WAIT_DIGITS) {
        Ok(histogram) => histogram,
        Err(error) => unreachable!("the bounds are constants: {error}"),
    }
}

/// Jain's fairness index of shares: 1 if all are equal, 1/n if one has all.
pub fn jain(shares: impl Iterator<Item = f64>) -> Option<f64> {
    let (mut nr, mut sum, mut squares) = (0.0, 0.0, 0.0);
    for share in shares {
        nr += 1.0;
        sum += share;
        squares += share * share;
    }
    (squares > 0.0).then(|| sum * sum / (nr * squares))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jain_knows_fair_from_unfair() {
        assert_eq!(jain([2.0, 2.0, 2.0].into_iter()), Some(1.0));
        assert_eq!(jain([1.0, 0.0, 0.0, 0.0].into_iter()), Some(0.25));
        // 1.5n hogs, half of them alone on a CPU: 8/9.
        let shares = [1.0, 0.5, 0.5];
        assert!((jain(shares.into_iter()).unwrap() - 8.0 / 9.0).abs() < 1e-12);
        assert_eq!(jain(std::iter::empty()), None);
    }

    #[test]
    fn idleness_is_wasted_while_somebody_waits() {
        let mut metrics = Metrics::new(4, 100);
        metrics.idle(110, -3);
        metrics.queue(120, 1);
        metrics.queue(130, 1);
        metrics.finish(140);
        assert_eq!(metrics.idle_ns, 40 + 30);
        assert_eq!(metrics.wasted_ns, 20);
        assert_eq!(metrics.all_busy_ns, None);
        metrics.begin(140, Vec::new());
        metrics.idle(150, -1);
        assert_eq!((metrics.wasted_ns, metrics.all_busy_ns), (10, Some(150)));
    }
}
