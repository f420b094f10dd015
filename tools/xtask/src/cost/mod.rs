// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask cost`: what a context switch costs the kernel under scx_hallows and
//! other schedulers, in instructions, by function. The virtual clock's plugin counts;
//! what it counted is put together here.

mod bill;
mod guest;
mod profile;
mod symbols;
mod table;

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::cli::CostArgs;
use crate::interrupt;
use crate::lab::peers;
use crate::paths;
use crate::run::build;
use crate::setup;
use crate::vm::kernel::Kernel;
use bill::Bill;
use guest::Guest;

const PROGRAM: &str = "scx_hallows";

/// Counts under each scheduler and load. Returns the exit status: 1 if a boot failed.
///
/// # Errors
/// When something that it needs is missing.
pub fn command(args: &CostArgs) -> Result<u8> {
    setup::for_build()?;
    setup::for_vm()?;
    let kernel = Kernel::resolve(&args.kernel)?;
    build::release()?;
    let stage = tempfile::tempdir().context("cannot make a temporary folder")?;
    // A copy, so that all boots are of the same build.
    let built = paths::target()?.join("release").join(PROGRAM);
    let program = stage.path().join(PROGRAM);
    fs::copy(&built, &program).with_context(|| format!("cannot copy {}", built.display()))?;
    let guest = Guest::new(kernel, args, &program, stage.path())?;
    let mut schedulers: Vec<(&str, PathBuf)> = vec![(PROGRAM, program)];
    for peer in peers::named(&args.against) {
        schedulers.push((peer.name, peer.ensure(stage.path())?));
    }
    let (mut failed, mut summary) = (false, String::new());
    for load in &args.load {
        let mut bills = Vec::new();
        for (name, scheduler) in &schedulers {
            eprintln!("cost: {load} under {name}");
            match guest.count(scheduler, load) {
                Ok(Some(bill)) => {
                    print(&format!("{load} under {name}"), &bill, args.symbols);
                    bills.push((*name, bill));
                }
                Ok(None) => return Ok(interrupt::EXIT_STATUS),
                // What fails under one may not under the next.
                Err(error) => {
                    eprintln!("cost: {load} under {name}: {error:#}");
                    failed = true;
                }
            }
        }
        summary += &format!("{}\n", table::beside(load, &bills));
    }
    print!("{summary}");
    Ok(u8::from(failed))
}

fn print(title: &str, bill: &Bill, symbols: usize) {
    println!("{}", table::of_programs(title, bill));
    if symbols > 0 {
        println!("{}", table::of_functions(bill, symbols));
    }
}
