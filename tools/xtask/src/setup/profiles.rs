// SPDX-License-Identifier: GPL-2.0-only
//! What builds with profiles need. Their files and the plugin's interface change
//! from one version of LLVM to the next, so both tools are of the one version.

use anyhow::{Result, bail};

use super::apt;
use super::packages::{self, Need};
use crate::cmd;

/// The compiler that loads the plugin.
pub const CLANG: &str = "clang-22";
/// Makes of text what it reads.
pub const PROFDATA: &str = "llvm-profdata-22";

/// Installs both where they are missing.
///
/// # Errors
/// When apt cannot install them, or has put them elsewhere than in the `PATH`.
pub fn ensure() -> Result<()> {
    apt::install(&packages::missing(&[Need::Profiles]))?;
    for program in [CLANG, PROFDATA] {
        if cmd::find(program).is_none() {
            bail!("there is no {program}: install clang 22 and LLVM 22");
        }
    }
    Ok(())
}
