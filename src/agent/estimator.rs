// SPDX-License-Identifier: GPL-2.0-only
//! Prices learnt on line: what moves cost on this machine, under this load.
//!
//! A burst, from wake-up to sleep, that began on another CPU than the last one
//! refills caches first, so it is longer. By how much bursts that moved over a
//! ring exceed their tasks' averages, less the same of those that stayed, is the
//! price of that ring, and no hardware counter is needed. It is believed once its standard error is
//! small; where caches are not modelled, as in most virtual machines, it is 0.

use super::place::NR_RINGS;
use super::price::{MAX_PRICE_NS, Prices};

/// Nanoseconds in a unit of [`BurstSums`].
const UNIT_NS: f64 = 1024.0;
/// Weight of the past, a second ago.
const DECAY: f64 = 0.9;
/// Fewer samples of either kind tell nothing, whatever their spread.
const MIN_SAMPLES: f64 = 100.0;
/// Largest standard error, as a share of the estimate or of the static price,
/// whichever is larger: a price that is really 0 could never pass otherwise.
const MAX_ERROR: f64 = 0.25;

/// `struct bursts`, summed over the CPUs: bursts by the ring they began at, in
/// units of 1024 ns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BurstSums {
    pub nr: [u64; NR_RINGS],
    /// Differences to the tasks' averages; may fall.
    pub sum: [i64; NR_RINGS],
    pub sum_sq: [u64; NR_RINGS],
}

/// What is known of the price of a ring.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Estimate {
    /// Bursts that it is based on, old ones weighing less.
    pub samples: f64,
    /// The difference of the means, in nanoseconds; may be below 0.
    pub mean_ns: f64,
    /// Its standard error, in nanoseconds.
    pub error_ns: f64,
    /// It is, or was before, good enough to go by.
    pub learnt: bool,
}

/// Learns prices from sums that only grow.
#[derive(Clone, Debug)]
pub struct Estimator {
    fixed: Prices,
    last: BurstSums,
    /// Count, sum and sum of squares of each ring.
    sums: [[f64; 3]; NR_RINGS],
    estimates: [Estimate; NR_RINGS],
    learnt: [Option<f64>; NR_RINGS],
}

impl Estimator {
    /// An estimator that goes by the prices `fixed` until it knows better.
    pub fn new(fixed: Prices) -> Estimator {
        Estimator {
            fixed,
            last: BurstSums::default(),
            sums: Default::default(),
            estimates: Default::default(),
            learnt: Default::default(),
        }
    }

    /// Forgets what was learnt, and goes by other static prices.
    pub fn restart(&mut self, fixed: Prices) {
        *self = Estimator {
            last: self.last,
            ..Estimator::new(fixed)
        };
    }

    /// Takes note of the sums as they are now; to be called once a second.
    pub fn observe(&mut self, now: &BurstSums) {
        for ring in 0..NR_RINGS {
            let since = |now: u64, last: u64| now.saturating_sub(last) as f64;
            let grown = [
                since(now.nr[ring], self.last.nr[ring]),
                now.sum[ring].wrapping_sub(self.last.sum[ring]) as f64,
                since(now.sum_sq[ring], self.last.sum_sq[ring]),
            ];
            for (sum, grown) in self.sums[ring].iter_mut().zip(grown) {
                *sum = *sum * DECAY + grown;
            }
        }
        self.last = *now;
        for ring in 1..NR_RINGS {
            let estimate = self.estimate(ring);
            if estimate.learnt {
                self.learnt[ring] = Some(estimate.mean_ns.clamp(0.0, MAX_PRICE_NS as f64));
            }
            self.estimates[ring] = Estimate {
                // What was learnt holds when the samples fade.
                learnt: self.learnt[ring].is_some(),
                ..estimate
            };
        }
    }

    fn estimate(&self, ring: usize) -> Estimate {
        let (stayed, moved) = (Mean::of(self.sums[0]), Mean::of(self.sums[ring]));
        let mean_ns = (moved.mean - stayed.mean) * UNIT_NS;
        let error_ns = (moved.error_sq + stayed.error_sq).sqrt() * UNIT_NS;
        let scale = mean_ns.max(self.fixed[ring] as f64);
        let enough = moved.samples.min(stayed.samples) >= MIN_SAMPLES;
        Estimate {
            samples: moved.samples,
            mean_ns,
            error_ns,
            learnt: enough && error_ns <= MAX_ERROR * scale,
        }
    }

    /// The prices to go by: learnt where that is possible, else static; none
    /// below that of a nearer ring, nor above a learnt one of a farther ring.
    pub fn prices_ns(&self) -> Prices {
        let mut prices = self.fixed;
        let mut cap = u64::MAX;
        for ring in (1..NR_RINGS).rev() {
            prices[ring] = match self.learnt[ring] {
                Some(price) => price as u64,
                None => prices[ring].min(cap),
            };
            if self.learnt[ring].is_some() {
                cap = prices[ring];
            }
        }
        for ring in 1..NR_RINGS {
            prices[ring] = prices[ring].max(prices[ring - 1]);
        }
        prices
    }

