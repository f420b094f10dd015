// SPDX-License-Identifier: GPL-2.0-only
//! The jobs `layout` and `report`.

use crate::compiler::{Compiler, numbers};

#[test]
#[ignore = "needs clang-22"]
fn a_hint_alone_moves_nothing_in_clang() {
    // What the plugin is for; when this fails, LLVM has learnt to do it.
    let assembly = Compiler::new().assembly();
    assert_eq!(numbers(&assembly, "hinted"), [1001, 1002, 1003, 1004]);
}

#[test]
#[ignore = "needs clang-22"]
fn a_rare_body_moves_behind_what_always_runs() {
    let assembly = Compiler::new().jobs("layout").assembly();
    assert_eq!(numbers(&assembly, "hinted"), [1001, 1004, 1002, 1003]);
}

#[test]
#[ignore = "needs clang-22"]
fn a_function_without_weights_stays_as_it_is() {
    let assembly = Compiler::new().jobs("layout").assembly();
    assert_eq!(numbers(&assembly, "plain"), [2001, 2002, 2003, 2004]);
}

#[test]
#[ignore = "needs clang-22"]
fn a_function_that_is_to_be_kept_stays_as_it_is() {
    let keeping = |names| Compiler::new().jobs("layout").env("HALLOWS_KEEP", names);
    let kept = keeping("plain,hinted").assembly();
    assert_eq!(numbers(&kept, "hinted"), [1001, 1002, 1003, 1004]);
    let moved = keeping("plain").assembly();
    assert_eq!(numbers(&moved, "hinted"), [1001, 1004, 1002, 1003]);
}

#[test]
#[ignore = "needs clang-22"]
fn the_report_tells_taken_branches_before_and_after() {
    let compiler = Compiler::new().jobs("layout,report");
    compiler.assembly();
    let report = compiler.report();
    let line = report.iter().find(|line| line["function"] == "hinted");
    let line = line.expect("a line for the function");
    assert!(line["taken_before"].as_f64() > Some(0.99), "{line}");
    assert!(line["taken_after"].as_f64() < Some(0.01), "{line}");
    assert_eq!(line["blocks"], 3);
}

#[test]
#[ignore = "needs clang-22"]
fn a_report_alone_moves_nothing() {
    let compiler = Compiler::new().jobs("report");
    assert_eq!(compiler.assembly(), Compiler::new().assembly());
    assert!(compiler.report().iter().all(|line| line["moved"] == 0));
}

#[test]
#[ignore = "needs clang-22"]
fn a_job_that_there_is_not_fails_the_compilation() {
    let error = Compiler::new().jobs("layuot").failure();
    assert!(error.contains("no job 'layuot'"), "{error}");
}

#[test]
#[ignore = "needs clang-22"]
fn code_for_other_machines_is_left_alone() {
    let compiler = Compiler::new().target("x86_64-linux-gnu");
    let plain = compiler.assembly();
    assert_eq!(compiler.jobs("layout").assembly(), plain);
}
