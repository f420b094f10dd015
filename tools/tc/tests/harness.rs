// SPDX-License-Identifier: GPL-2.0-only
//! The scheduler's source in the harness: it compiles there, and decides.

use std::path::Path;

use hallows_tc::image::Image;
use hallows_tc::machine::Machine;
use hallows_tc::variants::{TEST, TRAIN, WRONG, Workshop};

/// Runs of 64 visits.
const RUNS: u32 = 10;

#[test]
fn every_mix_runs_the_scheduler() {
    let workshop = Workshop {
        root: &Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."),
        folder: Path::new(env!("CARGO_TARGET_TMPDIR")),
        plugin: Path::new("none"),
    };
    let object = workshop.plain().expect("compile the harness");
    let mut trails = Vec::new();
    for mix in TRAIN.into_iter().chain([TEST, WRONG]) {
        let run = || {
            let image = Image::read(&object, mix).expect("read the object");
            let mut machine = Machine::new(image).expect("put it into memory");
            machine.run("tc_run", 1 + RUNS).expect("run it");
            machine
        };
        let machine = run();
        let stage = machine.stage().expect("its account");
        assert_eq!(stage.visits, u64::from(RUNS) * 64);
        assert!(stage.runs > 10, "mix {mix}: hardly anybody ran: {stage:?}");
        assert_eq!(run().stage().expect("its account"), stage, "mix {mix}");
        let callbacks = ["select_cpu", "enqueue", "dispatch", "running", "stopping"];
        for callback in callbacks.map(|name| format!("hallows_{name}")) {
            let mut counts = machine.counts().iter();
            let count = counts.find(|counts| counts.function == callback);
            let ran = count.map(|count| count.instructions);
            // Who is bound is asked for no CPU.
            let never = mix == WRONG && callback == "hallows_select_cpu";
            assert!(never || ran > Some(0), "mix {mix}: {callback} did not run");
        }
        trails.push(stage.trail);
    }
    trails.dedup();
    assert_eq!(trails.len(), 4, "two mixes are one");
}
