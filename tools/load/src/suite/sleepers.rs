// SPDX-License-Identifier: GPL-2.0-only
//! Tasks that sleep most of the time, beside hogs that never do.

use std::time::Duration;

use anyhow::Result;

use super::{Figure, Measurement, Setting};
use crate::cmd::hogs::{self, Burned};
use crate::cmd::periodic::{self, Rhythm, Wakeups};
use crate::stats::Summary;

/// Hogs spread before anything is measured.
const SETTLE: Duration = Duration::from_millis(100);

/// How late two sleepers wake up.
///
/// # Errors
/// When a thread can't be started.
pub fn wakeup(setting: &Setting, hogs: u32) -> Result<Measurement> {
    let (wakeups, _) = beside(setting, hogs, 2, 4_000, 100)?;
    let late = Summary::of_ns(wakeups.lateness_ns.clone());
    let figures = [
        ("p50", late.p50_us),
        ("p99", late.p99_us),
        ("p99.9", late.p999_us),
        ("max", late.max_us),
    ];
    let figures = figures.map(|(name, value)| Figure::lower(name, "us", 1.0, value));
    Ok(Measurement::of(figures.into()).with_latencies(wakeups.lateness_ns))
}

/// The share of frames that one renderer misses.
///
/// # Errors
/// When a thread can't be started.
pub fn frames(setting: &Setting, hogs: u32) -> Result<Measurement> {
    let (wakeups, _) = beside(setting, hogs, 1, 16_667, 5_000)?;
    let shown = wakeups.lateness_ns.len() as f64;
    let missed = 100.0 * wakeups.skipped as f64 / (shown + wakeups.skipped as f64).max(1.0);
    let figures = vec![Figure::lower("missed", "%", 0.1, missed)];
    Ok(Measurement::of(figures).with_latencies(wakeups.lateness_ns))
}

/// The latency of n interactive tasks, and what 2n hogs get done meanwhile.
///
/// # Errors
/// When a thread can't be started.
pub fn mixed(setting: &Setting) -> Result<Measurement> {
    let (wakeups, burned) = beside(setting, 2 * setting.cpus, setting.cpus, 5_000, 200)?;
    let late = Summary::of_ns(wakeups.lateness_ns.clone());
    // Work of a microsecond, done by all hogs in a microsecond: CPUs' worth.
    let work_us = burned.iterations as f64 / setting.per_us as f64;
    let cpus = work_us / (burned.window_ns as f64 / 1e3);
    let figures = vec![
        Figure::lower("p50", "us", 1.0, late.p50_us),
        Figure::lower("p99", "us", 1.0, late.p99_us),
        Figure::higher("hogs' work", "CPUs", 0.01, cpus),
    ];
    Ok(Measurement::of(figures).with_latencies(wakeups.lateness_ns))
}

fn beside(
    setting: &Setting,
    hogs: u32,
    threads: u32,
    period_us: u64,
    work_us: u64,
) -> Result<(Wakeups, Burned)> {
    let rhythm = Rhythm {
        threads,
        period_ns: period_us * 1000,
        work_iterations: work_us * setting.per_us,
        surge: None,
        duration: setting.scale.duration(),
    };
    hogs::beside(hogs as usize, SETTLE, || {
        periodic::measure(&rhythm, || Ok(()))
    })
}
