// SPDX-License-Identifier: GPL-2.0-only
//! `src/bpf/intf.h` as Rust sees it: generated types, and the assertions that
//! the layout on this side is the one that BPF was compiled with.

#![allow(
    missing_docs,
    non_camel_case_types,
    non_snake_case,
    non_upper_case_globals,
    unsafe_code,
    clippy::undocumented_unsafe_blocks
)]

include!(concat!(env!("OUT_DIR"), "/bpf_intf.rs"));

use crate::agent::hysteresis::CellState;
use crate::agent::place::{self, Ring};
use crate::agent::{guard, matching, route, window};

const _: () = {
    assert!(size_of::<cell>() == 128);
    assert!(size_of::<holder>() == 64);
    assert!(size_of::<signal>() == 64);
    assert!(size_of::<track_state>() == 64);
    assert!(size_of::<yard>() == 320);
    assert!(size_of::<cpu_place>() == 8);
    assert!(size_of::<llc_place>() == 40);
    assert!(size_of::<newcomer>() == 12);
    assert!(size_of::<cell_stats>() == 1024);
    assert!(size_of::<turns>() == 128);
    assert!(size_of::<ledger>() == 64);
    assert!(size_of::<tunables>() == 112);
    assert!(core::mem::offset_of!(signal, expires_ns) == 8);
    assert!(core::mem::offset_of!(signal, route) == 24);
    assert!(core::mem::offset_of!(signal, push_cpu) == 48);
    assert!(core::mem::offset_of!(cell, grant_seq) == 120);
    // The pure logic has its own names for the same numbers.
    assert!(hallows_limits_MAX_CPUS as usize == place::MAX_CPUS);
    assert!(hallows_limits_NO_CPU as u16 == place::NO_CPU);
    assert!(hallows_limits_DETOUR_LEN as usize == place::DETOUR_LEN);
    assert!(hallows_ring_NR_RINGS as usize == place::NR_RINGS);
    assert!(hallows_limits_ROUTE_LEN as usize == route::ROUTE_LEN);
    assert!(hallows_limits_MAX_TOKENS as u16 == matching::MAX_TOKENS);
    assert!(WAIT_BUCKETS as usize == guard::WAIT_BUCKETS);
    assert!(hallows_cell_flags_CELL_HELD == window::CELL_HELD);
    assert!(hallows_ring_RING_SMT == Ring::Smt as u32);
    assert!(hallows_ring_RING_LLC == Ring::Llc as u32);
    assert!(hallows_ring_RING_NODE == Ring::Node as u32);
    assert!(hallows_ring_RING_MACHINE == Ring::Machine as u32);
    assert!(hallows_state_CELL_HUNGRY == CellState::Hungry as u32);
    assert!(hallows_state_CELL_BALANCED == CellState::Balanced as u32);
    assert!(hallows_state_CELL_SATURATED == CellState::Saturated as u32);
};
