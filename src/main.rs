// SPDX-License-Identifier: GPL-2.0-only
//! The command `scx_hallows`: parse, check, then schedule until told to stop.

use std::io::{self, Write};
use std::mem::MaybeUninit;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use scx_hallows::cli::{Cli, Options};
use scx_hallows::commands::print;
use scx_hallows::exit::Error;
use scx_hallows::logging;
use scx_hallows::preflight::Preflight;
use scx_hallows::scheduler::Scheduler;
use scx_hallows::stats::{Monitor, server_data};
use scx_utils::build_id;
use tracing::{info, warn};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nothing is left to do when standard error is closed.
            let _ = writeln!(io::stderr(), "scx_hallows: {error}");
            ExitCode::from(error.code())
        }
    }
}

fn run() -> Result<(), Error> {
    let cli = Cli::read()?;
    if let Some(command) = &cli.command {
        return command.run();
    }
    if cli.version {
        let version = build_id::full_version(env!("CARGO_PKG_VERSION"));
        return print(format!("scx_hallows {version}\n").as_bytes());
    }
    if cli.help_stats {
        let mut text = Vec::new();
        server_data().describe_meta(&mut text, None)?;
        return print(&text);
    }
    let options = cli.options()?;
    logging::init(cli.verbose)?;
    let shutdown = shutdown_on_signal()?;
    if let Some(interval) = cli.monitor {
        return Monitor::new(interval, &shutdown).watch(&mut io::stdout());
    }
    Preflight::default().check()?;
    if let Some(interval) = cli.stats {
        let shutdown = Arc::clone(&shutdown);
        thread::spawn(move || {
            if let Err(error) = Monitor::new(interval, &shutdown).follow(&mut io::stdout()) {
                warn!("--stats ends: {error}");
            }
        });
    }
    schedule(&options, &shutdown)
}

/// Schedules until a signal or the kernel ends it.
fn schedule(options: &Options, shutdown: &AtomicBool) -> Result<(), Error> {
    loop {
        let mut object = MaybeUninit::uninit();
        let mut scheduler =
            Scheduler::init(options, &mut object).map_err(|error| hint(error, options.verbose))?;
        if !scheduler.run(shutdown)?.should_restart() || shutdown.load(Ordering::Relaxed) {
            return Ok(());
        }
        info!("the set of CPUs changed, starting again");
    }
}

/// Tells where to look when loading failed: libbpf is silent by default.
fn hint(error: anyhow::Error, verbose: u8) -> Error {
    match Error::from(error) {
        Error::Failed(text) if verbose == 0 => Error::Failed(format!(
            "{text} (-v shows what libbpf and the verifier say)"
        )),
        other => other,
    }
}

/// A flag that SIGINT, SIGTERM and SIGHUP set.
fn shutdown_on_signal() -> Result<Arc<AtomicBool>, Error> {
    let shutdown = Arc::new(AtomicBool::new(false));
    let handler = Arc::clone(&shutdown);
    ctrlc::set_handler(move || handler.store(true, Ordering::Relaxed))
        .map_err(|error| Error::Failed(format!("cannot handle signals: {error}")))?;
    Ok(shutdown)
}
