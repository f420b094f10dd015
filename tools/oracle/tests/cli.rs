// SPDX-License-Identifier: GPL-2.0-only
//! The command line of `hallows-oracle`: how it ends.

use std::fs;
use std::io::pipe;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// A trace of nothing.
const TRACE: &str = "hallows-oracle trace 1\npossible 0-1\nonline 0-1\n";

/// A file of the test's own, removed at its end.
struct File(PathBuf);

impl Drop for File {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

fn file(test: &str, text: &str) -> File {
    let name = format!("hallows-oracle-{}-{test}", std::process::id());
    let file = File(std::env::temp_dir().join(name));
    fs::write(&file.0, text).expect("write a file");
    file
}

fn check(input: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hallows-oracle"));
    command.args(["check", "--input", input]);
    command
}

/// The exit status, and what it says on standard error.
fn ended(command: &mut Command) -> (Option<i32>, String) {
    let output = command.output().expect("run hallows-oracle");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code(), said)
}

#[test]
fn a_trace_that_is_none_is_the_users_mistake() {
    let garbage = file("garbage", "\u{7f}ELF\n");
    let damaged = file("damaged", &format!("{TRACE}1 0 jump\n"));
    for path in [PathBuf::from("/nope"), garbage.0.clone(), damaged.0.clone()] {
        let (code, said) = ended(&mut check(path.to_str().expect("a path in UTF-8")));
        assert_eq!(code, Some(2), "{said}");
        let start = format!("hallows-oracle: read the trace {}: ", path.display());
        assert!(
            said.starts_with(&start) && said.lines().count() == 1,
            "{said}"
        );
    }
    let output = "/nope/trace";
    let mut record = Command::new(env!("CARGO_BIN_EXE_hallows-oracle"));
    let (code, said) = ended(record.args(["record", "--output", output, "--for", "1ms"]));
    assert_eq!(code, Some(2), "{said}");
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let trace = file("whole", TRACE);
    let path = trace.0.to_str().expect("a path in UTF-8");
    let (reader, writer) = pipe().expect("make a pipe");
    drop(reader);
    let read = ended(check(path).stdout(Stdio::null()));
    assert_eq!(ended(check(path).stdout(writer)), read);
    assert!(read.0.is_some_and(|code| code < 69), "{read:?}");
}
