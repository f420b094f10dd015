// SPDX-License-Identifier: GPL-2.0-only
//! Figures over samples.

use serde::Serialize;

use crate::report::us;

/// Jain's fairness index, (sum x)^2 / (n * sum x^2): 1 when all are equal,
/// 1/n when one has everything. 1 for no samples or all zero.
///
/// Source: Jain, Chiu, Hawe, DEC-TR-301 (1984).
pub fn jain(x: &[u64]) -> f64 {
    let sum: f64 = x.iter().map(|&v| v as f64).sum();
    let squares: f64 = x.iter().map(|&v| (v as f64).powi(2)).sum();
    if squares == 0.0 {
        return 1.0;
    }
    sum * sum / (x.len() as f64 * squares)
}

/// Distribution of durations, in microseconds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// Number of samples.
    pub count: usize,
    /// Arithmetic mean.
    pub mean_us: f64,
    /// Median.
    pub p50_us: f64,
    /// 99th percentile.
    pub p99_us: f64,
    /// 99.9th percentile.
    pub p999_us: f64,
    /// Largest sample.
    pub max_us: f64,
}

impl Summary {
    /// Summarizes samples given in nanoseconds, in any order; all zero when
    /// there are none. Percentiles are exact (nearest rank).
    pub fn of_ns(mut samples: Vec<u64>) -> Self {
        samples.sort_unstable();
        let total: u64 = samples.iter().sum();
        Self {
            count: samples.len(),
            mean_us: us(total) / samples.len().max(1) as f64,
            p50_us: us(nearest_rank(&samples, 0.5)),
            p99_us: us(nearest_rank(&samples, 0.99)),
            p999_us: us(nearest_rank(&samples, 0.999)),
            max_us: us(samples.last().copied().unwrap_or(0)),
        }
    }
}

/// The smallest sample that at least `quantile` of `sorted` do not exceed; 0 for none.
pub fn nearest_rank(sorted: &[u64], quantile: f64) -> u64 {
    let rank = (quantile * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.max(1) - 1).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jain_is_one_for_equals_and_one_nth_for_a_monopoly() {
        assert_eq!(jain(&[7, 7, 7]), 1.0);
        assert_eq!(jain(&[9, 0, 0]), 1.0 / 3.0);
        assert_eq!(jain(&[]), 1.0);
        assert_eq!(jain(&[0, 0]), 1.0);
    }

    #[test]
    fn percentiles_are_nearest_rank() {
        let s = Summary::of_ns((1..=1000).rev().map(|v| v * 1000).collect());
        assert_eq!((s.p50_us, s.p99_us, s.p999_us), (500.0, 990.0, 999.0));
        assert_eq!((s.count, s.max_us, s.mean_us), (1000, 1000.0, 500.5));
    }

    #[test]
    fn one_sample_is_every_percentile_and_none_is_zero() {
        let one = Summary::of_ns(vec![3000]);
        assert_eq!((one.p50_us, one.p999_us, one.max_us), (3.0, 3.0, 3.0));
        assert_eq!(Summary::of_ns(vec![]).max_us, 0.0);
    }
}
