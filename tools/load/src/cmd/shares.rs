// SPDX-License-Identifier: GPL-2.0-only
//! `shares`: do nice levels get what their weights promise?

use std::fmt;
use std::time::Duration;

use anyhow::{Context, Result};
use serde::Serialize;

use crate::cmd::hogs;
use crate::cpuset::{CpuSet, MAX_CPUS};
use crate::report::{Report, secs};
use crate::sys;
use crate::weight::ideal_shares;

/// Burn one CPU with one thread per nice level; compare shares with weights.
#[derive(clap::Args)]
pub struct Args {
    /// Nice levels, one thread each.
    #[arg(
        long,
        value_delimiter = ',',
        allow_hyphen_values = true,
        default_value = "-10,0,10",
        value_parser = clap::value_parser!(i32).range(-20..=19)
    )]
    nice: Vec<i32>,
    /// The CPU that they share.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u32).range(..MAX_CPUS as i64))]
    cpu: u32,
    /// How long, such as 8s or 500ms.
    #[arg(long = "for", default_value = "8s", value_parser = humantime::parse_duration)]
    duration: Duration,
    /// Exit with 1 when a share is off by more than this many percentage points.
    #[arg(long, value_name = "POINTS")]
    tolerance: Option<f64>,
}

/// One thread's share.
#[derive(Debug, Serialize)]
struct Share {
    nice: i32,
    cpu_seconds: f64,
    /// Part of all threads' CPU time, percent.
    percent: f64,
    /// What its weight promises, percent.
    ideal_percent: f64,
    /// `percent - ideal_percent`.
    deviation_points: f64,
}

/// What `shares` found.
#[derive(Debug, Serialize)]
pub struct SharesReport {
    load: &'static str,
    cpu: u32,
    seconds: f64,
    /// How much of the CPU the threads used together, percent.
    cpu_used_percent: f64,
    shares: Vec<Share>,
    /// Largest absolute deviation.
    pub worst_points: f64,
    tolerance_points: Option<f64>,
}

impl Report for SharesReport {
    fn passed(&self) -> bool {
        self.tolerance_points.is_none_or(|t| self.worst_points <= t)
    }
}

impl fmt::Display for SharesReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for s in &self.shares {
            writeln!(
                f,
                "nice {:>3}: {:6.2} % of CPU {}, by weight {:6.2} %, off by {:+.2} points",
                s.nice, s.percent, self.cpu, s.ideal_percent, s.deviation_points
            )?;
        }
        write!(
            f,
            "{:.3} s, CPU {} used to {:.1} %, worst deviation {:.2} points",
            self.seconds, self.cpu, self.cpu_used_percent, self.worst_points
        )?;
        match self.tolerance_points {
            Some(t) if self.passed() => writeln!(f, " (within {t})"),
            Some(t) => writeln!(f, " (over {t}: FAILED)"),
            None => writeln!(f),
        }
    }
}

/// Runs the load.
///
/// # Errors
/// When a thread can't get its nice level or the CPU, or can't be started.
pub fn run(args: &Args) -> Result<SharesReport> {
    let mut report = measure(&args.nice, args.cpu, args.duration)?;
    report.tolerance_points = args.tolerance;
    Ok(report)
}

/// Lets one hog of each nice level share a CPU.
///
/// # Errors
/// Those of [`run`].
pub fn measure(nices: &[i32], cpu: u32, duration: Duration) -> Result<SharesReport> {
    let setup = |index: usize| {
        let nice = nices[index];
        sys::set_affinity(0, &CpuSet::single(cpu as usize))
            .with_context(|| format!("pin a thread to CPU {cpu}"))?;
        sys::set_nice(nice).with_context(|| format!("set nice {nice}"))
    };
    let used = hogs::measure(nices.len(), duration, hogs::STEADY, setup)?;
    let shares = compare(nices, &used.cpu_ns);
    let deviations = shares.iter().map(|s| s.deviation_points.abs());
    Ok(SharesReport {
        load: "shares",
        cpu,
        seconds: secs(used.window_ns),
        cpu_used_percent: 100.0 * used.cpu_ns.iter().sum::<u64>() as f64 / used.window_ns as f64,
        worst_points: deviations.fold(0.0, f64::max),
        shares,
        tolerance_points: None,
    })
}

/// Each thread's share of the CPU time beside its ideal.
fn compare(nices: &[i32], cpu_ns: &[u64]) -> Vec<Share> {
    let total = cpu_ns.iter().sum::<u64>().max(1) as f64;
    let ideals = ideal_shares(nices);
    nices
        .iter()
        .zip(cpu_ns)
        .zip(ideals)
        .map(|((&nice, &ns), ideal)| {
            let percent = 100.0 * ns as f64 / total;
            Share {
                nice,
                cpu_seconds: secs(ns),
                percent,
                ideal_percent: 100.0 * ideal,
                deviation_points: percent - 100.0 * ideal,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_nices_with_unequal_time_deviate_by_the_difference() {
        let shares = compare(&[0, 0], &[3_000, 1_000]);
        assert_eq!(
            (shares[0].deviation_points, shares[1].deviation_points),
            (25.0, -25.0)
        );
    }

    #[test]
    fn time_in_proportion_to_weight_deviates_by_nothing() {
        let shares = compare(&[-10, 0, 10], &[9_548_000, 1_024_000, 110_000]);
        assert!(shares.iter().all(|s| s.deviation_points.abs() < 1e-9));
    }
}
