// SPDX-License-Identifier: GPL-2.0-only
//! Whether a scheduler is better than another in one figure.
//!
//! "Same" is what holds until three things speak against it: the interval of the
//! difference of medians leaves zero out; the difference is larger than what the
//! default scheduler measured twice differs from itself; and it is large enough
//! to mean something.

use fastrand::Rng;
use hallows_load::suite::Better;
use serde::{Deserialize, Serialize};

use super::stats::{Interval, difference_interval, median};

/// With fewer rounds nothing can be told.
pub const MIN_ROUNDS: usize = 3;

/// Differences of a smaller part of the default scheduler's median mean nothing.
const MIN_PART: f64 = 0.01;

/// What may be said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Better than the default scheduler.
    Better,
    /// No difference that would be larger than the noise.
    Same,
    /// Worse than it.
    Worse,
}

impl Verdict {
    /// The word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Verdict::Better => "better",
            Verdict::Same => "same",
            Verdict::Worse => "worse",
        }
    }
}

/// What a scheduler's values are judged by.
#[derive(Clone, Copy, Debug)]
pub struct Yardstick<'a> {
    /// All values of the default scheduler.
    pub base: &'a [f64],
    /// What it differs from itself by: see [`aa_spread`].
    pub aa_spread: f64,
    /// Which values are good.
    pub better: Better,
    /// The smallest difference that means something.
    pub resolution: f64,
}

/// The most by which the medians of the same scheduler, measured twice in each
/// round, may differ: the reach of the interval of their difference.
pub fn aa_spread(once: &[f64], again: &[f64], rng: &mut Rng) -> f64 {
    if once.is_empty() || again.is_empty() {
        return f64::INFINITY;
    }
    difference_interval(once, again, rng).reach()
}

impl Yardstick<'_> {
    /// What may be said of a scheduler with these values.
    pub fn judge(&self, values: &[f64], rng: &mut Rng) -> Verdict {
        if self.base.len() < MIN_ROUNDS || values.len() < MIN_ROUNDS {
            return Verdict::Same;
        }
        let base = median(self.base);
        let difference = median(values) - base;
        let Interval { lo, hi } = difference_interval(self.base, values, rng);
        let floor = self.resolution.max(MIN_PART * base.abs());
        let matters = difference.abs() > self.aa_spread.max(floor);
        let larger = matters && lo > 0.0;
        let smaller = matters && hi < 0.0;
        match (self.better, larger, smaller) {
            (_, false, false) => Verdict::Same,
            (Better::Higher, true, _) | (Better::Lower, _, true) => Verdict::Better,
            _ => Verdict::Worse,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fastrand::Rng;
    use proptest::collection::vec;
    use proptest::prelude::*;

    fn judge(base: &[f64], aa_spread: f64, values: &[f64], better: Better) -> Verdict {
        let yardstick = Yardstick {
            base,
            aa_spread,
            better,
            resolution: 1.0,
        };
        yardstick.judge(values, &mut Rng::with_seed(1))
    }

    #[test]
    fn a_clear_difference_is_told_and_its_sign_is_that_of_the_figure() {
        let (base, values) = ([1000.0, 1010.0, 990.0], [30.0, 34.0, 38.0]);
        assert_eq!(judge(&base, 20.0, &values, Better::Lower), Verdict::Better);
        assert_eq!(judge(&base, 20.0, &values, Better::Higher), Verdict::Worse);
        assert_eq!(judge(&values, 20.0, &base, Better::Lower), Verdict::Worse);
        assert_eq!(judge(&values, 20.0, &base, Better::Higher), Verdict::Better);
    }

    #[test]
    fn nothing_within_the_spread_of_the_default_itself_is_told() {
        let (base, values) = ([1000.0, 1010.0, 990.0], [900.0, 905.0, 910.0]);
        assert_eq!(judge(&base, 50.0, &values, Better::Lower), Verdict::Better);
        assert_eq!(judge(&base, 95.1, &values, Better::Lower), Verdict::Same);
        assert_eq!(
            judge(&base, f64::INFINITY, &values, Better::Lower),
            Verdict::Same
        );
    }

    #[test]
    fn what_is_too_small_to_matter_is_the_same() {
        assert_eq!(
            judge(&[0.0; 6], 0.0, &[0.9; 3], Better::Lower),
            Verdict::Same
        );
        assert_eq!(
            judge(&[0.0; 6], 0.0, &[1.1; 3], Better::Lower),
            Verdict::Worse
        );
        assert_eq!(
            judge(&[1000.0; 6], 0.0, &[991.0; 3], Better::Lower),
            Verdict::Same
        );
    }

    #[test]
    fn two_rounds_tell_nothing() {
        assert_eq!(
            judge(&[1.0; 6], 0.0, &[9.0; 2], Better::Lower),
            Verdict::Same
        );
        assert_eq!(
            judge(&[1.0; 2], 0.0, &[9.0; 6], Better::Lower),
            Verdict::Same
        );
    }

    #[test]
    fn what_was_not_measured_twice_spreads_without_end() {
        let mut rng = Rng::with_seed(1);
        assert_eq!(aa_spread(&[1.0], &[], &mut rng), f64::INFINITY);
        assert_eq!(aa_spread(&[1.0, 1.0], &[1.0, 1.0], &mut rng), 0.0);
    }

    /// Of schedulers that are the same, few may be called different.
    #[test]
    fn noise_is_seldom_taken_for_a_difference() {
        let mut rng = Rng::with_seed(3);
        for rounds in [3, 5, 9] {
            let mut noise = || -> Vec<f64> {
                // Skewed, as latencies are.
                (0..rounds).map(|_| 100.0 / (0.1 + rng.f64())).collect()
            };
            let draws: Vec<_> = (0..300).map(|_| [noise(), noise(), noise()]).collect();
            let wrong = draws.iter().filter(|[once, again, values]| {
                let mut rng = Rng::with_seed(1);
                let spread = aa_spread(once, again, &mut rng);
                let base = [&once[..], again].concat();
                judge(&base, spread, values, Better::Lower) != Verdict::Same
            });
            let wrong = wrong.count();
            assert!(wrong <= 9, "{wrong} of 300 with {rounds} rounds");
        }
    }

    proptest! {
        #[test]
        fn better_one_way_is_worse_the_other(
            base in vec(0.0..1e6, 1..12), values in vec(0.0..1e6, 1..12), spread in 0.0..1e5
        ) {
            let low = judge(&base, spread, &values, Better::Lower);
            let high = judge(&base, spread, &values, Better::Higher);
            prop_assert!(matches!(
                (low, high),
                (Verdict::Same, Verdict::Same)
                    | (Verdict::Better, Verdict::Worse)
                    | (Verdict::Worse, Verdict::Better)
            ));
        }

        #[test]
        fn a_scheduler_is_not_better_than_itself(values in vec(0.0..1e6, 1..12)) {
            prop_assert_eq!(judge(&values, 0.0, &values, Better::Lower), Verdict::Same);
        }
    }
}
