// SPDX-License-Identifier: GPL-2.0-only
//! The skeleton of `src/bpf/main.bpf.c`.

#![allow(
    missing_docs,
    unsafe_code,
    clippy::all,
    clippy::undocumented_unsafe_blocks
)]

include!(concat!(env!("OUT_DIR"), "/bpf_skel.rs"));
