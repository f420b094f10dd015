// SPDX-License-Identifier: GPL-2.0-only
//! Recording scheduler events through tracefs.
//!
//! [`session`] runs a recording from start to end; [`tracefs`] owns what it sets
//! up in the kernel. The events wait in the kernel's ring buffers until tracing
//! is over, so that reading them disturbs nothing; then [`ring`] takes them out
//! page by page ([`page`]), [`decode`] turns records into events by the layouts
//! that the kernel describes ([`mod@format`]), and [`merge`] puts the CPUs' streams
//! in order. [`snapshot`] reads what no event tells.
//!
//! **Masks.** Two kprobes make every task's mask known at every moment, besides
//! the snapshot: one where the kernel changes a mask, whoever asked for it, one
//! where a new task is started. The first also sees the overriding masks of
//! migration-disabled tasks.
//!
//! **Clock.** `global`: the only trace clock that is meant to order events
//! across CPUs and still counts nanoseconds.

pub mod command;
pub mod decode;
pub mod format;
pub mod merge;
pub mod page;
pub mod ring;
pub mod session;
pub mod snapshot;
pub mod tracefs;
