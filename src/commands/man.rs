// SPDX-License-Identifier: GPL-2.0-only
//! `scx_hallows man`

use std::fs;
use std::path::PathBuf;

use clap::{Args, CommandFactory};
use clap_mangen::Man as Page;

use super::print;
use crate::cli::Cli;
use crate::exit::Error;

/// Section of the manual: commands for administrators.
const SECTION: &str = "8";

/// What the main page says besides, in roff.
const SECTIONS: &str = include_str!("man.roff");

/// Print this command's manual page, or write those of all subcommands too.
#[derive(Args, Clone, Debug)]
pub struct Man {
    /// Write scx_hallows.8 and a page for each subcommand into DIR, which exists,
    /// and print nothing.
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
}

impl Man {
    /// Prints or writes.
    ///
    /// # Errors
    /// [`Error::Failed`] when a page can't be written.
    pub fn run(&self) -> Result<(), Error> {
        let mut root = Cli::command();
        root.build();
        let Some(dir) = &self.dir else {
            return print(&page(root)?.1);
        };
        let commands = root.get_subcommands().cloned();
        for command in commands.chain([root.clone()]) {
            let (name, text) = page(command)?;
            let file = dir.join(name);
            fs::write(&file, text).map_err(|error| {
                Error::Failed(format!("cannot write {}: {error}", file.display()))
            })?;
        }
        Ok(())
    }
}

/// The name and the text of a command's page.
fn page(command: clap::Command) -> Result<(String, Vec<u8>), Error> {
    let page = Page::new(command)
        .section(SECTION)
        .source(concat!("scx_hallows ", env!("CARGO_PKG_VERSION")))
        .manual("scx_hallows");
    let mut text = Vec::new();
    page.render(&mut text)
        .map_err(|error| Error::Failed(format!("cannot render a manual page: {error}")))?;
    if page.get_filename() == concat!(env!("CARGO_PKG_NAME"), ".8") {
        text.extend(SECTIONS.as_bytes());
    }
    Ok((page.get_filename(), text))
}
