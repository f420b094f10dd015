// SPDX-License-Identifier: GPL-2.0-only
//! Each cache line of BPF's memory has one owner, as the tags in its source say.

#![cfg(feature = "bpf")]

use hallows_prof::owners::Registry;

/// What the headers of scx and libbpf bring along: never written, or once in the end.
const FOREIGN: [&str; 5] = [
    "__scx_prolog_disables_migration",
    "bpf_arena_loop_one",
    "bpf_arena_loop_zero",
    "cmask_distribute_rotors",
    "uei",
];

fn registry() -> Registry {
    let object = std::fs::read(concat!(env!("OUT_DIR"), "/bpf.bpf.o")).expect("the object");
    Registry::read(&object).expect("its BTF")
}

#[test]
fn no_line_has_two_owners() {
    assert_eq!(registry().shared(), Vec::<String>::new());
}

#[test]
fn whatever_is_written_has_an_owner() {
    let is_ours = |name: &String| {
        let variable = name.split('.').next().unwrap_or(name);
        // Formats of messages are variables in functions.
        !FOREIGN.contains(&variable) && !name.contains(".___fmt")
    };
    let unowned: Vec<_> = registry().unowned().into_iter().filter(is_ours).collect();
    assert_eq!(unowned, Vec::<String>::new());
}

#[test]
fn a_line_that_gets_a_second_owner_is_found() {
    let mut registry = registry();
    let cells = registry
        .places
        .iter_mut()
        .find(|place| place.name == "cells");
    let cells = cells.expect("the cells");
    assert_eq!((cells.stride, cells.count), (128, 1024));
    cells.parts[11].owner = Some("agent".into());
    assert_eq!(
        registry.shared(),
        ["cells.offline of agent and cells.avg_run_ns of each-cpu share a line"]
    );
}
