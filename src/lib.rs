// SPDX-License-Identifier: GPL-2.0-only
//! The agent of `scx_hallows`: pure logic that needs neither clang nor libbpf,
//! and, with the feature `bpf`, the part that loads and steers the scheduler.

pub mod agent;
#[cfg(feature = "bpf")]
pub mod bench;

#[cfg(feature = "bpf")]
pub mod bpf_intf;
#[cfg(feature = "bpf")]
pub mod bpf_skel;
#[cfg(feature = "bpf")]
pub mod cli;
#[cfg(feature = "bpf")]
pub mod commands;
pub mod config;
pub mod control;
#[cfg(feature = "bpf")]
pub mod ejection;
pub mod exit;
#[cfg(feature = "bpf")]
pub mod held;
#[cfg(feature = "bpf")]
pub mod hotplug;
#[cfg(feature = "bpf")]
pub mod logging;
#[cfg(feature = "bpf")]
pub mod preflight;
pub mod recording;
#[cfg(feature = "bpf")]
pub mod rescues;
#[cfg(feature = "bpf")]
pub mod scheduler;
#[cfg(feature = "bpf")]
pub mod service;
#[cfg(feature = "bpf")]
pub mod signals;
pub mod sim;
#[cfg(feature = "bpf")]
pub mod stats;
#[cfg(feature = "bpf")]
pub mod verified;
#[cfg(feature = "bpf")]
pub mod watchdog;
#[cfg(feature = "bpf")]
pub mod why;
