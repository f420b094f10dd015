// SPDX-License-Identifier: GPL-2.0-only
//! The job `fixup` on instrumented code.

use hallows_prof::profmap::Profmap;

use crate::compiler::Compiler;

#[test]
#[ignore = "needs clang-22"]
fn counters_lie_in_one_map_and_need_no_runtime() {
    let plain = Compiler::new().instrumented().assembly();
    assert!(plain.contains("__llvm_profile_runtime") && !plain.contains(".data.prfc"));
    let compiler = Compiler::new().instrumented().jobs("fixup");
    let assembly = compiler.assembly();
    assert!(
        !assembly.contains("__llvm_p") && !assembly.contains("__prof"),
        "{assembly}"
    );
    let map = Profmap::parse(&compiler.profmap()).expect("a profmap");
    let size = format!(".size\thallows_counters, {}", map.counters() * 8);
    assert!(
        assembly.contains(".section\t.data.prfc") && assembly.contains(&size),
        "{assembly}"
    );
}

#[test]
#[ignore = "needs clang-22"]
fn the_profmap_has_each_functions_counters() {
    let compiler = Compiler::new().instrumented().jobs("fixup");
    let assembly = compiler.assembly();
    let map = Profmap::parse(&compiler.profmap()).expect("a profmap");
    let entry = |name: &str| {
        let found = map.entries.iter().find(|entry| entry.name.ends_with(name));
        found.unwrap_or_else(|| panic!("no {name} in {map}"))
    };
    // The same control flow, so the same hash; an entry and a rare body each.
    assert_eq!(entry("plain").hash, entry("hinted").hash);
    assert_eq!(entry("plain").count, 2);
    // A static function carries the file that it is of.
    assert!(entry("helper").name.ends_with("guard.bpf.c;helper"));
    // Each counter is one increment in the code.
    assert_eq!(assembly.matches("lock *(u64 *)").count(), map.counters());
}

#[test]
#[ignore = "needs clang-22"]
fn instrumented_code_wants_a_file_for_its_profmap() {
    let compiler = Compiler::new()
        .instrumented()
        .jobs("fixup")
        .env("HALLOWS_PROFMAP", "/");
    assert!(compiler.failure().contains("cannot write /"));
}
