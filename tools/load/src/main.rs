// SPDX-License-Identifier: GPL-2.0-only
//! Command line of `hallows-load`: parse, run one load, print its report.

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use hallows_load::cmd::{
    affinity_churn, fifo, haunt, hogs, listen, periodic, pingpong, scribble, shares, spread,
};
use hallows_load::exit;
use hallows_load::report::Report;

/// Loads and probes that exercise a CPU scheduler and report what it did.
///
/// Every load ends early on SIGTERM or SIGINT and still prints its report.
/// Exit status: 0 done, 1 a check of the load failed, 2 wrong usage, 69 the
/// kernel refused something the load needs, 77 not permitted.
#[derive(Parser)]
#[command(version, max_term_width = 100)]
struct Cli {
    /// Print the report as one JSON object.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    load: Load,
}

#[derive(Subcommand)]
enum Load {
    Periodic(periodic::Args),
    Hogs(hogs::Args),
    Haunt(haunt::Args),
    Shares(shares::Args),
    Spread(spread::Args),
    AffinityChurn(affinity_churn::Args),
    Fifo(fifo::Args),
    Pingpong(pingpong::Args),
    Listen(listen::Args),
    Scribble(scribble::Args),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let code = match &cli.load {
        Load::Periodic(args) => finish(periodic::run(args), cli.json),
        Load::Hogs(args) => finish(hogs::run(args), cli.json),
        Load::Haunt(args) => finish(haunt::run(args), cli.json),
        Load::Shares(args) => finish(shares::run(args), cli.json),
        Load::Spread(args) => finish(spread::run(args), cli.json),
        Load::AffinityChurn(args) => finish(affinity_churn::run(args), cli.json),
        Load::Fifo(args) => finish(fifo::run(args), cli.json),
        Load::Pingpong(args) => finish(pingpong::run(args), cli.json),
        Load::Listen(args) => finish(listen::run(args), cli.json),
        Load::Scribble(args) => finish(scribble::run(args), cli.json),
    };
    ExitCode::from(code)
}

/// Prints the report, or the error as one line, and says how to exit.
fn finish<R: Report>(outcome: Result<R>, json: bool) -> u8 {
    let printed = outcome.and_then(|report| {
        let text = if json {
            serde_json::to_string(&report)? + "\n"
        } else {
            report.to_string()
        };
        exit::print(&text)?;
        Ok(report.passed())
    });
    match printed {
        Ok(true) => 0,
        Ok(false) => 1,
        Err(error) => {
            eprintln!("hallows-load: {error:#}");
            exit::code(&error)
        }
    }
}
