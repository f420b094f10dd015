// SPDX-License-Identifier: GPL-2.0-only
//! The command, as tests run it.

// Each test file uses some of it.
#![allow(dead_code)]

use std::process::Command;

/// How a run of the command ended.
pub struct Ended {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

pub fn hallows(arguments: &[&str]) -> Ended {
    ended(Command::new(env!("CARGO_BIN_EXE_scx_hallows")).args(arguments))
}

/// Runs what comes to be the command.
pub fn ended(command: &mut Command) -> Ended {
    let output = command.env_remove("RUST_LOG").output();
    let output = output.expect("run scx_hallows");
    Ended {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// The only line on standard error of a run that has to end with `code`.
pub fn refusal(arguments: &[&str], code: i32) -> String {
    let ended = hallows(arguments);
    assert_eq!(ended.code, Some(code), "{arguments:?}: {}", ended.stderr);
    assert_eq!(ended.stdout, "", "{arguments:?}");
    let line = ended
        .stderr
        .strip_prefix("scx_hallows: ")
        .expect("the command names itself");
    let line = line.strip_suffix('\n').expect("the line ends");
    assert!(!line.contains('\n'), "{arguments:?}: {line}");
    line.to_owned()
}
