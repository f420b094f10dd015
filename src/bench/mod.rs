// SPDX-License-Identifier: GPL-2.0-only
//! The benchmark: the tests of [`hallows_load::suite`] under the default
//! scheduler, under this one and under others by turns, and what may be said of
//! the difference.
//!
//! Pure: the order of runs ([`plan`]), statistics ([`stats`], [`verdict`]), the
//! report ([`report`]), of several one ([`sum`]), and its forms ([`table`], [`html`],
//! [`markdown`] with [`ratios`]). The rest starts
//! schedulers ([`candidate`]) and tests ([`measure`]), looks at the machine
//! ([`facts`], [`noise`], [`moves`], [`agent_use`]), and does it all ([`session`]).

pub mod agent_use;
pub mod candidate;
pub mod facts;
pub mod html;
pub mod kernel;
pub mod markdown;
pub mod measure;
pub mod moves;
pub mod noise;
pub mod plan;
pub mod plot;
pub mod ratios;
pub mod report;
pub mod results;
pub mod service;
pub mod session;
pub mod stats;
pub mod sum;
pub mod table;
pub mod verdict;
