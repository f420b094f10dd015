// SPDX-License-Identifier: GPL-2.0-only
//! Which [`Params`] make sense.

use std::fmt;

use super::key::Key;
use super::table::{KEYS, PAIRS, Pair};
use super::value::Value;
use crate::agent::params::Params;

/// What is wrong with a set of parameters.
#[derive(Debug)]
pub enum Fault {
    /// A value is out of its range.
    Value(&'static Key, Value),
    /// A value is not below the one it has to be below.
    Pair(&'static Pair, [(&'static Key, Value); 2]),
}

impl Params {
    /// Checks every value and every pair of values that depend on each other.
    ///
    /// # Errors
    /// The first fault in the order of [`KEYS`].
    pub fn validate(&self) -> Result<(), Fault> {
        for key in KEYS {
            let value = key.get(self);
            if key.accepts(&value).is_err() {
                return Err(Fault::Value(key, value));
            }
        }
        PAIRS.iter().try_for_each(|pair| pair.check(self))
    }
}

impl Pair {
    fn check(&'static self, params: &Params) -> Result<(), Fault> {
        let value = |name| {
            let key = KEYS.iter().find(|key| key.name == name);
            key.map(|key| (key, key.get(params)))
        };
        let (Some(low), Some(high)) = (value(self.low), value(self.high)) else {
            unreachable!("a test looks up the names of all pairs");
        };
        let holds = match (&low.1, &high.1) {
            (Value::Float(a), Value::Float(b)) => a < b || self.may_equal && a == b,
            (Value::Integer(a), Value::Integer(b)) => a < b || self.may_equal && a == b,
            _ => unreachable!("a test compares the types of all pairs"),
        };
        if holds {
            Ok(())
        } else {
            Err(Fault::Pair(self, [low, high]))
        }
    }
}

impl Fault {
    /// The keys at fault.
    pub fn keys(&self) -> Vec<&'static Key> {
        match self {
            Fault::Value(key, _) => vec![key],
            Fault::Pair(_, values) => values.iter().map(|(key, _)| *key).collect(),
        }
    }

    /// One line that says what would do, with each key called what `name` calls it.
    pub fn describe(&self, name: impl Fn(&Key) -> String) -> String {
        match self {
            Fault::Value(key, value) => {
                format!("{} {value}: must be {}", name(key), key.allowed())
            }
            Fault::Pair(pair, [low, high]) => {
                let relation = if low.1 == high.1 {
                    "equals"
                } else {
                    "is above"
                };
                format!(
                    "{} {} {relation} {} {}: {}",
                    name(low.0),
                    low.1,
                    name(high.0),
                    high.1,
                    pair.why
                )
            }
        }
    }
}

impl fmt::Display for Fault {
    /// Writes the line with the names that the keys have as flags.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.describe(|key| format!("--{}", key.flag())))
    }
}

impl std::error::Error for Fault {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::params::{MS, US};
    use crate::config::find;
    use std::mem::discriminant;

    /// The error after `change` to the defaults.
    fn says(change: impl FnOnce(&mut Params)) -> String {
        let mut params = Params::default();
        change(&mut params);
        params.validate().unwrap_err().to_string()
    }

    #[test]
    fn the_defaults_are_valid() {
        Params::default().validate().unwrap();
    }

    #[test]
    fn pairs_name_two_numbers_of_one_type() {
        for pair in PAIRS {
            let [low, high] = [pair.low, pair.high].map(|name| find(name).unwrap().default());
            assert_eq!(discriminant(&low), discriminant(&high), "{pair:?}");
            assert!(matches!(low, Value::Float(_) | Value::Integer(_)));
        }
    }

    #[test]
    fn leave_is_below_enter() {
        assert_eq!(
            says(|p| p.saturate_leave = 0.9),
            "--saturate-leave 0.9 is above --saturate-enter 0.75: leave must be below enter"
        );
        assert_eq!(
            says(|p| p.hungry_leave = p.hungry_enter),
            "--hungry-leave 0.2 equals --hungry-enter 0.2: leave must be below enter"
        );
    }

