// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask pgo` and `dist`: scx_hallows with its BPF half laid out along
//! profiles, as far as the kernel's verifier bears it, alone or beside the plain one.

mod build;
mod guest;
mod profiles;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use hallows_prof::gate::{self, Refused};
use hallows_prof::profile::{self, Profile};
use hallows_prof::report;

use crate::cli::{DistArgs, PgoArgs};
use crate::paths;
use crate::setup;
use build::Workshop;

/// How often functions are given back clang's order before it gives up.
const ROUNDS: u32 = 3;

/// Trains if asked to, builds, and lets the verifiers judge. Returns the exit
/// status, which is 0.
///
/// # Errors
/// When something that it needs is missing, a build fails, or a kernel refuses
/// the result or takes too long over it even after functions were given back
/// what they were.
pub fn command(args: &PgoArgs) -> Result<u8> {
    let workshop = open()?;
    if args.train {
        say("building it with counters");
        workshop.instrumented()?;
        say("running it under the workloads of tools/vm/train.sh");
        profiles::write(&guest::train(&workshop, &args.kernel[0])?)?;
    }
    lay_out(&workshop, &args.kernel)?;
    say(&format!("done: {}", workshop.optimised_program().display()));
    Ok(0)
}

/// Builds scx_hallows with both BPF halves and prints where it is. Returns the exit
/// status, which is 0.
///
/// # Errors
/// As [`command`].
pub fn dist(args: &DistArgs) -> Result<u8> {
    let workshop = open()?;
    lay_out(&workshop, &args.kernel)?;
    say("building it with both");
    let folder = paths::target()?.join("dist");
    paths::make(&folder)?;
    let program = folder.join("scx_hallows");
    fs::copy(workshop.both()?, &program).context("cannot copy the program")?;
    println!("{}", program.display());
    Ok(0)
}

/// The program of [`dist`] and the object in it that is laid out, which no verifier was
/// asked about.
///
/// # Errors
/// When something that it needs is missing, or a build fails.
pub fn unjudged() -> Result<(PathBuf, PathBuf)> {
    setup::for_profiles()?;
    let workshop = Workshop::open()?;
    workshop.profile(&profile::merge(profiles::all()?, true)?)?;
    workshop.optimised(&BTreeSet::new())?;
    Ok((workshop.both()?, workshop.optimised_object()))
}

/// The workshop, with the plain build.
fn open() -> Result<Workshop> {
    setup::for_build()?;
    setup::for_vm()?;
    setup::for_profiles()?;
    let workshop = Workshop::open()?;
    say("building scx_hallows as it is");
    workshop.plain()?;
    Ok(workshop)
}

/// The build along the profiles that all kernels bear; prints what it is worth.
fn lay_out(workshop: &Workshop, kernels: &[String]) -> Result<()> {
    let profile = profile::merge(profiles::all()?, true)?;
    let keep = settle(workshop, profile, kernels)?;
    print_report(workshop, &keep)
}

/// Builds until the verifiers of all kernels let the result through, with more
/// functions as in the plain build each time. Returns those.
fn settle(
    workshop: &Workshop,
    mut profile: Profile,
    kernels: &[String],
) -> Result<BTreeSet<String>> {
    let mut keep = BTreeSet::new();
    for _ in 0..ROUNDS {
        // clang itself makes other code of what it has a profile of, which may be
        // what the verifier minds.
        profile
            .functions
            .retain(|function| !keep.contains(&function.name));
        workshop.profile(&profile)?;
        say("building it along the profiles");
        workshop.optimised(&keep)?;
        let mut refused = Vec::new();
        for kernel in kernels {
            say(&format!("loading both on Linux {kernel}"));
            let (plain, optimised) = guest::gate(workshop, kernel)?;
            refused.extend(gate::refused(&plain, &optimised)?);
            fs::write(
                workshop.file(&format!("verified-{kernel}")),
                gate::table(&plain, &optimised),
            )
            .context("cannot keep the verifier's figures")?;
        }
        if refused.is_empty() {
            return Ok(keep);
        }
        let before = keep.len();
        keep.extend(refused.iter().map(tell));
        if keep.len() == before {
            break;
        }
    }
    bail!(
        "the verifier walks too far even with these as they were: {}",
        list(&keep)
    )
}

/// Says what the gate refused; returns its name.
fn tell(refused: &Refused) -> String {
    let plain = refused.plain.unwrap_or(0);
    let Refused { program, other, .. } = refused;
    say(&format!(
        "{program} takes the verifier {other} instructions, {plain} before: it stays as it was"
    ));
    program.clone()
}

fn print_report(workshop: &Workshop, keep: &BTreeSet<String>) -> Result<()> {
    let text = fs::read_to_string(workshop.report()).context("cannot read the plugin's report")?;
    print!("{}", report::table(&report::parse(&text)?));
    if !keep.is_empty() {
        println!(
            "as in the plain build, for the verifier's sake: {}",
            list(keep)
        );
    }
    Ok(())
}

fn list(names: &BTreeSet<String>) -> String {
    names
        .iter()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join(", ")
}

fn say(line: &str) {
    eprintln!("pgo: {line}");
}

/// Reads a file, which the error names.
fn read(file: &Path) -> Result<String> {
    fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))
}
