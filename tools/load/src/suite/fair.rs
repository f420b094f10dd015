// SPDX-License-Identifier: GPL-2.0-only
//! Who gets how much CPU time, and how soon.

use anyhow::{Context, Result};

use super::{Figure, Measurement, Setting};
use crate::cmd::{hogs, shares, spread};
use crate::stats;
use crate::sys;

/// How evenly 1.5n hogs are served.
///
/// # Errors
/// When a thread can't be started.
pub fn jain(setting: &Setting) -> Result<Measurement> {
    let nr = setting.cpus + setting.cpus.div_ceil(2);
    let used = hogs::measure(nr as usize, setting.scale.duration(), hogs::STEADY, |_| {
        Ok(())
    })?;
    let jain = stats::jain(&used.cpu_ns);
    Ok(Measurement::of(vec![Figure::higher(
        "", "Jain", 0.002, jain,
    )]))
}

/// How far hogs on one CPU are from the shares that their nice levels promise.
///
/// # Errors
/// When a thread can't be started.
pub fn nice(setting: &Setting) -> Result<Measurement> {
    let allowed = sys::affinity().context("read the CPUs this process may use")?;
    let cpu = allowed.iter().next().unwrap_or(0) as u32;
    let report = shares::measure(&[0, 5, 10], cpu, setting.scale.duration())?;
    Ok(Measurement::of(vec![Figure::lower(
        "error",
        "points",
        0.2,
        report.worst_points,
    )]))
}

/// How soon 4n hogs that were born on one CPU have all, and are level; what did
/// not happen counts as if it had at the end.
///
/// # Errors
/// When a thread can't be started or bound.
pub fn hot_spot(setting: &Setting) -> Result<Measurement> {
    let duration = setting.scale.duration();
    let report = spread::measure(4 * setting.cpus, duration)?;
    let ms = |us: Option<f64>| us.unwrap_or(duration.as_micros() as f64) / 1e3;
    Ok(Measurement::of(vec![
        Figure::lower("all busy", "ms", 0.1, ms(report.spread_us)),
        Figure::lower("level", "ms", 0.5, ms(report.level_us)),
    ]))
}
