// SPDX-License-Identifier: GPL-2.0-only
//! The benchmark: the tests of [`hallows_load::suite`] under the default
//! scheduler, under this one and under others by turns, and what may be said of
//! the difference.
//!
//! Pure: the order of runs ([`plan`]), statistics ([`stats`], [`verdict`]), the
//! report ([`report`]) and its two forms ([`table`], [`html`]). The rest starts
//! schedulers ([`candidate`]) and tests ([`measure`]), looks at the machine
//! ([`facts`], [`noise`], [`moves`], [`agent_use`]), and does it all ([`session`]).

pub mod agent_use;
pub mod candidate;
pub mod facts;
pub mod html;
pub mod kernel;
pub mod measure;
pub mod moves;
pub mod noise;
pub mod plan;
pub mod plot;
pub mod report;
pub mod results;
pub mod session;
pub mod stats;
pub mod table;
pub mod verdict;
