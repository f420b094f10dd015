// SPDX-License-Identifier: GPL-2.0-only
//! Loads and probes for a CPU scheduler.
//!
//! Each module under [`cmd`] is one load: it starts threads through [`team`],
//! burns CPU through [`burn`], and returns a [`report::Report`]. Figures are
//! computed by the pure functions of [`stats`] and [`weight`]. [`suite`] has the tests
//! of `scx_hallows bench`, made of the same loads and some of their own.

pub mod burn;
pub mod cmd;
pub mod cpuset;
pub mod exit;
pub mod program;
pub mod report;
pub mod run;
pub mod stats;
pub mod suite;
pub mod sys;
pub mod team;
pub mod weight;
