// SPDX-License-Identifier: GPL-2.0-only
//! The command line: what the user typed ([`Cli`]), and what it means: a
//! subcommand, or where the tunables come from ([`Sources`]) and what is fixed
//! while the scheduler runs ([`Options`]).

mod tunables;

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{Arg, ArgAction, Command as Line, CommandFactory, FromArgMatches, Parser};
use scx_utils::libbpf_clap_opts::LibbpfOpts;

use crate::commands::Command;
use crate::config::Sources;
use crate::ejection::default_folder;
use crate::exit::Error;
use crate::pmu::{self, Pmu};
use tunables::Tunables;

/// A CPU scheduler for Linux by sched_ext, whose CPUs are cells of a cellular automaton.
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
    #[arg(long, value_name = "SECONDS", value_parser = seconds, allow_negative_numbers = true)]
    pub stats: Option<Duration>,

    /// Print the statistics of a scheduler that runs already every SECONDS, 0.1
    /// to 86400, and load nothing; of the other options only -v makes sense then.
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

    /// Time in milliseconds, 1000 to 30000, for which a task that wants to run may
    /// wait before the kernel ejects the scheduler [default: 5000, or 15000 where the
    /// kernel lets real-time tasks starve those of sched_ext].
    #[arg(
        long,
        value_name = "MS",
        value_parser = clap::value_parser!(u32).range(1_000..=30_000),
        allow_negative_numbers = true
    )]
    pub watchdog_ms: Option<u32>,

    /// Schedule only the tasks whose policy is SCHED_EXT and leave all others
    /// to the kernel's default scheduler.
    #[arg(short, long)]
    pub partial: bool,

    /// Write the scheduler's decisions to the kernel's trace pipe,
    /// /sys/kernel/tracing/trace_pipe; slows scheduling down.
    #[arg(short, long)]
    pub debug: bool,

    /// Run the BPF part alone, under its static defaults; the options under
    /// Hysteresis then do nothing.
    #[arg(long)]
    pub no_agent: bool,

    /// Pin the scheduler below /sys/fs/bpf/scx_hallows, so that it goes on when this
    /// process crashes, is killed with SIGKILL or told to leave by SIGUSR2; started with
    /// --pin again, it takes over what is pinned. SIGINT and SIGTERM still end it, as
    /// does `scx_hallows stop`.
    #[arg(long)]
    pub pin: bool,

    /// With --pin, replace a pinned scheduler of another build, or one that was loaded
    /// with other options, instead of refusing to start.
    #[arg(long, requires = "pin")]
    pub replace: bool,

    /// Count what tasks miss in the caches after moves, and let their moves cost by
    /// that: off, auto (cache-misses), or an event such as LLC-load-misses or 0x412e
    /// (raw). Where it counts nothing it stays off. Each switch then reads a counter.
    #[arg(long, value_name = "EVENT", default_value = "off", value_parser = pmu::parse)]
    pub pmu: Pmu,

    /// Read the configuration from FILE, which has to exist, instead of
    /// /etc/scx_hallows/config.toml, which need not. Options override it.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Write a report into DIR when the kernel ejects the scheduler; the ten latest
    /// are kept there [default: $STATE_DIRECTORY, else /var/lib/scx_hallows].
    #[arg(long, value_name = "DIR")]
    pub report_dir: Option<PathBuf>,

    #[command(flatten)]
    pub tunables: Tunables,

    #[command(flatten, next_help_heading = "Libbpf Options")]
    pub libbpf: LibbpfOpts,

    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What is fixed while the scheduler runs.
#[derive(Clone, Debug)]
pub struct Options {
    /// Schedule SCHED_EXT tasks only.
    pub partial: bool,
    /// Print decisions to the trace pipe.
    pub debug: bool,
    /// Length of the exit dump in bytes, 0 for the kernel's default.
    pub exit_dump_len: u32,
    /// How long a task may wait before the kernel ejects the scheduler; without, as
    /// long as suits the kernel.
    pub watchdog_ms: Option<u32>,
    /// Leave BPF to its static defaults.
    pub no_agent: bool,
    /// Let it outlive its agent.
    pub pin: bool,
    /// End one that is pinned and can't be taken over.
    pub replace: bool,
    /// What to count for footprints.
    pub pmu: Pmu,
    /// Where to leave a report after an ejection.
    pub report_dir: PathBuf,
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
        Self::parsed(env::args_os()).map_err(|error| match error.kind() {
            ErrorKind::DisplayHelp => error.exit(),
            _ => usage(&error.to_string()),
        })
    }

    fn parsed(
        words: impl IntoIterator<Item = impl Into<OsString> + Clone>,
    ) -> Result<Self, clap::Error> {
        Self::from_arg_matches(&line().try_get_matches_from(words)?)
    }

    /// Where the numbers that steer agent and BPF come from.
    pub fn sources(&self) -> Sources {
        Sources::new(self.config.clone(), self.tunables.given.clone())
    }

    /// What is fixed while the scheduler runs.
    pub fn options(&self) -> Options {
        Options {
            partial: self.partial,
            debug: self.debug,
            exit_dump_len: self.exit_dump_len,
            watchdog_ms: self.watchdog_ms,
            no_agent: self.no_agent,
            pin: self.pin,
            replace: self.replace,
            pmu: self.pmu.clone(),
            report_dir: self.report_dir.clone().unwrap_or_else(default_folder),
            verbose: self.verbose,
            libbpf: self.libbpf.clone(),
        }
    }
}

