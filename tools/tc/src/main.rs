// SPDX-License-Identifier: GPL-2.0-only
//! `hallows-tc`: what a decision of the scheduler costs, along profiles and not.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::Parser;
use hallows_tc::figures::{self, Counted, Row};
use hallows_tc::image::{Image, Stage};
use hallows_tc::kernel::{self, Loaded};
use hallows_tc::machine::Machine;
use hallows_tc::variants::{TEST, TIMED, Variant, WARM, Workshop};

/// How often the same is timed in a row.
const TRIES: usize = 8;

/// Counts and times the scheduler's decisions, laid out along profiles and not
#[derive(Debug, Parser)]
#[command(name = "hallows-tc", version, max_term_width = 100)]
struct Cli {
    /// The checkout
    #[arg(long, value_name = "DIR", default_value = ".")]
    root: PathBuf,
    /// A folder that is there, for what is built
    #[arg(long, value_name = "DIR")]
    folder: PathBuf,
    /// The plugin for clang, libhallows_llvm.so
    #[arg(long, value_name = "FILE")]
    plugin: PathBuf,
    /// Rounds in which each build is timed once, as root; 0: count only
    #[arg(long, value_name = "N", default_value_t = 12)]
    rounds: usize,
    /// The CPU that they are timed on
    #[arg(long, value_name = "CPU", default_value_t = 0)]
    cpu: usize,
}

fn main() -> ExitCode {
    match perform(&Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("hallows-tc: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn perform(cli: &Cli) -> Result<()> {
    // What the kernel's verifier has to say fills screens.
    libbpf_rs::set_print(None);
    // clang runs in the checkout.
    let here = |file: &Path| {
        file.canonicalize()
            .with_context(|| format!("cannot find {}", file.display()))
    };
    let workshop = Workshop {
        root: &cli.root,
        folder: &here(&cli.folder)?,
        plugin: &here(&cli.plugin)?,
    };
    let variants = workshop.build()?;
    let (mut rows, ends): (Vec<Row>, Vec<Stage>) = count(&variants)?.into_iter().unzip();
    if cli.rounds > 0 {
        kernel::pin(cli.cpu)?;
        time(&variants, &ends, cli.rounds, &mut rows)?;
    }
    print!("{}", figures::table(&rows));
    let Counted {
        instructions,
        bounds,
        harness,
        ..
    } = rows[0].counted;
    println!(
        "By the decision. Not in the table: {bounds:.1} branches of macros that bound an index, in any\n\
         order of blocks; {harness:.1} instructions of the harness, which is {:.0} % of the base's time if\n\
         each takes as long.",
        100.0 * harness / (harness + instructions)
    );
    Ok(())
}

/// Counts each build, and sees that all decide the same.
fn count(variants: &[Variant]) -> Result<Vec<(Row, Stage)>> {
    let mut counted: Vec<(Row, Stage)> = Vec::new();
    for Variant { name, object } in variants {
        let (figures, end) = count_one(object).with_context(|| (*name).to_owned())?;
        if let Some((_, first)) = counted.first() {
            ensure!(end == *first, "{name} decides otherwise than the base");
        }
        let rounds = Vec::new();
        let row = Row {
            name,
            counted: figures,
            rounds,
        };
        counted.push((row, end));
    }
    Ok(counted)
}

fn count_one(object: &Path) -> Result<(Counted, Stage)> {
    let mut machine = Machine::new(Image::read(object, TEST)?)?;
    machine.run("tc_run", 1 + WARM)?;
    let (before, counts) = (machine.stage()?, machine.counts().to_vec());
    machine.run("tc_run", TIMED)?;
    let after = machine.stage()?;
    let decisions = after.runs - before.runs;
    ensure!(decisions > 0, "nobody ran");
    Ok((
        Counted::between(&counts, machine.counts(), decisions),
        after,
    ))
}

/// Times each build in each round, beginning with another one each time. Each is loaded
/// anew: where code and data come to lie is worth some percent. One that the kernel refuses
/// is not timed.
fn time(variants: &[Variant], ends: &[Stage], rounds: usize, rows: &mut [Row]) -> Result<()> {
    for round in 0..rounds {
        for turn in 0..variants.len() {
            let at = (round + turn) % variants.len();
            let (Variant { name, object }, row) = (&variants[at], &mut rows[at]);
            if round > 0 && row.rounds.is_empty() {
                continue;
            }
            match Loaded::load(object, TEST) {
                Ok(one) => row.rounds.push(shortest(&one, ends[at]).context(*name)?),
                Err(error) if at == 0 => return Err(error.context("timing takes root")),
                Err(error) => eprintln!("hallows-tc: {name}: {error:#}"),
            }
        }
    }
    Ok(())
}

/// Nanoseconds that a decision takes when nothing disturbs: the sum of each part's
/// shortest.
fn shortest(loaded: &Loaded, end: Stage) -> Result<f64> {
    let mut best = [Duration::MAX; kernel::PARTS];
    let mut decisions = 0;
    for _ in 0..TRIES {
        let (took, before, after) = loaded.time(WARM, TIMED)?;
        ensure!(after == end, "it decides otherwise in this kernel");
        decisions = after.runs - before.runs;
        for (best, took) in best.iter_mut().zip(took) {
            *best = took.min(*best);
        }
    }
    let sum: Duration = best.iter().sum();
    Ok(sum.as_nanos() as f64 / decisions as f64)
}
