// SPDX-License-Identifier: GPL-2.0-only
//! The command line: what the user typed ([`Cli`]), and what it means once
//! every value has been checked ([`Options`]).

use std::time::Duration;

use clap::error::ErrorKind;
use clap::{ArgAction, Args, Parser};
use scx_utils::libbpf_clap_opts::LibbpfOpts;

use crate::agent::params::Params;
use crate::commands::Command;
use crate::exit::Error;

const NS_PER_US: u64 = 1_000;
const NS_PER_MS: u64 = 1_000_000;

/// Schedules this machine's tasks, with its CPUs as the cells of a cellular automaton.
///
/// Without options it loads the scheduler and runs until Ctrl-C, then the
/// kernel's default scheduler takes over again. Needs a kernel with sched_ext,
/// and root or the capabilities CAP_BPF and CAP_PERFMON.
#[derive(Clone, Debug, Parser)]
#[command(
    name = "scx_hallows",
    disable_version_flag = true,
    disable_help_subcommand = true,
    args_conflicts_with_subcommands = true
)]
pub struct Cli {
    /// Print statistics every SECONDS while scheduling, 0.1 to 86400.
    #[arg(long, value_name = "SECONDS", value_parser = seconds, allow_negative_numbers = true, conflicts_with = "monitor")]
    pub stats: Option<Duration>,

    /// Print the statistics of a scheduler that runs already every SECONDS, 0.1
    /// to 86400, and load nothing.
    #[arg(long, value_name = "SECONDS", value_parser = seconds, allow_negative_numbers = true)]
    pub monitor: Option<Duration>,

    /// List the statistics with their meanings and exit.
    #[arg(long)]
    pub help_stats: bool,

    /// Say more on standard error: once adds details and libbpf's messages,
    /// twice everything. The environment variable RUST_LOG overrides it.
    #[arg(short, long, action = ArgAction::Count)]
    pub verbose: u8,

    /// Print the version and the build it comes from and exit.
    #[arg(short = 'V', long)]
    pub version: bool,

    /// Length in bytes of the debug dump that the kernel writes when it ejects
    /// the scheduler; 0 is the kernel's own default of 32768.
    #[arg(
        long,
        value_name = "BYTES",
        default_value_t = 0,
        allow_negative_numbers = true
    )]
    pub exit_dump_len: u32,

    /// Schedule only the tasks whose policy is SCHED_EXT and leave all others
    /// to the kernel's default scheduler.
    #[arg(short, long)]
    pub partial: bool,

    /// Write the scheduler's decisions to the kernel's trace pipe,
    /// /sys/kernel/tracing/trace_pipe; slows scheduling down.
    #[arg(short, long)]
    pub debug: bool,

    #[command(flatten)]
    pub hysteresis: Hysteresis,

    #[command(flatten)]
    pub track: Track,

    #[command(flatten, next_help_heading = "Libbpf Options")]
    pub libbpf: LibbpfOpts,

    #[command(subcommand)]
    pub command: Option<Command>,
}

/// When a CPU changes its state.
///
/// Negative numbers are values here, so that the refusal names the option.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Hysteresis")]
pub struct Hysteresis {
    /// Mean queue length, in waiting tasks, above which a CPU becomes
    /// saturated, 0.01 to 64; more lets queues grow longer before others help.
    #[arg(long, value_name = "TASKS", default_value_t = Params::default().saturate_enter, allow_negative_numbers = true)]
    pub saturate_enter: f64,

    /// Mean queue length, in waiting tasks, below which a CPU stops being
    /// saturated, 0 to 64 and below --saturate-enter.
    #[arg(long, value_name = "TASKS", default_value_t = Params::default().saturate_leave, allow_negative_numbers = true)]
    pub saturate_leave: f64,

    /// Idle share of the time above which a CPU becomes hungry for work, 0.01
    /// to 1.
    #[arg(long, value_name = "SHARE", default_value_t = Params::default().hungry_enter, allow_negative_numbers = true)]
    pub hungry_enter: f64,

    /// Idle share of the time below which a CPU stops being hungry, 0 to 1 and
    /// below --hungry-enter.
    #[arg(long, value_name = "SHARE", default_value_t = Params::default().hungry_leave, allow_negative_numbers = true)]
    pub hungry_leave: f64,

