// SPDX-License-Identifier: GPL-2.0-only
//! The release build, with cargo's own words on the terminal.

use std::env;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::cmd::{self, Waited};
use crate::paths;
use crate::setup::clang;

/// The same packages as `cargo xtask test` builds: another choice would change
/// the features of the libraries that they share, and build those twice.
const ARGS: [&str; 6] = [
    "build",
    "--release",
    "--locked",
    "--workspace",
    "--exclude",
    "xtask",
];

/// Builds scx_hallows and the loads.
///
/// # Errors
/// When cargo does not start, or fails; it has said why.
pub fn release() -> Result<()> {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .args(ARGS)
        .current_dir(paths::root())
        .stdin(Stdio::null());
    // What the cargo that runs xtask told xtask about itself would make build
    // scripts that look at it run anew.
    let told = |name: &str| {
        name.starts_with("CARGO_PKG_")
            || name.starts_with("CARGO_MANIFEST_")
            || name == "LD_LIBRARY_PATH"
    };
    for (name, _) in env::vars_os().filter(|(name, _)| told(&name.to_string_lossy())) {
        cargo.env_remove(name);
    }
    if let Some(clang) = clang::find() {
        cargo.env("BPF_CLANG", clang);
    }
    let mut child = cargo.spawn().context("cannot run cargo")?;
    match cmd::wait(&mut child, None).context("cannot wait for cargo")? {
        Waited::Ended(status) if status.success() => Ok(()),
        _ => bail!("the build failed"),
    }
}
