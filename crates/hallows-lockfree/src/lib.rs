// SPDX-License-Identifier: GPL-2.0-only
#![doc = include_str!("../README.md")]
#![deny(unsafe_op_in_unsafe_fn)]
#![deny(clippy::undocumented_unsafe_blocks)]
#![warn(missing_docs)]

pub mod combine;
pub mod epoch;
pub mod fence;
mod futex;
mod garbage;
pub mod hp;
pub mod layout;
pub mod mpsc;
mod registry;
pub mod signal;
mod sync;
mod turn;
mod unwind;