    /// Windows in a row for which a CPU must want to leave a state before it
    /// does, 1 to 100; more is steadier and slower to react.
    #[arg(long, value_name = "WINDOWS", default_value_t = Params::default().dwell, allow_negative_numbers = true)]
    pub dwell: u32,

    /// Length of a window in milliseconds, 4 to 100; it stretches to 100 while
    /// no CPU changes its state.
    #[arg(
        long,
        value_name = "MS",
        default_value_t = Params::default().period_ns / NS_PER_MS,
        allow_negative_numbers = true
    )]
    pub period_ms: u64,
}

/// How tasks wait on a track and what it takes to move one to another.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Track")]
pub struct Track {
    /// Time slice of a task in microseconds, 100 to 100000; shorter answers
    /// faster, longer switches less.
    #[arg(
        long,
        value_name = "US",
        default_value_t = Params::default().slice_ns / NS_PER_US,
        allow_negative_numbers = true
    )]
    pub slice_us: u64,

    /// Shortest time slice in microseconds, for long queues, 50 to 100000 and
    /// no more than --slice-us.
    #[arg(
        long,
        value_name = "US",
        default_value_t = Params::default().min_slice_ns / NS_PER_US,
        allow_negative_numbers = true
    )]
    pub min_slice_us: u64,

    /// Factor on the price of moving a task, 0 to 16; 0 moves work freely, more
    /// keeps it near its caches.
    #[arg(long, value_name = "FACTOR", default_value_t = Params::default().kappa, allow_negative_numbers = true)]
    pub kappa: f64,

    /// Waiting time in microseconds that a move must save beyond its price, 0
    /// to 5000.
    #[arg(
        long,
        value_name = "US",
        default_value_t = Params::default().hysteresis_ns / NS_PER_US,
        allow_negative_numbers = true
    )]
    pub hysteresis_us: u64,

    /// Run the BPF part alone, under its static defaults; the options under
    /// Hysteresis then do nothing.
    #[arg(long)]
    pub no_agent: bool,
}

/// What the scheduler needs to start, every value checked.
#[derive(Clone, Debug)]
pub struct Options {
    /// The numbers that steer agent and BPF.
    pub params: Params,
    /// Schedule SCHED_EXT tasks only.
    pub partial: bool,
    /// Print decisions to the trace pipe.
    pub debug: bool,
    /// Length of the exit dump in bytes, 0 for the kernel's default.
    pub exit_dump_len: u32,
    /// Leave BPF to its static defaults.
    pub no_agent: bool,
    /// How often `-v` was given.
    pub verbose: u8,
    /// What libbpf is told when it opens the object.
    pub libbpf: LibbpfOpts,
}

impl Cli {
    /// Parses the process's arguments. Prints and ends the process for `--help`.
    ///
    /// # Errors
    /// [`Error::Usage`], in one line.
    pub fn read() -> Result<Self, Error> {
        Self::try_parse().map_err(|error| match error.kind() {
            ErrorKind::DisplayHelp => error.exit(),
            _ => usage(&error.to_string()),
        })
    }

    /// The numbers that steer agent and BPF.
    ///
    /// # Errors
    /// [`Error::Usage`], naming the option that is out of its range.
    pub fn params(&self) -> Result<Params, Error> {
        let (hysteresis, track) = (&self.hysteresis, &self.track);
        let params = Params {
            saturate_enter: hysteresis.saturate_enter,
            saturate_leave: hysteresis.saturate_leave,
            hungry_enter: hysteresis.hungry_enter,
            hungry_leave: hysteresis.hungry_leave,
            dwell: hysteresis.dwell,
            period_ns: hysteresis.period_ms.saturating_mul(NS_PER_MS),
            slice_ns: track.slice_us.saturating_mul(NS_PER_US),
            min_slice_ns: track.min_slice_us.saturating_mul(NS_PER_US),
            kappa: track.kappa,
            hysteresis_ns: track.hysteresis_us.saturating_mul(NS_PER_US),
            ..Params::default()
        };
        params
            .validate()
            .map_err(|error| Error::Usage(format!("{error:#}")))?;
        Ok(params)
    }

