// SPDX-License-Identifier: GPL-2.0-only
//! Checks that need what only a nightly toolchain has: run where it is installed, else
//! skipped, which is said and counted neither as passed nor as failed.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::Result;

use super::host::{self, Check, Checked};
use crate::paths;

/// A check by nightly's cargo.
pub struct Nightly {
    /// Its name, what it tells, and its arguments to cargo.
    pub check: Check,
    /// Files of the toolchain that it needs.
    needs: &'static [&'static str],
    /// What to install where they are missing.
    missing: &'static str,
    env: &'static [(&'static str, &'static str)],
}

/// The source of the standard library.
const SOURCE: &str = "lib/rustlib/src/rust/library/std/Cargo.toml";

/// All of them, the quick one first.
pub const CHECKS: [Nightly; 3] = [
    Nightly {
        check: Check {
            name: "host/misuse",
            needs: None,
            what: "what must not compile fails for the reason that is given",
            args: &[
                "test",
                "--doc",
                "--package",
                "hallows-lockfree",
                "--target-dir",
                "target/misuse",
            ],
        },
        // Only there rustdoc looks at the error's number.
        needs: &[],
        missing: "rustup toolchain install nightly",
        env: &[],
    },
    Nightly {
        check: Check {
            name: "host/tsan",
            needs: None,
            what: "ThreadSanitizer on the lock-free primitives under load",
            args: &[
                "-Zbuild-std",
                "test",
                "--package",
                "hallows-lockfree",
                "--test",
                "stress",
                "--target",
                "x86_64-unknown-linux-gnu",
                "--target-dir",
                "target/tsan",
            ],
        },
        // The standard library is built anew, as its fences are nothing that
        // ThreadSanitizer knows.
        needs: &[SOURCE],
        missing: "rustup toolchain install nightly --component rust-src",
        env: &[("RUSTFLAGS", "-Zsanitizer=thread")],
    },
    Nightly {
        check: Check {
            name: "host/miri",
            needs: None,
            what: "unit tests of the lock-free primitives in Miri, strict provenance",
            args: &[
                "miri",
                "test",
                "--package",
                "hallows-lockfree",
                "--lib",
                "--target-dir",
                "target/miri",
            ],
        },
        needs: &[SOURCE, "bin/cargo-miri"],
        missing: "rustup toolchain install nightly --component miri,rust-src",
        env: &[("MIRIFLAGS", "-Zmiri-strict-provenance")],
    },
];

/// Runs it, keeping what it says. Err: what to install first.
///
/// # Errors
/// When cargo cannot be started.
pub fn run(nightly: &Nightly) -> Result<Result<Checked, &'static str>> {
    if !has(nightly) {
        return Ok(Err(nightly.missing));
    }
    let mut command = cargo();
    command.args(nightly.check.args);
    command.envs(nightly.env.iter().copied());
    host::capture(command).map(Ok)
}

/// Whether there is a nightly toolchain that has all of it.
fn has(nightly: &Nightly) -> bool {
    let mut probe = Command::new("rustup");
    probe.args(["run", "nightly", "rustc", "--print", "sysroot"]);
    let output = probe.stdin(Stdio::null()).stderr(Stdio::null()).output();
    let Some(output) = output.ok().filter(|output| output.status.success()) else {
        return false;
    };
    let sysroot = String::from_utf8_lossy(&output.stdout);
    let mut needs = nightly.needs.iter();
    needs.all(|file| Path::new(sysroot.trim()).join(file).exists())
}

/// Nightly's cargo, whichever cargo runs this.
fn cargo() -> Command {
    let mut command = Command::new("rustup");
    command
        .args(["run", "nightly", "cargo"])
        .current_dir(paths::root())
        .env("CARGO_TERM_COLOR", "never");
    for name in [
        "CARGO",
        "RUSTC",
        "RUSTDOC",
        "CARGO_TARGET_DIR",
        "LD_LIBRARY_PATH",
    ] {
        command.env_remove(name);
    }
    command
}
