// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask tc`: what a decision costs, in the program hallows-tc.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::cli::TcArgs;
use crate::cmd;
use crate::paths;
use crate::setup;
use crate::setup::profiles::CLANG;
use crate::test::host;

/// Builds the plugin and the program, and runs that. Returns the exit status: 1 if it
/// failed.
///
/// # Errors
/// When something that the build needs cannot be set up, or it does not build.
pub fn command(args: &TcArgs) -> Result<u8> {
    setup::for_build()?;
    setup::for_profiles()?;
    let mut build = host::cargo(&paths::root());
    build.args([
        "build",
        "--release",
        "-p",
        "hallows-llvm",
        "-p",
        "hallows-tc",
    ]);
    // The plugin is one for this version.
    build.env("BPF_CLANG", CLANG);
    let built = build.status().context("cannot run cargo")?;
    ensure!(built.success(), "cargo failed");
    let target = paths::target()?;
    let folder = target.join("tc");
    if folder.exists() {
        // What root wrote there the user may remove, but not replace.
        fs::remove_dir_all(&folder).context("cannot remove what the last run built")?;
    }
    paths::make(&folder)?;
    let mut command = if args.rounds > 0 {
        cmd::as_root()?
    } else {
        Command::new("env")
    };
    let release = target.join("release");
    command
        .arg(release.join("hallows-tc"))
        .arg("--root")
        .arg(paths::root())
        .arg("--folder")
        .arg(&folder)
        .arg("--plugin")
        .arg(release.join("libhallows_llvm.so"))
        .args(["--rounds", &args.rounds.to_string()])
        .args(["--cpu", &args.cpu.to_string()]);
    let done = command.status().context("cannot run hallows-tc")?;
    Ok(u8::from(!done.success()))
}
