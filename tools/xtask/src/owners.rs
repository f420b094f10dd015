// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask owners`: who writes which cache line of the BPF half's memory.

use std::env;
use std::io::{self, Write};
use std::process::Command;

use anyhow::{Context, Result};

use crate::built;
use crate::cmd;
use crate::paths;
use crate::setup;

/// Builds the scheduler and prints the registry of its object. Returns the exit status:
/// 1 if two owners share a line.
///
/// # Errors
/// When something that the build needs cannot be set up, or it does not build.
pub fn command() -> Result<u8> {
    setup::for_build()?;
    let build = ["build", "--release", "--package", "scx_hallows"];
    let built = cmd::output(cargo().args(build).arg("--message-format=json"))?;
    let object = built::object(&built).context("cargo does not say where the BPF object is")?;
    let prof = ["run", "--quiet", "--release", "--package", "hallows-prof"];
    let prof = |task: &str| {
        let mut command = cargo();
        command.args(prof).args(["--", task]).arg(&object);
        command
    };
    let owners = cmd::output(&mut prof("owners"))?;
    // A reader that has seen enough still wants the verdict.
    let _ = io::stdout().write_all(owners.as_bytes());
    let verdict = prof("layout-check").status();
    Ok(u8::from(!verdict.context("cannot run cargo")?.success()))
}

fn cargo() -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(paths::root());
    command
}
