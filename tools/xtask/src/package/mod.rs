// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask package`: a `.deb` and a `.rpm`, as Cargo.toml describes them.

mod tool;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::cli::PackageArgs;
use crate::cmd;
use crate::install;
use crate::paths;
use crate::run;
use crate::setup;
use tool::Tool;

/// Builds, and makes the packages that are wanted.
///
/// # Errors
/// When the build fails, or a package can't be made.
pub fn command(args: &PackageArgs) -> Result<u8> {
    setup::for_build()?;
    run::build::release()?;
    let program = paths::target()?.join("release/scx_hallows");
    let to = paths::target()?.join("packages");
    let both = !args.deb && !args.rpm;
    paths::make(&to)?;
    if args.deb || both {
        println!("{}", deb(&program, &to)?.display());
    }
    if args.rpm || both {
        println!("{}", rpm(&program, &to)?.display());
    }
    Ok(0)
}

/// Makes a `.deb` of `program` and what goes with it, in the folder `to`.
///
/// # Errors
/// When cargo-deb can't be had, or fails.
pub fn deb(program: &Path, to: &Path) -> Result<PathBuf> {
    let file = to.join("scx_hallows.deb");
    let mut command = command_of(&tool::DEB, program)?;
    command.args(["--no-build", "--no-strip", "--quiet", "--output"]);
    cmd::output(command.arg(&file)).map(|_| file)
}

/// The same as a `.rpm`.
///
/// # Errors
/// When cargo-generate-rpm can't be had, or fails.
pub fn rpm(program: &Path, to: &Path) -> Result<PathBuf> {
    let file = to.join("scx_hallows.rpm");
    let mut command = command_of(&tool::RPM, program)?;
    cmd::output(command.arg("--output").arg(&file)).map(|_| file)
}

/// The start of a tool's command line, with the tree that Cargo.toml tells it to
/// take made of `program`.
fn command_of(tool: &Tool, program: &Path) -> Result<Command> {
    let tree = paths::root().join("target/package");
    if tree.exists() {
        fs::remove_dir_all(&tree).with_context(|| format!("cannot empty {}", tree.display()))?;
    }
    install::tree(program, &tree)?;
    let mut command = Command::new(tool.ensure()?);
    command.current_dir(paths::root());
    Ok(command)
}
