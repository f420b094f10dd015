// SPDX-License-Identifier: GPL-2.0-only
//! Medians, and how far they can be trusted.

use fastrand::Rng;
use serde::{Deserialize, Serialize};

/// Resamples of a bootstrap.
const RESAMPLES: usize = 2_000;

/// Where a number lies with 95 % confidence.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// Its lower end.
    pub lo: f64,
    /// Its upper end.
    pub hi: f64,
}

impl Interval {
    /// The largest distance of its points from zero.
    pub fn reach(&self) -> f64 {
        self.lo.abs().max(self.hi.abs())
    }
}

/// The median, the mean of the middle two of an even number; 0 of none.
pub fn median(values: &[f64]) -> f64 {
    median_of(&mut values.to_vec())
}

fn median_of(values: &mut [f64]) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let half = values.len() / 2;
    match values {
        [] => 0.0,
        _ if values.len() % 2 == 1 => values[half],
        _ => (values[half - 1] + values[half]) / 2.0,
    }
}

/// The interval of the median of `values`, by the percentile bootstrap; zero to
/// zero of none. Source: Efron, Annals of Statistics 7 (1979).
pub fn median_interval(values: &[f64], rng: &mut Rng) -> Interval {
    let mut room = vec![0.0; values.len()];
    percentiles(|| resampled_median(values, &mut room, rng))
}

/// The interval of `median(b) - median(a)`, each of them resampled for itself.
pub fn difference_interval(a: &[f64], b: &[f64], rng: &mut Rng) -> Interval {
    let (mut room_a, mut room_b) = (vec![0.0; a.len()], vec![0.0; b.len()]);
    percentiles(|| resampled_median(b, &mut room_b, rng) - resampled_median(a, &mut room_a, rng))
}

fn resampled_median(values: &[f64], room: &mut [f64], rng: &mut Rng) -> f64 {
    for place in room.iter_mut() {
        *place = values[rng.usize(..values.len())];
    }
    median_of(room)
}

/// The middle 95 % of what `statistic` says.
fn percentiles(mut statistic: impl FnMut() -> f64) -> Interval {
    let mut found: Vec<f64> = (0..RESAMPLES).map(|_| statistic()).collect();
    found.sort_unstable_by(f64::total_cmp);
    let cut = RESAMPLES / 40;
    Interval {
        lo: found[cut],
        hi: found[RESAMPLES - 1 - cut],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fastrand::Rng;
    use proptest::collection::vec;
    use proptest::prelude::*;

    #[test]
    fn medians_of_odd_even_and_none() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
        assert_eq!(median(&[]), 0.0);
    }

    #[test]
    fn nothing_has_an_empty_interval() {
        let none = Interval { lo: 0.0, hi: 0.0 };
        assert_eq!(median_interval(&[], &mut Rng::with_seed(1)), none);
    }

    #[test]
    fn the_interval_holds_the_true_median_about_as_often_as_it_says() {
        let mut rng = Rng::with_seed(7);
        let held = (0..400).filter(|_| {
            let values: Vec<f64> = (0..9).map(|_| rng.f64()).collect();
            let Interval { lo, hi } = median_interval(&values, &mut rng);
            lo <= 0.5 && 0.5 <= hi
        });
        let held = held.count();
        assert!((360..=400).contains(&held), "{held} of 400");
    }

    proptest! {
        #[test]
        fn an_interval_lies_within_the_values_and_holds_the_median(
            values in vec(-1e6..1e6, 1..12), seed: u64
        ) {
            let mut rng = Rng::with_seed(seed);
            let Interval { lo, hi } = median_interval(&values, &mut rng);
            let min = values.iter().copied().fold(f64::INFINITY, f64::min);
            let max = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            prop_assert!(min <= lo && lo <= hi && hi <= max);
            let middle = median(&values);
            prop_assert!(lo <= middle && middle <= hi);
        }

        #[test]
        fn a_difference_follows_a_shift(a in vec(-1e3..1e3, 3..9), shift in -1e3..1e3) {
            let b: Vec<f64> = a.iter().map(|it| it + shift).collect();
            let there = difference_interval(&a, &b, &mut Rng::with_seed(1));
            prop_assert!(there.lo - 1e-6 <= shift && shift <= there.hi + 1e-6);
            let same = difference_interval(&a, &a, &mut Rng::with_seed(1));
            prop_assert!((there.lo - same.lo - shift).abs() < 1e-6);
            prop_assert!((there.hi - same.hi - shift).abs() < 1e-6);
        }
    }
}
