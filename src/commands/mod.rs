// SPDX-License-Identifier: GPL-2.0-only
//! The subcommands, a file each. Without one, `scx_hallows` schedules.

mod bench;
mod check;
mod completions;
mod config;
mod get;
mod man;
mod record;
mod reload;
mod replay;
mod set;
mod simulate;
mod stop;
mod why;

use std::io::{self, Write};

use clap::Subcommand;
use indicatif::{ProgressBar, ProgressStyle};

use crate::exit::Error;
use crate::logging;
use crate::stats::tuning::Step;

/// What `scx_hallows` does instead of scheduling.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    Bench(bench::Bench),
    Check(check::Check),
    Completions(completions::Completions),
    Config(config::Config),
    Get(get::Get),
    Man(man::Man),
    Record(record::Record),
    Reload(reload::Reload),
    Replay(replay::Replay),
    Set(set::Set),
    Simulate(Box<simulate::Simulate>),
    Stop(stop::Stop),
    Why(why::Why),
}

impl Command {
    /// Does it.
    ///
    /// # Errors
    /// Those of the subcommand.
    pub fn run(&self) -> Result<(), Error> {
        // Before anything makes libbpf talk.
        if self.may_warn() {
            logging::init(0)?;
        }
        match self {
            Command::Bench(it) => it.run(),
            Command::Check(it) => it.run(),
            Command::Completions(it) => it.run(),
            Command::Config(it) => it.run(),
            Command::Get(it) => it.run(),
            Command::Man(it) => it.run(),
            Command::Record(it) => it.run(),
            Command::Reload(it) => it.run(),
            Command::Replay(it) => it.run(),
            Command::Set(it) => it.run(),
            Command::Simulate(it) => it.run(),
            Command::Stop(it) => it.run(),
            Command::Why(it) => it.run(),
        }
    }

    /// Whether it has more to say on standard error than why it failed.
    fn may_warn(&self) -> bool {
        matches!(
            self,
            Command::Bench(_) | Command::Check(_) | Command::Stop(_) | Command::Why(_)
        )
    }
}

/// Prints on standard output; a reader that has seen enough is no error.
///
/// # Errors
/// [`Error::Failed`] when standard output can't be written.
pub fn print(text: &[u8]) -> Result<(), Error> {
    match io::stdout().write_all(text) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Error::Failed(format!("cannot print: {error}")))
        }
        _ => Ok(()),
    }
}

/// Drawn on standard error, if that is a terminal.
fn progress_bar(steps: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{wide_bar} {percent:>3} % {eta:>4}  {msg}");
    ProgressBar::new(steps).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// A line for each value that was set.
fn steps(steps: &[Step]) -> String {
    let line = |step: &Step| format!("{}: {} -> {}\n", step.key, step.old, step.new);
    steps.iter().map(line).collect()
}
