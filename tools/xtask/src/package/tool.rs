// SPDX-License-Identifier: GPL-2.0-only
//! The makers of packages, which are no part of the build: found, or installed
//! into the cache by cargo.

use std::env;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::cmd;
use crate::paths;

/// A program that cargo installs.
pub struct Tool {
    /// Its name, and that of its crate.
    name: &'static str,
    /// The version that is installed where there is none.
    version: &'static str,
}

/// Makes `.deb`.
pub const DEB: Tool = Tool {
    name: "cargo-deb",
    version: "3.8.0",
};

/// Makes `.rpm`.
pub const RPM: Tool = Tool {
    name: "cargo-generate-rpm",
    version: "0.21.1",
};

impl Tool {
    /// The program: the one in the `PATH` or that of the cache, which is made
    /// when there is neither.
    ///
    /// # Errors
    /// When cargo can't install it.
    pub fn ensure(&self) -> Result<PathBuf> {
        let folder = paths::cache()?.join("tools");
        let own = folder.join("bin").join(self.name);
        if let Some(there) = cmd::find(self.name).or_else(|| cmd::find(&own)) {
            return Ok(there);
        }
        let _lock = paths::lock_cache()?;
        let &Tool { name, version } = self;
        eprintln!("package: installing {name} {version}, which takes some minutes");
        let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut install = Command::new(cargo);
        install
            // It runs for seconds, and would be compiled for minutes.
            .args([
                "install",
                "--debug",
                "--quiet",
                "--locked",
                "--version",
                version,
            ])
            .env("CARGO_PROFILE_DEV_DEBUG", "0")
            .arg("--root")
            .arg(&folder)
            .arg(name)
            .current_dir(paths::cache()?);
        cmd::output(&mut install)
            .with_context(|| format!("no {name}: cargo install --locked {name}"))?;
        Ok(own)
    }
}
