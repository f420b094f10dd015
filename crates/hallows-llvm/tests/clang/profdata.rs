// SPDX-License-Identifier: GPL-2.0-only
//! From counters to another order: clang with profiles, `fixup` and `layout`.

use hallows_prof::profmap::Profmap;

use crate::compiler::{Compiler, numbers};

/// A profile in which every function runs a thousand times and its rare body
/// `rare` times.
fn profile(rare: u64) -> String {
    let compiler = Compiler::new().instrumented().jobs("fixup");
    compiler.assembly();
    let map = Profmap::parse(&compiler.profmap()).expect("a profmap");
    let counts = map
        .entries
        .iter()
        .flat_map(|entry| (0..entry.count).map(|counter| if counter == 0 { 1000 } else { rare }));
    let bytes: Vec<u8> = counts.flat_map(u64::to_ne_bytes).collect();
    map.profile(&bytes).expect("a profile").to_string()
}

#[test]
#[ignore = "needs clang-22 and llvm-profdata-22"]
fn profdata_moves_what_rarely_ran_and_nothing_else() {
    let compiler = |rare| Compiler::new().profile(&profile(rare)).jobs("fixup,layout");
    assert_eq!(
        numbers(&compiler(1).assembly(), "plain"),
        [2001, 2004, 2002, 2003]
    );
    assert_eq!(
        numbers(&compiler(999).assembly(), "plain"),
        [2001, 2002, 2003, 2004]
    );
}

#[test]
#[ignore = "needs clang-22 and llvm-profdata-22"]
fn profdata_tells_the_report_how_often_functions_were_called() {
    let compiler = Compiler::new()
        .profile(&profile(1))
        .jobs("fixup,layout,report");
    compiler.assembly();
    let report = compiler.report();
    let line = report.iter().find(|line| line["function"] == "plain");
    let line = line.expect("a line for the function");
    assert_eq!(line["calls"], 1000);
    assert!(
        (line["taken_before"].as_f64().expect("a number") - 0.999).abs() < 1e-6,
        "{line}"
    );
}

#[test]
#[ignore = "needs clang-22 and llvm-profdata-22"]
fn profdata_makes_objects_only_with_the_fixup() {
    let compiler = || Compiler::new().profile(&profile(1));
    let error = compiler().object_failure();
    assert!(error.contains("unknown relocation name"), "{error}");
    let sections = compiler().jobs("fixup,layout").object_sections();
    assert!(
        sections.contains(".text") && !sections.contains(".text."),
        "{sections}"
    );
}
