// SPDX-License-Identifier: GPL-2.0-only
//! The test of the models: each ordering or fence taken away must fail one.

use std::env;
use std::process::{Command, Stdio};

/// A name that the crate gives to an ordering, to half of one or to a fence, and the models
/// to ask.
const MUTANTS: &[(&str, &str)] = &[
    ("fence.light", "hp::"),
    ("fence.heavy", "hp::"),
    ("garbage.push", "hp::"),
    ("registry.acquire", "hp::"),
    ("registry.release", "hp::"),
    ("registry.add", "hp::"),
    ("registry.walk", "hp::"),
    ("hp.protect", "hp::"),
    ("hp.clear", "hp::"),
    ("hp.load", "hp::"),
    ("hp.scan", "hp::"),
    ("hp.swap.acquire", "hp::who_takes"),
    ("hp.swap.release", "hp::"),
    ("hp.exchange.release", "hp::"),
    ("turn.begin", "hp::"),
    ("turn.end", "hp::"),
    ("fence.light", "epoch::"),
    ("fence.heavy", "epoch::"),
    ("epoch.announce", "epoch::"),
    ("epoch.unpin", "epoch::"),
    ("epoch.scan", "epoch::"),
    ("epoch.load", "epoch::"),
    ("epoch.swap.acquire", "epoch::who_takes"),
    ("epoch.swap.release", "epoch::"),
    ("epoch.exchange.release", "epoch::"),
    ("epoch.hold", "epoch::a_hazard"),
    ("epoch.let_go", "epoch::a_hazard"),
    ("epoch.held", "epoch::a_hazard"),
    ("epoch.unpin", "epoch::what_is_held"),
    ("registry.acquire", "epoch::a_record"),
    ("registry.release", "epoch::a_record"),
    ("fence.light", "mpsc::"),
    ("fence.heavy", "mpsc::"),
    ("mpsc.head_seen", "mpsc::"),
    ("mpsc.head_load", "mpsc::"),
    ("mpsc.head_share", "mpsc::"),
    ("mpsc.head_store", "mpsc::"),
    ("mpsc.publish", "mpsc::"),
    ("mpsc.word", "mpsc::"),
    ("mpsc.left", "mpsc::"),
    ("registry.acquire", "version::a_part"),
    ("registry.release", "version::a_part"),
    ("fence.light", "combine::requests"),
    ("fence.heavy", "combine::requests"),
    ("combine.lock", "combine::requests"),
    ("combine.unlock", "combine::requests"),
    ("combine.note", "combine::a_note"),
    ("combine.noted", "combine::a_note"),
    ("combine.claim", "combine::a_slot"),
    ("combine.leave", "combine::a_slot"),
    ("combine.publish", "combine::a_slot"),
    ("combine.pending", "combine::a_slot"),
    ("combine.settle", "combine::requests"),
    ("combine.done", "combine::requests"),
    ("combine.accept", "combine::a_request"),
    ("combine.wake.acquire", "combine::a_task"),
    ("combine.wake.release", "waker::"),
    ("combine.woken", "combine::a_task"),
    ("combine.waker_leave", "combine::a_task"),
    ("combine.waker_left", "combine::a_task"),
];

#[test]
fn every_mutant_is_noticed() {
    let survivors: Vec<_> = MUTANTS
        .iter()
        .filter(|(name, models)| models_pass(name, models))
        .collect();
    assert!(survivors.is_empty(), "no model misses {survivors:?}");
}

fn models_pass(mutant: &str, models: &str) -> bool {
    Command::new(env::current_exe().expect("a test runs from a file"))
        .arg(models)
        .env("HALLOWS_MUTANT", mutant)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .expect("the models run")
        .success()
}
