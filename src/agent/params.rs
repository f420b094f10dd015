// SPDX-License-Identifier: GPL-2.0-only
//! The numbers that steer the agent, and which of them make sense.

use anyhow::{Result, ensure};

use super::place::NR_RINGS;
use super::price::MAX_PRICE_NS;

/// Nanoseconds in a millisecond.
pub const MS: u64 = 1_000_000;
const US: u64 = 1_000;

/// What the command line sets. Queue lengths are in tasks, shares in 0..=1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Params {
    /// Mean queue above which a cell becomes saturated.
    pub saturate_enter: f64,
    /// Mean queue below which it stops to be.
    pub saturate_leave: f64,
    /// Idle share above which a cell becomes hungry.
    pub hungry_enter: f64,
    /// Idle share below which it stops to be.
    pub hungry_leave: f64,
    /// Windows in a row that a cell must want to leave a state before it does.
    pub dwell: u32,
    /// Length of a window while cells flip.
    pub period_ns: u64,
    /// Time slice.
    pub slice_ns: u64,
    /// Shortest time slice.
    pub min_slice_ns: u64,
    /// Within which the queue of a saturated cell should go round once.
    pub target_latency_ns: u64,
    /// Weight of the price of a move.
    pub kappa: f64,
    /// What a move must save beyond its price.
    pub hysteresis_ns: u64,
    /// Prices of moves follow what they are seen to cost.
    pub price_learn: bool,
    /// Prices of the rings from the SMT sibling outwards, in nanoseconds, instead
    /// of those that the topology suggests.
    pub prices_ns: Option<[u64; NR_RINGS - 1]>,
    /// Threads of a process are brought together in an LLC.
    pub affinity: bool,
}

impl Default for Params {
    fn default() -> Self {
        Params {
            saturate_enter: 0.75,
            saturate_leave: 0.35,
            hungry_enter: 0.20,
            hungry_leave: 0.05,
            dwell: 2,
            period_ns: 10 * MS,
            slice_ns: 3 * MS,
            min_slice_ns: MS / 2,
            target_latency_ns: 6 * MS,
            kappa: 1.0,
            hysteresis_ns: 30 * US,
            price_learn: true,
            prices_ns: None,
            affinity: true,
        }
    }
}

impl Params {
    /// Checks every value and every pair of values that depend on each other.
    ///
    /// # Errors
    /// One line that names the flag and says what would do.
    pub fn validate(&self) -> Result<()> {
        // NaN fails every comparison, so each bound is written as what must hold.
        within("saturate-enter", self.saturate_enter, 0.01, 64.0)?;
        within("saturate-leave", self.saturate_leave, 0.0, 64.0)?;
        within("hungry-enter", self.hungry_enter, 0.01, 1.0)?;
        within("hungry-leave", self.hungry_leave, 0.0, 1.0)?;
        below("saturate", self.saturate_leave, self.saturate_enter)?;
        below("hungry", self.hungry_leave, self.hungry_enter)?;
        within("dwell", self.dwell.into(), 1.0, 100.0)?;
        within("period-ms", self.period_ns as f64 / MS as f64, 4.0, 100.0)?;
        within(
            "slice-us",
            self.slice_ns as f64 / US as f64,
            100.0,
            100_000.0,
        )?;
        within(
            "min-slice-us",
            self.min_slice_ns as f64 / US as f64,
            50.0,
            100_000.0,
        )?;
        ensure!(
            self.min_slice_ns <= self.slice_ns,
            "--min-slice-us {} is above --slice-us {}: the shortest slice can't be longer than \
             the slice",
            self.min_slice_ns / US,
            self.slice_ns / US
        );
        within("kappa", self.kappa, 0.0, 16.0)?;
        // A wait of more than 5 ms beside an idle CPU is never worth a move saved.
        within(
            "hysteresis-us",
            self.hysteresis_ns as f64 / US as f64,
            0.0,
            5_000.0,
        )?;
        let prices = self.prices_ns.unwrap_or_default();
        let [.., last] = prices;
        within(
            "price-us",
            last as f64 / US as f64,
            0.0,
            MAX_PRICE_NS as f64 / US as f64,
        )?;
        ensure!(
            prices.is_sorted(),
            "--price-us {}: a farther ring can't cost less than a nearer one",
            prices.map(|price| (price / US).to_string()).join(",")
        );
        Ok(())
    }
}

fn within(flag: &str, value: f64, low: f64, high: f64) -> Result<()> {
    ensure!(
        low <= value && value <= high,
        "--{flag} {value} is not in {low}..={high}"
    );
    Ok(())
}

fn below(name: &str, leave: f64, enter: f64) -> Result<()> {
    let relation = if leave > enter { "is above" } else { "equals" };
    ensure!(
        leave < enter,
        "--{name}-leave {leave} {relation} --{name}-enter {enter}: leave must be below enter"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn each_flag_has_its_bounds() {
        for (flag, change) in [
            (
                "--saturate-enter NaN",
                (|p| p.saturate_enter = f64::NAN) as fn(&mut Params),
            ),
            ("--saturate-enter 65", |p| p.saturate_enter = 65.0),
            ("--saturate-leave -1", |p| p.saturate_leave = -1.0),
            ("--hungry-enter 1.5", |p| p.hungry_enter = 1.5),
            ("--hungry-leave NaN", |p| p.hungry_leave = f64::NAN),
            ("--dwell 0", |p| p.dwell = 0),
            ("--dwell 101", |p| p.dwell = 101),
            ("--period-ms 3", |p| p.period_ns = 3 * MS),
            ("--period-ms 101", |p| p.period_ns = 101 * MS),
            ("--slice-us 99", |p| p.slice_ns = 99 * US),
            ("--min-slice-us 49", |p| p.min_slice_ns = 49 * US),
            ("--min-slice-us 500 is above --slice-us 200", |p| {
                p.slice_ns = 200 * US
            }),
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
