// SPDX-License-Identifier: GPL-2.0-only
//! Installing what this machine lacks. Each step looks first and says what it does.

mod apt;
mod archive;
mod bzimage;
pub mod clang;
pub mod kernels;
mod packages;
pub mod profiles;
mod qemu;

use std::env;

use anyhow::{Result, bail};

use crate::cli::SetupArgs;
use crate::paths;
use packages::Need;

/// The kernels that the tests boot, as series: `7` is the newest 7.x.
const SERIES: [&str; 3] = ["6.16", "6.18", "7"];

/// Tells the user what is going on, on standard error.
pub fn say(line: &str) {
    eprintln!("setup: {line}");
}

/// `cargo xtask setup`: everything that building and testing need.
///
/// # Errors
/// When something cannot be installed or fetched, saying what to do about it.
pub fn command(args: &SetupArgs) -> Result<u8> {
    if args.check {
        return check();
    }
    // At one go, so that whoever must install by hand hears of all at once.
    apt::install(&packages::missing(&[Need::Build, Need::Vm]))?;
    for_build()?;
    for_vm()?;
    let _lock = paths::lock_cache()?;
    for series in SERIES {
        kernels::ensure(series)?;
    }
    say("ready: `cargo xtask test` runs every test, `cargo xtask vm` boots a VM");
    Ok(0)
}

/// What building needs: a C compiler, libelf and a clang for BPF.
///
/// # Errors
/// As [`command`].
pub fn for_build() -> Result<()> {
    apt::install(&packages::missing(&[Need::Build]))?;
    clang::ensure()
}

/// What booting a VM needs, except for its kernel.
///
/// # Errors
/// As [`command`], and on a machine that is no x86-64.
pub fn for_vm() -> Result<()> {
    // The guest runs this machine's own programs on an x86-64 kernel.
    if env::consts::ARCH != "x86_64" {
        bail!(
            "the VMs need an x86-64 machine, and this is {}",
            env::consts::ARCH
        );
    }
    apt::install(&packages::missing(&[Need::Vm]))?;
    let _lock = paths::lock_cache()?;
    qemu::ensure()
}

/// What building along profiles needs: clang and LLVM's tools in version 22.
///
/// # Errors
/// As [`command`].
pub fn for_profiles() -> Result<()> {
    profiles::ensure()
}

fn check() -> Result<u8> {
    let packages = packages::missing(&[Need::Build, Need::Vm]);
    let mut missing: Vec<_> = packages
        .iter()
        .map(|package| format!("package {package}"))
        .collect();
    if clang::find().is_none() {
        missing.push(clang::WANTED.into());
    }
    if !qemu::has_virtual_clock() {
        missing.push("QEMU 9.1 to 10.x, for the virtual clock".into());
    }
    for series in SERIES {
        if kernels::cached(series)?.is_none() {
            missing.push(format!("kernel {series}"));
        }
    }
    for thing in &missing {
        say(&format!("missing: {thing}"));
    }
    if missing.is_empty() {
        say("nothing is missing");
    }
    Ok(u8::from(!missing.is_empty()))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use crate::cmd;

    /// On a machine that has Rust and a C compiler, and nothing more.
    #[test]
    fn what_installs_libelf_is_built_without_libbpf() {
        let mut tree = Command::new(env!("CARGO"));
        tree.args(["tree", "--locked", "--package", "xtask"]).args([
            "--edges",
            "normal,build",
            "--prefix",
            "none",
        ]);
        let crates = cmd::output(&mut tree).unwrap();
        assert!(crates.contains("hallows-load"), "{crates}");
        assert!(!crates.contains("libbpf"), "{crates}");
    }
}
