// SPDX-License-Identifier: GPL-2.0-only
//! Command line of `hallows-oracle`.

use std::ffi::OsString;
use std::fs::File;
use std::io::{BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use hallows_load::exit;
use hallows_oracle::log;
use hallows_oracle::replay::{Limits, Replay};
use hallows_oracle::report::{Report, Verdict};
use hallows_oracle::trace::session::{self, Plan};

/// Records what the CPU scheduler does and counts violations of two laws:
/// a task never runs outside its CPU mask; no task waits longer than a bound
/// while a CPU that it may use idles.
///
/// Exit status: 0 no violation, 1 violations, 2 wrong usage, 3 inconclusive
/// (events were lost, or the command failed), 69 the kernel lacks something,
/// 77 not permitted. Recording needs root and uses its own trace instance.
///
/// Not judged: tasks of cgroups with a CPU quota (cpu.max) wait by intention and
/// count as waiting; real-time and deadline tasks never count as waiting.
#[derive(Parser)]
#[command(version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Record and judge at once, or judge a trace recorded before.
    Check(CheckArgs),
    /// Record a trace into a text file, to be judged later.
    Record(RecordArgs),
}

const HOUR_US: u64 = 3_600_000_000;

#[derive(clap::Args)]
struct CheckArgs {
    /// The longest wait beside an idle CPU that is no violation, ms.
    #[arg(long, default_value_t = 10.0, value_parser = parse_bound_ms)]
    bound_ms: f64,
    /// How far apart the trace clocks of two CPUs may be, us, an hour at most. A mask
    /// change and a switch nearer to each other than this prove nothing.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(..=HOUR_US))]
    skew_us: u64,
    /// Print the verdict as one JSON object; the command's output goes to stderr.
    #[arg(long)]
    json: bool,
    /// Judge the trace in this file instead of recording one.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["duration", "command", "buffer_mib"])]
    input: Option<PathBuf>,
    #[command(flatten)]
    recording: RecordingArgs,
}

#[derive(clap::Args)]
struct RecordArgs {
    /// The file to write.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    #[command(flatten)]
    recording: RecordingArgs,
}

#[derive(clap::Args)]
struct RecordingArgs {
    /// For how long, such as 10s; a command that still runs then is ended.
    #[arg(long = "for", value_name = "DURATION", value_parser = humantime::parse_duration)]
    duration: Option<Duration>,
    /// Memory for all events of the run, MiB [default: a quarter of the free
    /// memory]. Busy CPUs fill some 10 MiB a second each.
    #[arg(long, value_name = "MIB", value_parser = clap::value_parser!(u64).range(1..))]
    buffer_mib: Option<u64>,
    /// What to run meanwhile; without it and --for, until SIGTERM or SIGINT.
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

impl RecordingArgs {
    fn plan(&self, quiet_stdout: bool) -> Plan {
        Plan {
            duration: self.duration,
            command: self.command.clone(),
            buffer_mib: self.buffer_mib,
            quiet_stdout,
        }
    }
}

fn parse_bound_ms(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(ms) if ms > 0.0 && ms <= 1e6 => Ok(ms),
        _ => Err("a number of milliseconds above 0 and up to 1000000".into()),
    }
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().action {
        Action::Check(args) => check(&args),
        Action::Record(args) => record(&args.recording.plan(false), &args.output),
    };
    ExitCode::from(outcome.unwrap_or_else(|error| {
        eprintln!("hallows-oracle: {error:#}");
        exit::code(&error)
    }))
}

fn check(args: &CheckArgs) -> Result<u8> {
    let limits = Limits {
        bound_ns: (args.bound_ms * 1e6) as u64,
        skew_ns: args.skew_us * 1000,
    };
    let report = match &args.input {
        Some(file) => judge_file(file, limits).map_err(exit::mistake)?,
        None => judge_live(&args.recording.plan(args.json), limits)?,
    };
    let text = match args.json {
        true => serde_json::to_string(&report)? + "\n",
        false => report.to_string(),
    };
    exit::print(&text)?;
    Ok(match report.verdict {
        Verdict::Ok => 0,
        Verdict::Violated => 1,
        Verdict::Inconclusive => 3,
    })
}

fn judge_live(plan: &Plan, limits: Limits) -> Result<Report> {
    let mut recording = session::record(plan)?;
    let initial = std::mem::take(&mut recording.initial);
    let mut replay = Replay::new(initial, limits);
    recording.for_each_event(|event| {
        replay.feed(event);
        Ok(())
    })?;
    Ok(replay.finish(recording.lost))
}

fn judge_file(file: &Path, limits: Limits) -> Result<Report> {
    let reading = || format!("read the trace {}", file.display());
    let input = File::open(file).with_context(reading)?;
    let trace = log::read(BufReader::new(input)).with_context(reading)?;
    let mut replay = Replay::new(trace.initial, limits);
    trace.events.iter().for_each(|event| replay.feed(event));
    Ok(replay.finish(trace.lost))
}

fn record(plan: &Plan, file: &Path) -> Result<u8> {
    let writing = || format!("write {}", file.display());
    let output = File::create(file).with_context(writing);
    let mut output = BufWriter::new(output.map_err(exit::mistake)?);
    let recording = session::record(plan)?;
    log::write_header(&mut output, &recording.initial, &recording.lost).with_context(writing)?;
    recording.for_each_event(|event| writeln!(output, "{event}").with_context(writing))?;
    output.flush().with_context(writing)?;
    for reason in &recording.lost {
        eprintln!("hallows-oracle: {reason}");
    }
    Ok(if recording.lost.is_empty() { 0 } else { 3 })
}
