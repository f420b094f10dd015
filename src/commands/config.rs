// SPDX-License-Identifier: GPL-2.0-only
//! `scx_hallows config`

use clap::Args;

use super::print;
use crate::config::file::default_text;
use crate::exit::Error;

/// Print a configuration file that explains every key and changes none, to be
/// put at /etc/scx_hallows/config.toml.
#[derive(Args, Clone, Debug)]
pub struct Config;

impl Config {
    /// Prints it.
    ///
    /// # Errors
    /// Those of printing.
    pub fn run(&self) -> Result<(), Error> {
        print(default_text().as_bytes())
    }
}
