// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask test`: the tests of the host one after the other, then the VM
//! scenarios side by side.

pub mod guest;
pub mod host;
mod nightly;
mod report;
pub mod scenario;
pub mod schedule;
mod soak;

use std::fs;
use std::thread;

use anyhow::{Context, Result, bail};

use crate::cli::{SoakArgs, TestArgs};
use crate::interrupt;
use crate::list;
use crate::setup;
use crate::vm::Outcome;
use guest::Guest;
use host::Check;
use nightly::Nightly;
use report::Report;
use scenario::Run;

/// Runs what the arguments select. Returns the exit status: 1 if any failed.
///
/// # Errors
/// When something that the tests need cannot be set up, or a scenario cannot be
/// read. A test that fails is no error.
pub fn command(args: &TestArgs) -> Result<u8> {
    let wanted = |name: &str| {
        args.filter
            .as_deref()
            .is_none_or(|text| name.contains(text))
    };
    let mut runs = if args.skip_vm {
        Vec::new()
    } else {
        scenario::all(args.kernel.as_deref())?
    };
    runs.retain(|run| wanted(&run.name()));
    let checks: Vec<_> = host::CHECKS
        .iter()
        .filter(|check| wanted(check.name))
        .collect();
    let nightly: Vec<_> = nightly::CHECKS
        .iter()
        .filter(|nightly| wanted(nightly.check.name))
        .collect();
    if runs.is_empty() && checks.is_empty() && nightly.is_empty() {
        bail!("nothing of what is selected has such a name: `cargo xtask test --list` prints all");
    }
    if args.list {
        let checks = checks
            .iter()
            .copied()
            .chain(nightly.iter().map(|nightly| &nightly.check))
            .map(|check| (check.name.to_owned(), check.what.to_owned()));
        let runs = runs
            .iter()
            .map(|run| (run.name(), run.scenario.what.clone()));
        list::print(40, checks.chain(runs))?;
        return Ok(0);
    }
    setup::for_build()?;
    let mut report = Report::new(args.verbose);
    run_checks(&checks, &mut report)?;
    run_nightly(&nightly, &mut report)?;
    runs.retain(|run| match run.lacks() {
        None => true,
        Some(program) => {
            report.skipped(&run.name(), &format!("there is no {program}"));
            false
        }
    });
    if !runs.is_empty() && !interrupt::seen() {
        run_scenarios(&runs, args.jobs, &mut report, |_, _| {})?;
    }
    Ok(end(&report))
}

/// Runs the soak on all kernels and topologies, and prints the table of it or
/// writes that into a file. Returns the exit status: 1 if any failed.
///
/// # Errors
/// Those of [`command`], or the file can't be written.
pub fn soak(args: &SoakArgs) -> Result<u8> {
    let runs = scenario::soak(args.minutes * 60, args.mode)?;
    setup::for_build()?;
    let mut report = Report::new(true);
    let mut table = soak::Table::default();
    run_scenarios(&runs, args.jobs, &mut report, |run, outcome| {
        table.add(run.kernel(), run.topology(), outcome);
    })?;
    let table = table.markdown();
    match &args.table {
        Some(file) => fs::write(file, table)
            .with_context(|| format!("cannot write the table to {}", file.display()))?,
        None => print!("{table}"),
    }
    Ok(end(&report))
}

/// Prints the last line; returns the exit status.
fn end(report: &Report) -> u8 {
    report.end();
    if interrupt::seen() {
        interrupt::EXIT_STATUS
    } else {
        u8::from(report.failed())
    }
}

fn run_checks(checks: &[&Check], report: &mut Report) -> Result<()> {
    for check in checks {
        if interrupt::seen() {
            break;
        }
        if let Some(program) = check.lacks() {
            report.skipped(check.name, &format!("there is no {program}"));
            continue;
        }
        eprintln!("running {}: {}", check.name, check.what);
        report.check(check.name, &host::run(check)?);
    }
    Ok(())
}

fn run_nightly(checks: &[&Nightly], report: &mut Report) -> Result<()> {
    for nightly in checks {
        if interrupt::seen() {
            break;
        }
        let Check { name, what, .. } = nightly.check;
        eprintln!("running {name}: {what}");
        match nightly::run(nightly)? {
            Ok(checked) => report.check(name, &checked),
            Err(missing) => report.skipped(name, &missing),
        }
    }
    Ok(())
}

/// Runs all of them; hands over each outcome as it comes.
fn run_scenarios(
    runs: &[Run],
    jobs: Option<u32>,
    report: &mut Report,
    mut done: impl FnMut(&Run, &Result<Outcome>),
) -> Result<()> {
    eprintln!("running {}: {}", host::RELEASE.name, host::RELEASE.what);
    let build = host::run(&host::RELEASE)?;
    report.check(host::RELEASE.name, &build);
    if !build.ok {
        report.not_run(runs.len());
        return Ok(());
    }
    setup::for_vm()?;
    let guest = Guest::new(None)?;
    let specs = runs
        .iter()
        .map(|run| run.spec(&guest))
        .collect::<Result<Vec<_>>>()?;
    let cores = jobs.map_or_else(host_cores, Ok)?;
    eprintln!("running {} VM scenarios", runs.len());
    let not_run = schedule::run(&specs, cores, |index, outcome| {
        report.scenario(&runs[index].name(), outcome);
        done(&runs[index], outcome);
    });
    report.not_run(not_run);
    Ok(())
}

/// Cores that this process may use.
///
/// # Errors
/// When the system does not tell.
pub fn host_cores() -> Result<u32> {
    let cores = thread::available_parallelism().context("cannot count the host's cores")?;
    Ok(u32::try_from(cores.get()).unwrap_or(u32::MAX))
}
