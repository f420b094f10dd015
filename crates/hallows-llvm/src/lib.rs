// SPDX-License-Identifier: GPL-2.0-only
//! A plugin for clang 22 that orders the blocks of BPF functions.
//!
//! LLVM's BPF back end cannot take conditional branches apart, so its own block
//! placement moves nothing: a rare body stays in the middle of the hot path, and
//! is jumped over whenever it is *not* entered, whatever `__builtin_expect` or a
//! profile say. The kernel's JIT keeps the order of the bytecode. This plugin
//! orders the blocks just before code generation, which then turns conditions
//! round and leaves out what became a jump to the next instruction.
//!
//! ```text
//! HALLOWS_PASS=layout,report HALLOWS_REPORT=report.jsonl \
//!     clang-22 -target bpf -O2 -g -fpass-plugin=libhallows_llvm.so -c x.bpf.c -o x.o
//! ```
//!
//! It also tells what a function waits for ([`memdep`]), and which programs write which
//! field ([`writers`]), which moves nothing.
//!
//! What decides ([`flow`], [`chains`]) is apart from what talks to LLVM, and is
//! tested without it.

pub mod chains;
pub mod flow;
pub mod jobs;
pub mod loops;
pub mod memdep;
pub mod names;
pub mod writers;

// A test program has no LLVM to link to.
#[cfg(not(test))]
mod llvm;
