// SPDX-License-Identifier: GPL-2.0-only
//! `hallows-prof`: what to do with profiles of BPF programs.

use std::fs;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use clap::Parser;
use hallows_prof::owners::{Registry, writers};
use hallows_prof::profile::{self, Profile};
use hallows_prof::profmap::Profmap;
use hallows_prof::report::Entry;
use hallows_prof::written::Written;
use hallows_prof::{counters, gate, report, show};

/// Profiles of BPF programs that clang instrumented with the plugin hallows-llvm
#[derive(Debug, Parser)]
#[command(name = "hallows-prof", version, max_term_width = 100)]
enum Cli {
    /// Print a profile of the instrumented program that runs now
    ///
    /// Reads its counters; as root.
    Collect {
        /// What the plugin wrote when it was compiled
        #[arg(long, value_name = "FILE")]
        profmap: PathBuf,
    },
    /// Print the sum of profiles
    Merge {
        /// Let each count as much as the others, however long it was taken
        #[arg(long)]
        even: bool,
        /// LLVM's text profiles
        #[arg(required = true, value_name = "PROFTEXT")]
        profiles: Vec<PathBuf>,
    },
    /// Print a profile's functions, the busiest first
    Show {
        #[arg(value_name = "PROFTEXT")]
        profile: PathBuf,
    },
    /// Print what the plugin reported: expected taken branches in a call, chains of accesses
    Report {
        #[arg(value_name = "JSONL")]
        report: PathBuf,
    },
    /// Compare how far the verifier walked in two builds
    ///
    /// Both files have lines of a program's name and the number of instructions,
    /// as a kernel tells it of loaded programs. Prints those programs that take it
    /// over 1.25 times as far (and 10000 instructions) as in the plain build, or over
    /// 200000 instructions, and exits 1 if there are any.
    Gate { plain: PathBuf, other: PathBuf },
    /// Print who writes which cache line of a BPF program's memory
    ///
    /// A line for each line of a variable's first element, or of a map's value: section
    /// or kind of map, name, number of the line, its owner, its fields. Owners are tags in
    /// the source: __attribute__((btf_decl_tag("owner:NAME"))).
    Owners {
        #[arg(value_name = "OBJECT")]
        object: PathBuf,
    },
    /// Find cache lines that two owners share, where the kernel puts them
    ///
    /// Prints a line for each, and exits 1 if there are any. What has no owner, `-` in
    /// the list of owners, may share with anybody.
    LayoutCheck {
        #[arg(value_name = "OBJECT")]
        object: PathBuf,
    },
    /// Print which programs write what has an owner, by the plugin's job writers
    ///
    /// A line for each field that any writes: its name, its owner, whether all write it by
    /// atomic steps, the programs. Those that write by pointers of which no type tells where
    /// they lead come last. Exits 1 if a program writes what is the agent's.
    Writers {
        #[arg(value_name = "OBJECT")]
        object: PathBuf,
        #[arg(value_name = "JSONL")]
        report: PathBuf,
    },
}

fn main() -> ExitCode {
    match perform(Cli::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("hallows-prof: {error:#}");
            // Told apart from the gate's verdict.
            ExitCode::from(2)
        }
    }
}

fn perform(cli: Cli) -> Result<ExitCode> {
    match cli {
        Cli::Collect { profmap } => {
            let map = in_file(&profmap, Profmap::parse)?;
            print(&map.profile(&counters::read()?)?.to_string())?;
        }
        Cli::Merge { even, profiles } => {
            let read = |file: &PathBuf| in_file(file, Profile::parse);
            let profiles = profiles.iter().map(read).collect::<Result<_>>()?;
            print(&profile::merge(profiles, even)?.to_string())?;
        }
        Cli::Show { profile } => print(&show::table(&in_file(&profile, Profile::parse)?))?,
        Cli::Report { report } => print(&report::table(&in_file(&report, report::parse)?))?,
        Cli::Gate { plain, other } => return compare(&plain, &other),
        Cli::Owners { object } => print(&registry(&object)?.to_string())?,
        Cli::LayoutCheck { object } => return verdict(&registry(&object)?.shared()),
        Cli::Writers { object, report } => {
            let (registry, written) = (registry(&object)?, in_file(&report, written)?);
            print(&writers::table(&registry, &written))?;
            return verdict(&writers::intruders(&registry, &written));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints what is wrong, a line each.
fn verdict(found: &[String]) -> Result<ExitCode> {
    let lines = found.iter().map(|line| format!("{line}\n"));
    print(&lines.collect::<String>())?;
    Ok(if found.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// The lines of the job `writers` in a report.
fn written(text: &str) -> Result<Vec<Written>> {
    let entries = report::parse(text)?.into_iter();
    let written: Vec<_> = entries
        .filter_map(|entry| match entry {
            Entry::Writers(written) => Some(written),
            Entry::Report(_) | Entry::Memdep(_) => None,
        })
        .collect();
    ensure!(!written.is_empty(), "it has no line of the job writers");
    Ok(written)
}

fn compare(plain: &Path, other: &Path) -> Result<ExitCode> {
    let (plain, other) = (in_file(plain, gate::parse)?, in_file(other, gate::parse)?);
    let lines: Vec<_> = gate::refused(&plain, &other)?
        .iter()
        .map(|program| {
            let plain = program
                .plain
                .map_or("-".to_owned(), |plain| plain.to_string());
            format!("{} {plain} {}", program.program, program.other)
        })
        .collect();
    verdict(&lines)
}

fn registry(object: &Path) -> Result<Registry> {
    let bytes = fs::read(object).with_context(|| format!("cannot read {}", object.display()))?;
    Registry::read(&bytes).with_context(|| object.display().to_string())
}

/// Reads a file by `parse`; errors name it.
fn in_file<T>(file: &Path, parse: impl Fn(&str) -> Result<T>) -> Result<T> {
    let text =
        fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    parse(&text).with_context(|| file.display().to_string())
}

fn print(text: &str) -> Result<()> {
    match io::stdout().write_all(text.as_bytes()) {
        // Its reader has seen enough.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written.context("cannot print"),
    }
}
