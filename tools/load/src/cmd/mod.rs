// SPDX-License-Identifier: GPL-2.0-only
//! The loads, one module each: arguments, `run`, report.

pub mod affinity_churn;
pub mod fifo;
pub mod haunt;
pub mod hogs;
pub mod listen;
pub mod periodic;
pub mod pingpong;
#[cfg(feature = "bpf")]
pub mod scribble;
pub mod shares;
pub mod spread;

/// The longest time that an option in microseconds takes: as nanoseconds, or as steps
/// of work, it is still a number.
const HOUR_US: u64 = 3_600_000_000;

#[cfg(test)]
mod tests;
