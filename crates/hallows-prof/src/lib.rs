// SPDX-License-Identifier: GPL-2.0-only
//! Profiles of BPF programs that clang instrumented, without LLVM.
//!
//! The plugin `hallows-llvm` puts the counters of an instrumented build into one
//! map and writes a [`profmap`] of what they count; both together make LLVM's
//! text [`profile`], which `llvm-profdata` turns into what `-fprofile-use` reads. And
//! who writes which cache line of such a program, by tags in its source: `owners`.

pub mod chain;
#[cfg(feature = "cli")]
pub mod counters;
pub mod gate;
#[cfg(feature = "cli")]
pub mod owners;
pub mod profile;
pub mod profmap;
pub mod report;
pub mod show;
pub mod written;
