// SPDX-License-Identifier: GPL-2.0-only
//! Packages of the running system, by apt where that is possible.

use std::collections::BTreeSet;
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::say;
use crate::cmd;

/// Installs packages; none is fine.
///
/// # Errors
/// When this system has no apt, when neither root nor sudo is at hand (both
/// name the packages), or when apt fails.
pub fn install(packages: &BTreeSet<&str>) -> Result<()> {
    if packages.is_empty() {
        return Ok(());
    }
    let names = packages.iter().copied().collect::<Vec<_>>().join(" ");
    if !available() {
        bail!("this system has no apt; install what Debian calls: {names}");
    }
    say(&format!("installing {names}"));
    let advice = || format!("cannot install; as root: apt-get install {names}");
    update().with_context(advice)?;
    let mut install = as_root().with_context(advice)?;
    install
        .args(["apt-get", "install", "-y", "-qq", "--no-install-recommends"])
        .args(packages);
    // Only failures are worth the user's screen.
    cmd::output(&mut install).with_context(advice)?;
    Ok(())
}

/// Whether this system has apt.
pub fn available() -> bool {
    cmd::find("apt-get").is_some()
}

/// Reads the package lists anew: those of a fresh system are missing or old.
///
/// # Errors
/// As [`install`].
pub fn update() -> Result<()> {
    cmd::output(as_root()?.args(["apt-get", "update", "-qq"])).map(drop)
}

/// The packages that apt can install and whose names match `pattern`, a POSIX
/// extended regular expression.
///
/// # Errors
/// When apt-cache fails.
pub fn offered(pattern: &str) -> Result<Vec<String>> {
    let found = cmd::output(Command::new("apt-cache").args(["search", "--names-only", pattern]))?;
    let names = found
        .lines()
        .filter_map(|line| line.split_whitespace().next());
    Ok(names.map(str::to_owned).collect())
}

/// apt, as root, which asks no questions.
fn as_root() -> Result<Command> {
    let mut command = cmd::as_root()?;
    command.arg("DEBIAN_FRONTEND=noninteractive");
    Ok(command)
}
