// SPDX-License-Identifier: GPL-2.0-only
//! `scx_hallows completions`

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::print;
use crate::cli::Cli;
use crate::exit::Error;

/// Print what a shell needs to complete this command's options.
#[derive(Args, Clone, Debug)]
pub struct Completions {
    /// The shell.
    #[arg(value_parser = clap::builder::PossibleValuesParser::new(["bash", "zsh", "fish"]))]
    pub shell: String,
}

impl Completions {
    /// Prints.
    ///
    /// # Errors
    /// [`Error::Failed`] when standard output can't be written.
    pub fn run(&self) -> Result<(), Error> {
        let shell = match self.shell.as_str() {
            "bash" => Shell::Bash,
            "zsh" => Shell::Zsh,
            _ => Shell::Fish,
        };
        let mut text = Vec::new();
        clap_complete::generate(shell, &mut Cli::command(), "scx_hallows", &mut text);
        print(&text)
    }
}
