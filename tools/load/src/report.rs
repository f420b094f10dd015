// SPDX-License-Identifier: GPL-2.0-only
//! What every load hands back.

use std::fmt::Display;

use serde::Serialize;

/// A load's result: `Display` is its readable form (whole lines), `Serialize`
/// its JSON object.
pub trait Report: Serialize + Display {
    /// False when a check that the load makes by itself failed (exit status 1).
    fn passed(&self) -> bool {
        true
    }
}

/// Nanoseconds as microseconds, for reports.
pub fn us(ns: u64) -> f64 {
    ns as f64 / 1e3
}

/// Nanoseconds as seconds, for reports.
pub fn secs(ns: u64) -> f64 {
    ns as f64 / 1e9
}
