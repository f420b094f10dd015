// SPDX-License-Identifier: GPL-2.0-only
//! The scheduler's decisions in a program that any kernel runs, counted and timed, along
//! profiles and not: docs/layout.md.
//!
//! `bpf/` holds the program: the scheduler's source as it is, and what stands in for
//! sched_ext. A [`machine`] runs it one instruction at a time and counts, the
//! [`kernel`] runs it as fast as it can.

pub mod elf;
pub mod figures;
pub mod image;
pub mod kernel;
pub mod machine;
pub mod variants;
