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
