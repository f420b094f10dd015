// SPDX-License-Identifier: GPL-2.0-only
//! The control plane: reads cells, steps the automaton, writes signals.
//!
//! Data flows one way round: `memory` reads the cells that BPF writes,
//! [`window`] turns two readings into what happened between them, [`automaton`]
//! steps the states, [`orders`] says what each CPU should do, and `memory`
//! publishes that as signals. `steer` drives the round. Without the feature `bpf`
//! there is only what is pure: all but these two, `group_maps` and `sysfs`.

pub mod automaton;
pub mod estimator;
pub mod group;
#[cfg(feature = "bpf")]
pub mod group_maps;
pub mod guard;
pub mod held;
pub mod hysteresis;
pub mod matching;
#[cfg(feature = "bpf")]
pub mod memory;
pub mod orders;
pub mod pacing;
pub mod params;
mod picks;
pub mod place;
pub mod price;
pub mod roster;
pub mod round;
pub mod route;
#[cfg(feature = "bpf")]
pub mod steer;
pub mod super_cell;
#[cfg(feature = "bpf")]
pub mod sysfs;
pub mod weight;
pub mod window;

#[cfg(test)]
pub(crate) mod testing;