    #[test]
    fn a_fault_is_told_in_the_words_of_whoever_made_it() {
        let params = Params {
            min_slice_ns: 2 * MS,
            slice_ns: MS,
            ..Params::default()
        };
        assert_eq!(
            params
                .validate()
                .unwrap_err()
                .describe(|key| key.name.into()),
            "min_slice_us 2000 is above slice_us 1000: \
             the shortest slice can't be longer than the slice"
        );
    }

    #[test]
    fn each_flag_has_its_bounds() {
        for (flag, change) in [
            (
                "--saturate-enter NaN: must be a number from 0.01 to 64",
                (|p| p.saturate_enter = f64::NAN) as fn(&mut Params),
            ),
            ("--saturate-enter 65", |p| p.saturate_enter = 65.0),
            ("--saturate-leave -1", |p| p.saturate_leave = -1.0),
            ("--hungry-enter 1.5", |p| p.hungry_enter = 1.5),
            ("--hungry-leave NaN", |p| p.hungry_leave = f64::NAN),
            ("--dwell 0: must be a whole number from 1 to 100", |p| {
                p.dwell = 0
            }),
            ("--dwell 101", |p| p.dwell = 101),
            ("--period-ms 3", |p| p.period_ns = 3 * MS),
            ("--period-ms 101", |p| p.period_ns = 101 * MS),
            ("--slice-us 99", |p| p.slice_ns = 99 * US),
            ("--min-slice-us 49", |p| p.min_slice_ns = 49 * US),
            ("--min-slice-us 500 is above --slice-us 200", |p| {
                p.slice_ns = 200 * US
            }),
            ("--long-slice-us 100001", |p| p.long_slice_ns = 100_001 * US),
            ("--slice-us 21000 is above --long-slice-us 20000", |p| {
                p.slice_ns = 21 * MS
            }),
            ("--target-latency-us 99", |p| p.target_latency_ns = 99 * US),
            ("--period-ms 50 is above --max-period-ms 40", |p| {
                (p.period_ns, p.max_period_ns) = (50 * MS, 40 * MS)
            }),
            ("--max-period-ms 101", |p| p.max_period_ns = 101 * MS),
            ("--signal-periods 1", |p| p.signal_periods = 1),
            ("--band 0", |p| p.band = 0.0),
            ("--band-quiet NaN", |p| p.band_quiet = f64::NAN),
            ("--band-overloaded inf", |p| {
                p.band_overloaded = f64::INFINITY
            }),
            ("--band-min 17", |p| p.band_min = 17.0),
            ("--express-max-us 49", |p| p.express_max_ns = 49 * US),
            ("--preempt-gap-us 100001", |p| {
                p.preempt_gap_ns = 100_001 * US
            }),
            ("--starved-ms 19", |p| p.starved_ns = 19 * MS),
            ("--wait-max-us 499", |p| p.wait_max_ns = 499 * US),
            ("--lag-slices 0", |p| p.lag_slices = 0),
            ("--home-factor 0.9", |p| p.home_factor = 0.9),
            ("--home-gap-ms 10001", |p| p.home_gap_ns = 10_001 * MS),
            ("--home-fill 0", |p| p.home_fill = 0.0),
            ("--kappa -0.5", |p| p.kappa = -0.5),
            ("--kappa NaN", |p| p.kappa = f64::NAN),
            ("--kappa inf", |p| p.kappa = f64::INFINITY),
            ("--hysteresis-us 5001", |p| p.hysteresis_ns = 5_001 * US),
        ] {
            let error = says(change);
            assert!(error.starts_with(flag), "{flag}: {error}");
            assert!(!error.contains('\n'), "{error}");
        }
    }

    #[test]
    fn the_bounds_themselves_are_allowed() {
        for period in [4, 100] {
            Params {
                period_ns: period * MS,
                ..Params::default()
            }
            .validate()
            .unwrap();
        }
        let slice_ns = Params::default().min_slice_ns;
        Params {
            slice_ns,
            ..Params::default()
        }
        .validate()
        .unwrap();
    }
}
