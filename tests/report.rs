// SPDX-License-Identifier: GPL-2.0-only
//! What `scx_hallows bench` leaves behind, also where it can't be written.

#![cfg(feature = "bpf")]

mod command;

use std::fs;
use std::path::PathBuf;

use command::{Ended, hallows};

/// A report to sum up, as good as half an hour of measuring.
const MEASURED: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/docs/bench/7-flat-4/report.json"
);

/// A folder of the test's own, removed at its end.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn folder(test: &str) -> Folder {
    let name = format!("hallows-report-{}-{test}", std::process::id());
    let folder = Folder(std::env::temp_dir().join(name));
    fs::create_dir(&folder.0).expect("make a folder");
    folder
}

fn summed(out: &Folder) -> Ended {
    let path = out.0.to_str().expect("a path in UTF-8");
    hallows(&["bench", "--sum", MEASURED, "--out", path])
}

#[test]
fn a_table_then_where_the_reports_are() {
    let out = folder("whole");
    fs::write(out.0.join("report.md"), "of last year").expect("write a file");
    let ended = summed(&out);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    let files: Vec<_> = ended.stdout.lines().rev().take(4).collect();
    assert_eq!(fs::read_dir(&out.0).expect("the folder").count(), 4);
    for file in files {
        let text = fs::read_to_string(file).expect(file);
        assert!(text.len() > 500, "{file}");
    }
}

#[test]
fn a_report_that_cannot_be_written_costs_neither_the_table_nor_the_old_one() {
    let out = folder("full");
    fs::create_dir(out.0.join(".report.html.partial")).expect("make a folder");
    fs::write(out.0.join("report.html"), "of last year").expect("write a file");
    let ended = summed(&out);
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    assert!(ended.stderr.contains("cannot write"), "{}", ended.stderr);
    assert!(ended.stdout.lines().count() > 20, "{}", ended.stdout);
    assert!(out.0.join("report.json").is_file());
    let kept = fs::read_to_string(out.0.join("report.html"));
    assert_eq!(kept.expect("the old report"), "of last year");
}
