// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask owners`: who writes which cache line of the BPF half's memory.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::built;
use crate::cmd;
use crate::paths;
use crate::setup;
use crate::setup::profiles::CLANG;
use crate::test::host;

const SOURCE: &str = "src/bpf/main.bpf.c";

/// Builds the scheduler and prints the registry of its object, and which of its programs
/// write what. Returns the exit status: 1 if two owners share a line, or a program writes
/// what is the agent's.
///
/// # Errors
/// When something that the build needs cannot be set up, or it does not build.
pub fn command() -> Result<u8> {
    setup::for_build()?;
    let built = build(&["scx_hallows"])?;
    let object = built::object(&built).context("cargo does not say where the BPF object is")?;
    ensure!(holds(&mut prof("owners", &object))?, "hallows-prof failed");
    let alone = holds(&mut prof("layout-check", &object))?;
    if cmd::find(CLANG).is_none() {
        eprintln!("owners: who writes what takes {CLANG}, which there is not");
        return Ok(u8::from(!alone));
    }
    let stage = tempfile::tempdir().context("cannot make a temporary folder")?;
    let report = stage.path().join("writers.jsonl");
    find_writers(&report)?;
    let theirs = holds(prof("writers", &object).arg(&report))?;
    Ok(u8::from(!(alone && theirs)))
}

/// Has the plugin write a report of which programs write what.
fn find_writers(report: &Path) -> Result<()> {
    let built = build(&["hallows-llvm", "hallows-tc"])?;
    // The harness compiles this source too, and knows where its headers are.
    let flags = built::variable(&built, "hallows-tc", "HALLOWS_TC_FLAGS");
    let flags = flags.context("cargo does not say how clang finds the headers")?;
    let plugin = paths::target()?.join("debug/libhallows_llvm.so");
    let mut clang = Command::new(CLANG);
    clang
        .current_dir(paths::root())
        .args(flags.split(' '))
        // As it is before any pass: what a pointer leads to is still seen.
        .args(["-target", "bpf", "-Xclang", "-disable-llvm-passes"])
        .arg(format!("-fpass-plugin={}", plugin.display()))
        .args(["-c", SOURCE, "-o", "/dev/null"])
        .env("HALLOWS_PASS", "writers")
        .env("HALLOWS_REPORT", report);
    ensure!(holds(&mut clang)?, "{CLANG} failed");
    Ok(())
}

/// Builds packages as tests do, which have built them already: the BPF half is the same in
/// each profile. Returns what cargo says of them.
fn build(packages: &[&str]) -> Result<String> {
    let mut cargo = cargo();
    cargo.args(["build", "--message-format=json"]);
    for package in packages {
        cargo.args(["--package", package]);
    }
    cmd::output(&mut cargo)
}

/// What hallows-prof makes of an object.
fn prof(task: &str, object: &Path) -> Command {
    let mut command = cargo();
    command
        .args(["run", "--quiet", "--package", "hallows-prof"])
        .args(["--", task])
        .arg(object);
    command
}

fn cargo() -> Command {
    host::cargo(&paths::root())
}

/// Runs a command; whether it exits with 0.
fn holds(command: &mut Command) -> Result<bool> {
    let program = command.get_program().to_string_lossy().into_owned();
    let status = command.status();
    Ok(status
        .with_context(|| format!("cannot run {program}"))?
        .success())
}
