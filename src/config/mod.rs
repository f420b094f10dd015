// SPDX-License-Identifier: GPL-2.0-only
//! The tunables: what each is called, what it may be, and where its value
//! comes from.
//!
//! [`table`] is the one list of them. Everything else follows from it: the
//! flags of the command line, the keys of the configuration file ([`mod@file`]) and
//! its default text, the checks ([`check`]), and what `scx_hallows get` and
//! `set` know ([`change`]). [`sources`] lays flags over file over defaults, and
//! [`live`] keeps what holds while the scheduler runs.

pub mod change;
pub mod check;
pub mod file;
pub mod key;
pub mod live;
pub mod sources;
pub mod table;
pub mod value;

pub use key::{Key, find};
pub use live::Live;
pub use sources::Sources;
pub use table::KEYS;
pub use value::Value;