    /// What the scheduler needs to start.
    ///
    /// # Errors
    /// Those of [`params`](Self::params).
    pub fn options(&self) -> Result<Options, Error> {
        Ok(Options {
            params: self.params()?,
            partial: self.partial,
            debug: self.debug,
            exit_dump_len: self.exit_dump_len,
            no_agent: self.track.no_agent,
            verbose: self.verbose,
            libbpf: self.libbpf.clone(),
        })
    }
}

/// An interval in seconds, from 0.1 to a day.
fn seconds(text: &str) -> Result<Duration, String> {
    let range = 0.1..=86_400.0;
    match text.parse::<f64>() {
        Ok(value) if range.contains(&value) => Ok(Duration::from_secs_f64(value)),
        Ok(_) => Err("not in 0.1..=86400".into()),
        Err(_) => Err("not a number".into()),
    }
}

/// clap's several lines in one: the error, its tips, and where to read on.
fn usage(rendered: &str) -> Error {
    let lines = rendered.lines().map(str::trim).filter(|line| {
        !line.is_empty() && !line.starts_with("Usage:") && !line.starts_with("For more information")
    });
    let text = lines.collect::<Vec<_>>().join("; ");
    let text = text.strip_prefix("error: ").unwrap_or(&text);
    Error::Usage(format!("{text} (see --help)"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn parsed(arguments: &[&str]) -> Cli {
        Cli::try_parse_from([&["scx_hallows"], arguments].concat()).unwrap()
    }

    /// The one line for arguments that clap refuses.
    fn refused(arguments: &[&str]) -> String {
        let error = Cli::try_parse_from([&["scx_hallows"], arguments].concat()).unwrap_err();
        usage(&error.to_string()).to_string()
    }

    #[test]
    fn clap_finds_no_contradiction() {
        Cli::command().debug_assert();
    }

    #[test]
    fn no_arguments_are_the_default_parameters() {
        assert_eq!(parsed(&[]).params(), Ok(Params::default()));
    }

    #[test]
    fn each_option_reaches_its_parameter() {
        let arguments = "--saturate-enter 2 --saturate-leave 1 --hungry-enter 0.5 \
            --hungry-leave 0.25 --dwell 3 --period-ms 20 --slice-us 4000 --min-slice-us 250 \
            --kappa 0.5 --hysteresis-us 40";
        let arguments: Vec<&str> = arguments.split_whitespace().collect();
        let expected = Params {
            saturate_enter: 2.0,
            saturate_leave: 1.0,
            hungry_enter: 0.5,
            hungry_leave: 0.25,
            dwell: 3,
            period_ns: 20_000_000,
            slice_ns: 4_000_000,
            min_slice_ns: 250_000,
            kappa: 0.5,
            hysteresis_ns: 40_000,
            ..Params::default()
        };
        assert_eq!(parsed(&arguments).params(), Ok(expected));
    }

    #[test]
    fn switches_reach_the_options() {
        let options = parsed(&["-vvpd", "--no-agent", "--exit-dump-len", "65536"]).options();
        let options = options.unwrap();
        assert!(options.partial && options.debug && options.no_agent);
        assert_eq!((options.verbose, options.exit_dump_len), (2, 65_536));
    }

    #[test]
    fn intervals_take_fractions_within_bounds() {
        assert_eq!(seconds("0.5"), Ok(Duration::from_millis(500)));
        assert_eq!(seconds("86400"), Ok(Duration::from_secs(86_400)));
        for bad in ["0", "-1", "86401", "nan", "inf", "1s", ""] {
            assert!(seconds(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn refusals_fit_on_a_line_and_keep_the_tip() {
        assert_eq!(
            refused(&["--stats", "x"]),
            "invalid value 'x' for '--stats <SECONDS>': not a number (see --help)"
        );
        assert_eq!(
            refused(&["--dwel", "2"]),
            "unexpected argument '--dwel' found; \
             tip: a similar argument exists: '--dwell' (see --help)"
        );
        let both = refused(&["--stats", "1", "--monitor", "1"]);
        assert!(
            both.contains("'--stats <SECONDS>' cannot be used with"),
            "{both}"
        );
    }
}