/// What clap makes of [`Cli`], and that `--monitor` takes no option of a scheduler.
fn line() -> Line {
    let line = Cli::command();
    let others = line.get_arguments().map(Arg::get_id).cloned();
    let others: Vec<_> = others
        .filter(|id| !["monitor", "verbose"].contains(&id.as_str()))
        .collect();
    line.mut_arg("monitor", |monitor| monitor.conflicts_with_all(others))
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
    let lines = rendered.lines().map(str::trim);
    let lines =
        lines.take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more"));
    let mut text = String::new();
    for line in lines.filter(|line| !line.is_empty()) {
        if !text.is_empty() {
            text.push_str(if text.ends_with(':') { " " } else { "; " });
        }
        text.push_str(line);
    }
    let text = text.strip_prefix("error: ").unwrap_or(&text);
    Error::Usage(format!("{text} (see --help)"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::params::Params;
    use crate::config::KEYS;
    use crate::config::change::change;

    fn parsed(arguments: &[&str]) -> Cli {
        Cli::parsed([&["scx_hallows"], arguments].concat()).unwrap()
    }

    /// The one line for arguments that clap refuses.
    fn refused(arguments: &[&str]) -> String {
        let error = Cli::parsed([&["scx_hallows"], arguments].concat()).unwrap_err();
        usage(&error.to_string()).to_string()
    }

    #[test]
    fn clap_finds_no_contradiction() {
        line().debug_assert();
    }

    #[test]
    fn no_arguments_set_nothing() {
        assert!(parsed(&[]).tunables.given.is_empty());
    }

    #[test]
    fn each_key_is_an_option_with_the_default_of_the_key() {
        let command = Cli::command();
        for key in KEYS {
            let flag = key.flag();
            let option = command
                .get_arguments()
                .find(|option| option.get_long() == Some(&flag))
                .expect(&flag);
            let default = key.default().to_string();
            assert_eq!(option.get_default_values(), [default.as_str()]);
            let given = parsed(&[&format!("--{flag}"), &default]).tunables.given;
            let given: Vec<_> = given.iter().map(|(key, value)| (key.name, value)).collect();
            assert_eq!(given, [(key.name, &key.default())]);
        }
    }

    #[test]
    fn several_options_are_given_in_one_go() {
        let given = parsed(&["--slice-us", "4000", "--kappa", "0.5"])
            .tunables
            .given;
        let (params, _) = change(&Params::default(), &given).unwrap();
        let expected = Params {
            slice_ns: 4_000_000,
            kappa: 0.5,
            ..Params::default()
        };
        assert_eq!(params, expected);
    }

    #[test]
    fn a_subcommand_takes_no_options_of_the_scheduler() {
        assert!(parsed(&["get", "kappa"]).command.is_some());
        assert!(refused(&["--kappa", "2", "get"]).contains("'get'"));
        assert!(refused(&["get", "--kappa", "2"]).contains("'--kappa'"));
    }

    #[test]
    fn a_monitor_takes_no_options_of_the_scheduler() {
        assert!(parsed(&["--monitor", "1", "-v"]).monitor.is_some());
        for option in [
            &["--pin"] as &[_],
            &["--stats", "1"],
            &["--kappa", "2"],
            &["--kconfig", "x"],
        ] {
            let line = refused(&[&["--monitor", "1"], option].concat());
            assert!(
                line.contains("--monitor") && line.contains(option[0]),
                "{line}"
            );
        }
        let line = refused(&["--monitor", "1", "--pin", "--no-agent"]);
        assert!(!line.contains('\n') && line.contains(": --pin;"), "{line}");
    }

    #[test]
    fn switches_reach_the_options() {
        let options = parsed(&["-vvpd", "--no-agent", "--exit-dump-len", "65536"]).options();
        assert!(options.partial && options.debug && options.no_agent);
        assert!(!options.pin && parsed(&["--pin"]).options().pin);
        assert!(parsed(&["--pin", "--replace"]).options().replace);
        assert!(refused(&["--replace"]).contains("--pin"));
        assert_eq!((options.verbose, options.exit_dump_len), (2, 65_536));
    }

    #[test]
    fn the_watchdog_bites_within_the_bounds_of_the_kernel() {
        assert_eq!(parsed(&[]).options().watchdog_ms, None);
        for ms in [1_000, 30_000] {
            let options = parsed(&["--watchdog-ms", &ms.to_string()]).options();
            assert_eq!(options.watchdog_ms, Some(ms));
        }
        for bad in ["999", "30001", "-1", "5s", ""] {
            let line = refused(&["--watchdog-ms", bad]);
            assert!(
                line.contains("'--watchdog-ms <MS>'") && !line.contains('\n'),
                "{line}"
            );
        }
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
        assert_eq!(
            refused(&["now"]),
            "unrecognized subcommand 'now' (see --help)"
        );
        assert_eq!(
            refused(&["set"]),
            "the following required arguments were not provided: <KEY=VALUE>... (see --help)"
        );
    }
}
