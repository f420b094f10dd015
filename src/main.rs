// SPDX-License-Identifier: GPL-2.0-only
//! The command `scx_hallows`: parse, check, then schedule until told to stop.

use std::io::{self, Write};
use std::mem::MaybeUninit;
use std::process::ExitCode;
use std::thread;

use scx_hallows::cli::{Cli, Options};
use scx_hallows::commands::print;
use scx_hallows::config::Live;
use scx_hallows::exit::Error;
use scx_hallows::logging;
use scx_hallows::objects;
use scx_hallows::pins::BUILD;
use scx_hallows::preflight::Preflight;
use scx_hallows::scheduler::{Next, Scheduler};
use scx_hallows::service::Service;
use scx_hallows::signals::Signals;
use scx_hallows::standstill::Standstill;
use scx_hallows::stats::{Monitor, description};
use scx_utils::build_id;
use tracing::{info, warn};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nothing is left to do when standard error is closed.
            let _ = writeln!(io::stderr(), "scx_hallows: {error}");
            if let Some(report) = error.report() {
                let _ = writeln!(io::stderr(), "{}", report.display());
            }
            ExitCode::from(error.code())
        }
    }
}

fn run() -> Result<(), Error> {
    let cli = Cli::read()?;
    if cli.version {
        let version = build_id::full_version(env!("CARGO_PKG_VERSION"));
        let forms = match objects::has_both() {
            true => " (BPF half laid out along profiles, and plain for kernels that refuse that)",
            false => "",
        };
        return print(format!("scx_hallows {version}, BPF half {BUILD}{forms}\n").as_bytes());
    }
    if cli.help_stats {
        let mut text = Vec::new();
        description().describe_meta(&mut text, None)?;
        return print(&text);
    }
    if let Some(command) = &cli.command {
        return command.run();
    }
    if let Some(interval) = cli.monitor {
        logging::init(cli.verbose)?;
        let signals = Signals::ending()?;
        return Monitor::new(interval, signals.shutdown()).watch(&mut io::stdout());
    }
    let mut live = Live::start(cli.sources())?;
    logging::init(cli.verbose)?;
    let signals = Signals::reloading()?;
    Preflight::default().check(cli.pin)?;
    if let Some(interval) = cli.stats {
        let shutdown = signals.shared_shutdown();
        thread::spawn(move || {
            if let Err(error) = Monitor::new(interval, &shutdown).follow(&mut io::stdout()) {
                warn!("--stats ends: {error}");
            }
        });
    }
    schedule(&cli.options(), &mut live, &signals)
}

/// Schedules until a signal or the kernel ends it.
fn schedule(options: &Options, live: &mut Live, signals: &Signals) -> Result<(), Error> {
    let mut service = Service::from_environment();
    let mut standstill = Standstill::default();
    loop {
        let mut object = MaybeUninit::uninit();
        let mut scheduler = match Scheduler::init(options, live, &mut object) {
            Ok(scheduler) => scheduler,
            Err(error) => {
                let error = hint(error, options.verbose);
                if matches!(error, Error::Failed(_)) && objects::fall_back() {
                    warn!("the BPF half laid out along profiles does not load: {error}");
                    info!("loading the plain one");
                    continue;
                }
                return Err(error);
            }
        };
        let next = scheduler.run(live, signals, &mut service, &mut standstill)?;
        match next {
            _ if signals.is_shutdown() => return Ok(()),
            Next::End => return Ok(()),
            Next::OtherCpus => info!("the set of CPUs changed, starting again"),
            Next::StoodStill(time) => warn!(
                "the machine stood still for {:.1} s, so the kernel ejected the scheduler; \
                 starting again",
                time.as_secs_f64()
            ),
        }
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
