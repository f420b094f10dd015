// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask mutants`: whether each scenario fails when the mechanism that it
//! names is taken out.

mod build;
mod edit;
mod table;
mod verdict;

use std::path::Path;
use std::sync::mpsc;
use std::thread;

use anyhow::{Result, anyhow, bail};

use crate::cli::MutantsArgs;
use crate::interrupt;
use crate::list;
use crate::paths;
use crate::setup;
use crate::test::guest::Guest;
use crate::test::scenario::{self, Run};
use crate::test::{self, host, schedule};
use build::Workshop;
use table::{Mutant, means};
use verdict::Report;

/// A mutant and the runs that must fail with it.
struct Trial<'a> {
    mutant: &'a Mutant,
    runs: Vec<&'a Run>,
}

/// Builds the selected mutants and runs their scenarios. Returns the exit
/// status: 1 if a mutant survived or could not be tested.
///
/// # Errors
/// When something that it needs cannot be set up, the table or a scenario cannot
/// be read, or the checkout itself does not build.
pub fn command(args: &MutantsArgs) -> Result<u8> {
    let mutants = table::read(&paths::root())?;
    let runs = scenario::all(None)?;
    let mut report = Report::default();
    let trials = select(&mutants, &runs, args.filter.as_deref(), &mut report);
    if trials.is_empty() && !report.failed() {
        bail!("no mutant and run have such a name: `cargo xtask mutants --list` prints all");
    }
    if args.list {
        let pairs = trials.iter().flat_map(|trial| {
            let line = |run: &&Run| (pair(trial.mutant, run), trial.mutant.what.clone());
            trial.runs.iter().map(line)
        });
        list::print(50, pairs)?;
        return Ok(u8::from(report.failed()));
    }
    setup::for_build()?;
    eprintln!("running {}: {}", host::RELEASE.name, host::RELEASE.what);
    if !host::run(&host::RELEASE)?.ok {
        bail!("the release build fails: `cargo xtask test` tells why");
    }
    setup::for_vm()?;
    let cores = args.jobs.map_or_else(test::host_cores, Ok)?;
    try_all(&trials, cores, &mut report)?;
    report.end();
    Ok(if interrupt::seen() {
        interrupt::EXIT_STATUS
    } else {
        u8::from(report.failed())
    })
}

/// The mutants that have, together with one of their runs, a name that contains
/// `filter`, with those runs.
fn select<'a>(
    mutants: &'a [Mutant],
    runs: &'a [Run],
    filter: Option<&str>,
    report: &mut Report,
) -> Vec<Trial<'a>> {
    let mut trials = Vec::new();
    for mutant in mutants {
        let mut meant = Vec::new();
        for entry in &mutant.fails {
            let before = meant.len();
            meant.extend(runs.iter().filter(|run| means(entry, &run.name())));
            if meant.len() == before {
                report.stale(&mutant.name, &anyhow!("no scenario run is named {entry}"));
            }
        }
        meant.retain(|run| filter.is_none_or(|text| pair(mutant, run).contains(text)));
        if !meant.is_empty() {
            trials.push(Trial {
                mutant,
                runs: meant,
            });
        }
    }
    trials
}

/// As `--list` and the report name it: `mask vm/affinity 6.18 flat 4`.
fn pair(mutant: &Mutant, run: &Run) -> String {
    format!("{} {}", mutant.name, run.name())
}

/// Builds one mutant after the other and runs the scenarios of those that are
/// built meanwhile.
fn try_all(trials: &[Trial], cores: u32, report: &mut Report) -> Result<()> {
    eprintln!("building the checkout's copy");
    let workshop = Workshop::open()?;
    let mutants: Vec<_> = trials.iter().map(|trial| trial.mutant).collect();
    let (sender, built) = mpsc::channel();
    thread::scope(|scope| {
        scope.spawn(move || {
            for mutant in mutants {
                // Nobody listens any more when an error has ended the trials.
                if interrupt::seen() || sender.send(workshop.make(mutant)).is_err() {
                    break;
                }
            }
        });
        for (trial, program) in trials.iter().zip(built) {
            match program {
                Ok(program) => try_one(trial, &program, cores, report)?,
                Err(_) if interrupt::seen() => break,
                Err(error) => report.stale(&trial.mutant.name, &error),
            }
        }
        Ok(())
    })
}

fn try_one(trial: &Trial, program: &Path, cores: u32, report: &mut Report) -> Result<()> {
    let guest = Guest::new(Some(program))?;
    let specs = trial
        .runs
        .iter()
        .map(|run| run.spec(&guest))
        .collect::<Result<Vec<_>>>()?;
    schedule::run(&specs, cores, |index, outcome| {
        if !interrupt::seen() {
            report.pair(&pair(trial.mutant, trial.runs[index]), outcome);
        }
    });
    Ok(())
}
