// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask`: sets a machine up, shows the scheduler, boots test VMs, runs
//! every test, tests for hours, tests the tests, measures beside others, builds along
//! profiles, counts and times decisions, counts those of others, says who writes what,
//! installs, makes packages.

mod built;
mod cli;
mod cmd;
mod cost;
mod install;
mod interrupt;
mod lab;
mod list;
mod mutants;
mod owners;
mod package;
mod paths;
mod pgo;
mod run;
mod setup;
mod tc;
mod test;
mod vm;

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;

use cli::{Cli, Task};

fn main() -> ExitCode {
    let task = Cli::parse().task;
    // `vm` hands on the exit status of the guest's script, so its own failures
    // need a number that scripts rarely use: the one `timeout` and `env` use.
    let failed = if matches!(task, Task::Vm(_)) { 125 } else { 1 };
    match interrupt::install().and_then(|()| perform(task)) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::from(failed)
        }
    }
}

fn perform(task: Task) -> Result<u8> {
    match task {
        Task::Setup(args) => setup::command(&args),
        Task::Run(args) => run::command(&args),
        Task::Vm(args) => vm::command(args),
        Task::Test(args) => test::command(&args),
        Task::Soak(args) => test::soak(&args),
        Task::Mutants(args) => mutants::command(&args),
        Task::Bench(args) => lab::command(&args),
        Task::Pgo(args) => pgo::command(&args),
        Task::Dist(args) => pgo::dist(&args),
        Task::Owners => owners::command(),
        Task::Tc(args) => tc::command(&args),
        Task::Cost(args) => cost::command(&args),
        Task::Install(args) => install::command(&args),
        Task::Package(args) => package::command(&args),
        Task::Uninstall(args) => install::uninstall(&args),
    }
}
