// SPDX-License-Identifier: GPL-2.0-only
//! The job `memdep`.

use serde_json::Value;

use crate::compiler::Compiler;

fn chain(compiler: &Compiler, function: &str) -> Value {
    let report = compiler.report();
    let line = report.iter().find(|line| line["function"] == function);
    line.expect("a line for the function").clone()
}

#[test]
#[ignore = "needs clang-22"]
fn the_longest_chain_is_told_step_by_step() {
    let compiler = Compiler::new().debug().jobs("memdep");
    compiler.assembly();
    let line = chain(&compiler, "second_next");
    // Both loads of `next`, and of the number there; the other number is beside them.
    assert_eq!(line["accesses"], 4, "{line}");
    let steps = line["steps"].as_array().expect("steps");
    assert_eq!(steps.len(), 3, "{line}");
    assert!(steps.iter().all(|step| step["what"] == "load"), "{line}");
    let at = steps[0]["at"].as_str().expect("a place");
    assert!(at.starts_with("guard.bpf.c:"), "{line}");
    // Stores wait for nothing.
    let plain = chain(&compiler, "plain");
    assert_eq!(plain["steps"].as_array().map(Vec::len), Some(1), "{plain}");
}

#[test]
#[ignore = "needs clang-22"]
fn who_is_called_is_a_step() {
    let compiler = Compiler::new().jobs("memdep");
    assert_eq!(compiler.assembly(), Compiler::new().assembly());
    let line = chain(&compiler, "calls");
    assert_eq!(line["steps"][1]["what"], "call helper", "{line}");
    assert_eq!(line["steps"][1]["at"], "", "{line}");
}

#[test]
#[ignore = "needs clang-22"]
fn an_atomic_step_is_a_step() {
    let compiler = Compiler::new().jobs("memdep");
    compiler.assembly();
    let line = chain(&compiler, "ticket");
    let steps = line["steps"].as_array().expect("steps");
    let what: Vec<_> = steps.iter().map(|step| step["what"].as_str()).collect();
    assert_eq!(what, [Some("atomic"), Some("load")], "{line}");
}
