// SPDX-License-Identifier: GPL-2.0-only
//! The plugin in clang 22. Where that is missing these tests cannot run, so they
//! are ignored unless asked for: `cargo test -p hallows-llvm -- --ignored`.
//! Those of `profdata` need llvm-profdata-22, too.

mod compiler;
mod fixup;
mod layout;
mod memdep;
mod profdata;
mod writers;
