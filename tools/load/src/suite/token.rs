// SPDX-License-Identifier: GPL-2.0-only
//! Pairs of threads that pass a token.

use anyhow::Result;

use super::{Figure, Measurement, Setting};
use crate::cmd::pingpong;

/// Round trips a second, all pairs together.
///
/// # Errors
/// Those of [`pingpong::measure`].
pub fn run(setting: &Setting, medium: &'static str, pairs: u32) -> Result<Measurement> {
    let report = pingpong::measure(medium, pairs, setting.scale.duration())?;
    let rate = report.round_trips_per_second;
    Ok(Measurement::of(vec![Figure::higher(
        "", "trips/s", 1.0, rate,
    )]))
}
