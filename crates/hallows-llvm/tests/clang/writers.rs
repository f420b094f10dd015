// SPDX-License-Identifier: GPL-2.0-only
//! The job `writers`.

use crate::compiler::Compiler;

#[test]
#[ignore = "needs clang-22"]
fn each_field_has_its_writers() {
    let compiler = Compiler::new().raw().jobs("writers");
    assert_eq!(compiler.assembly(), "", "there is nothing to load");
    let report = compiler.report();
    let written: Vec<_> = report
        .iter()
        .filter(|line| line["of"] == "cell")
        .map(|line| (line["offset"].as_u64(), line["atomic"].as_bool()))
        .collect();
    let (plain, atomic) = (Some(false), Some(true));
    assert_eq!(
        written,
        [
            (Some(0), plain),
            (Some(4), atomic),
            (Some(8), plain),
            (Some(16), plain),
            (Some(20), plain)
        ]
    );
    let programs = |name: &str| {
        let line = report.iter().find(|line| line["of"] == name);
        line.expect("a line")["programs"].clone()
    };
    assert_eq!(programs("cell"), serde_json::json!(["writes"]));
    // By what it calls as well.
    assert_eq!(
        programs("seen"),
        serde_json::json!(["calls", "hinted", "plain"])
    );
    assert!(report.iter().all(|line| line["of"] != "?"), "{report:?}");
}
