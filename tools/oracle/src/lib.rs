// SPDX-License-Identifier: GPL-2.0-only
//! A trace oracle for CPU schedulers.
//!
//! [`trace`] records scheduler events through tracefs and turns them into
//! [`event::Event`]s in the order in which they happened. [`replay`] follows
//! every task and CPU through them, without any I/O, and judges two laws:
//!
//! 1. a task never runs on a CPU outside its mask;
//! 2. no task waits longer than a bound while a CPU that it may use idles.
//!
//! [`report`] is the verdict; [`log`] keeps a trace as text, for later.
//!
//! The second law is the invariant of the "sanity checker" in Lozi et al., The
//! Linux Scheduler: a Decade of Wasted Cores, EuroSys 2016, checked at every
//! event instead of once a second.

pub mod event;
pub mod log;
pub mod mask;
pub mod replay;
pub mod report;
pub mod trace;