    /// What is known of each ring; nothing of the first, which costs nothing.
    pub fn estimates(&self) -> &[Estimate; NR_RINGS] {
        &self.estimates
    }
}

/// A mean and the square of its standard error.
struct Mean {
    samples: f64,
    mean: f64,
    error_sq: f64,
}

impl Mean {
    fn of([samples, sum, sum_sq]: [f64; 3]) -> Mean {
        if samples < 1.0 {
            return Mean {
                samples,
                mean: 0.0,
                error_sq: f64::INFINITY,
            };
        }
        let mean = sum / samples;
        let variance = (sum_sq / samples - mean * mean).max(0.0);
        Mean {
            samples,
            mean,
            error_sq: variance / samples,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::price::DEFAULT_PRICES_NS;
    use proptest::prelude::*;

    /// Sums of bursts that differ by up to `spread` units from their tasks'
    /// averages, and more by `cost` per ring.
    fn sums(nr: i64, spread: i64, cost: [i64; NR_RINGS]) -> BurstSums {
        let mut sums = BurstSums::default();
        for (ring, cost) in cost.into_iter().enumerate() {
            for burst in 0..nr {
                let off = 2 * spread * burst / nr.max(1) - spread + cost;
                sums.nr[ring] += 1;
                sums.sum[ring] += off;
                sums.sum_sq[ring] += (off * off) as u64;
            }
        }
        sums
    }

    fn learn(nr: i64, base: i64, cost: [i64; NR_RINGS]) -> Estimator {
        let mut estimator = Estimator::new(DEFAULT_PRICES_NS);
        estimator.observe(&sums(nr, base, cost));
        estimator
    }

    #[test]
    fn true_costs_are_found() {
        let prices = learn(100_000, 100, [0, 2, 20, 100, 300]).prices_ns();
        assert_eq!(prices, [0, 2_048, 20_480, 102_400, 307_200]);
    }

    #[test]
    fn where_moves_cost_nothing_prices_are_nothing() {
        let estimator = learn(100_000, 100, [0; NR_RINGS]);
        assert_eq!(estimator.prices_ns(), [0; NR_RINGS]);
        assert!(estimator.estimates()[3].error_ns < 1_000.0);
    }

    #[test]
    fn a_few_samples_change_nothing() {
        let estimator = learn(99, 100, [0, 50, 50, 50, 50]);
        assert_eq!(estimator.prices_ns(), DEFAULT_PRICES_NS);
        assert!(!estimator.estimates()[4].learnt);
        // Enough of them, but too wide a spread for so small a difference.
        let noisy = learn(200, 5_000, [0, 2, 20, 40, 60]);
        assert_eq!(noisy.prices_ns(), DEFAULT_PRICES_NS);
    }

    #[test]
    fn a_learnt_price_holds_back_those_of_nearer_rings() {
        let mut estimator = Estimator::new(DEFAULT_PRICES_NS);
        let mut only_node = sums(100_000, 20, [0, 0, 0, 5, 0]);
        for ring in [1, 2, 4] {
            (
                only_node.nr[ring],
                only_node.sum[ring],
                only_node.sum_sq[ring],
            ) = (0, 0, 0);
        }
        estimator.observe(&only_node);
        assert_eq!(estimator.prices_ns(), [0, 2_000, 5_120, 5_120, 300_000]);
    }

    #[test]
    fn the_past_fades() {
        let mut estimator = learn(50_000, 100, [0, 0, 0, 400, 400]);
        let mut now = estimator.last;
        let step = sums(50_000, 100, [0, 0, 0, 50, 50]);
        for _ in 0..60 {
            for ring in 0..NR_RINGS {
                now.nr[ring] += step.nr[ring];
                now.sum[ring] += step.sum[ring];
                now.sum_sq[ring] += step.sum_sq[ring];
            }
            estimator.observe(&now);
        }
        let price = estimator.prices_ns()[3];
        assert!((50_000..54_000).contains(&price), "{price}");
    }

    proptest! {
        #[test]
        fn prices_are_bounded_and_rise_with_distance(
            sums in prop::collection::vec(any::<[u64; 3 * NR_RINGS]>(), 1..6),
        ) {
            let mut estimator = Estimator::new(DEFAULT_PRICES_NS);
            for raw in sums {
                let mut sums = BurstSums::default();
                sums.nr.copy_from_slice(&raw[..NR_RINGS]);
                sums.sum = std::array::from_fn(|ring| raw[NR_RINGS + ring] as i64);
                sums.sum_sq.copy_from_slice(&raw[2 * NR_RINGS..]);
                estimator.observe(&sums);
                let prices = estimator.prices_ns();
                prop_assert!(prices.is_sorted());
                prop_assert_eq!(prices[0], 0);
                prop_assert!(prices[NR_RINGS - 1] <= MAX_PRICE_NS);
            }
        }
    }
}
