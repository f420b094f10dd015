// SPDX-License-Identifier: GPL-2.0-only
//! The command line of `hallows-load`: how it ends.

#![cfg(feature = "bpf")]

use std::io::pipe;
use std::process::Command;

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let (reader, writer) = pipe().expect("make a pipe");
    drop(reader);
    let output = Command::new(env!("CARGO_BIN_EXE_hallows-load"))
        .args(["hogs", "1", "--for", "10ms"])
        .stdout(writer)
        .output()
        .expect("run hallows-load");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), said.as_ref()), (Some(0), ""));
}
