// SPDX-License-Identifier: GPL-2.0-only
//! Tests that cargo runs on this machine.

use std::env;
use std::io::{Read, pipe};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::cmd::{self, Waited};
use crate::paths;
use crate::setup::clang;

/// One run of cargo.
pub struct Check {
    /// As `--list` and the report name it.
    pub name: &'static str,
    /// What it tells.
    pub what: &'static str,
    /// A program without which it is skipped.
    pub needs: Option<&'static str>,
    /// What cargo is called with.
    pub args: &'static [&'static str],
}

/// What all but the VM scenarios is tested by, the quick ones first.
pub const CHECKS: [Check; 12] = [
    Check {
        name: "host/fmt",
        what: "the code is formatted",
        needs: None,
        args: &["fmt", "--all", "--check"],
    },
    Check {
        name: "host/pure",
        what: "the pure library builds and tests without clang and libbpf",
        needs: None,
        args: &[
            "test",
            "--package",
            "scx_hallows",
            "--no-default-features",
            "--lib",
        ],
    },
    Check {
        name: "host/clippy",
        what: "no lint complains",
        needs: None,
        args: &[
            "clippy",
            "--workspace",
            "--all-targets",
            "--",
            "-D",
            "warnings",
        ],
    },
    Check {
        name: "host/doc",
        what: "the documentation builds without warnings",
        needs: None,
        args: &["doc", "--workspace", "--no-deps"],
    },
    Check {
        name: "host/unit",
        what: "unit and property tests",
        needs: None,
        args: &["test", "--workspace"],
    },
    Check {
        name: "host/fuzz",
        what: "the fuzz targets compile",
        needs: Some("c++"),
        args: &[
            "check",
            "--locked",
            "--manifest-path",
            "fuzz/Cargo.toml",
            "--target-dir",
            "target/fuzz",
        ],
    },
    Check {
        name: "host/anchors",
        what: "the benchmarks of the lock-free primitives beside others' compile",
        needs: None,
        args: &[
            "check",
            "--locked",
            "--manifest-path",
            "crates/hallows-lockfree-bench/Cargo.toml",
            "--all-targets",
            "--target-dir",
            "target/anchors",
        ],
    },
    Check {
        name: "host/loom",
        what: "every interleaving of the lock-free primitives, and the models' mutants",
        needs: None,
        args: &[
            "test",
            "--profile",
            "loom",
            "--package",
            "hallows-lockfree",
            "--test",
            "loom",
            // What is built with the flag is of no use to others.
            "--target-dir",
            "target/loom",
            "--config",
            "build.rustflags = ['--cfg', 'loom']",
        ],
    },
    Check {
        name: "host/instructions",
        what: "the lock-free primitives take no more instructions than they did",
        needs: Some("valgrind"),
        args: &[
            "test",
            "--release",
            "--package",
            "hallows-lockfree",
            "--test",
            "instructions",
            "--",
            "--ignored",
        ],
    },
    Check {
        name: "host/llvm",
        what: "the compiler plugin in the compiler that it is for",
        // An older one cannot load it.
        needs: Some("clang-22"),
        args: &[
            "test",
            "--package",
            "hallows-llvm",
            "--test",
            "clang",
            "--",
            "--ignored",
            "--skip",
            "profdata",
        ],
    },
    Check {
        name: "host/owners",
        what: "no line of BPF's memory has two owners, no program writes what is the agent's",
        needs: Some("clang-22"),
        args: &["xtask", "owners"],
    },
    Check {
        name: "host/profdata",
        what: "the compiler plugin with profiles",
        needs: Some("llvm-profdata-22"),
        args: &[
            "test",
            "--package",
            "hallows-llvm",
            "--test",
            "clang",
            "--",
            "--ignored",
            "profdata",
        ],
    },
];

/// The build whose programs the VM scenarios run.
pub const RELEASE: Check = Check {
    name: "host/build",
    what: "the release build",
    needs: None,
    args: &["build", "--release", "--workspace", "--exclude", "xtask"],
};

impl Check {
    /// The program that it needs and this machine lacks.
    pub fn lacks(&self) -> Option<&'static str> {
        self.needs.filter(|program| cmd::find(program).is_none())
    }
}

/// How a check ended.
pub struct Checked {
    /// Whether cargo exited 0.
    pub ok: bool,
    /// Everything that cargo said.
    pub output: Vec<u8>,
    /// Wall-clock time.
    pub wall: Duration,
}

/// Runs a check, keeping what it says.
///
/// # Errors
/// When cargo cannot be started.
pub fn run(check: &Check) -> Result<Checked> {
    let mut command = cargo(&paths::root());
    command.args(check.args);
    capture(command)
}

/// Runs cargo, keeping what it says.
///
/// # Errors
/// When it cannot be started.
pub fn capture(mut command: Command) -> Result<Checked> {
    let start = Instant::now();
    let (mut reader, writer) = pipe().context("cannot make a pipe")?;
    command
        .stdin(Stdio::null())
        .stdout(writer.try_clone().context("cannot share a pipe")?)
        .stderr(writer);
    let mut child = command.spawn().context("cannot run cargo")?;
    // Closes this process's writing ends, or the pipe would never end.
    drop(command);
    let mut output = Vec::new();
    let waited = thread::scope(|scope| {
        scope.spawn(|| reader.read_to_end(&mut output));
        cmd::wait(&mut child, None)
    });
    let ok = matches!(waited.context("cannot wait for cargo")?, Waited::Ended(status) if status.success());
    Ok(Checked {
        ok,
        output,
        wall: start.elapsed(),
    })
}

/// cargo in a checkout, without what the cargo that runs xtask told xtask
/// about itself: build scripts that look at it would run anew at every turn.
pub fn cargo(root: &Path) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command
        .current_dir(root)
        .env("RUSTDOCFLAGS", "-Dwarnings")
        .env("CARGO_TERM_COLOR", "never");
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_")
            || text.starts_with("CARGO_MANIFEST_")
            || text == "LD_LIBRARY_PATH"
        {
            command.env_remove(name);
        }
    }
    if let Some(clang) = clang::find() {
        command.env("BPF_CLANG", clang);
    }
    command
}
