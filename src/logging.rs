// SPDX-License-Identifier: GPL-2.0-only
//! Where messages go: standard error, filtered by `-v` or `RUST_LOG`.

use std::fmt;
use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

use rustix::fs::fstat;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;

use crate::exit::Error;

/// What each `-v` adds. libbpf is silent until the first: it reports every
/// member that an older kernel lacks, and warns of a skeleton link that
/// struct_ops attaches later.
const FILTERS: [&str; 3] = [
    "warn,scx_hallows=info,scx_utils::libbpf_logger=off",
    "info,scx_hallows=debug,scx_utils::libbpf_logger=info",
    "trace",
];

/// Starts logging; `verbose` counts the `-v`. `RUST_LOG`, when set and not
/// empty, replaces the filter. Lines that go to systemd's journal, which stamps each
/// itself, carry no time; elsewhere they carry the seconds since the start.
///
/// # Errors
/// [`Error::Usage`] when `RUST_LOG` does not parse, [`Error::Failed`] when
/// logging was already started.
pub fn init(verbose: u8) -> Result<(), Error> {
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter(verbose, std::env::var("RUST_LOG").ok())?)
        .with_writer(io::stderr)
        .with_ansi(
            io::stderr().is_terminal()
                && std::env::var_os("NO_COLOR").is_none_or(|it| it.is_empty()),
        )
        .with_target(verbose > 0);
    let started = if is_journal(std::env::var("JOURNAL_STREAM").ok()) {
        builder.without_time().try_init()
    } else {
        builder.with_timer(Uptime(Instant::now())).try_init()
    };
    started.map_err(|error| Error::Failed(format!("cannot start logging: {error}")))?;
    scx_utils::init_libbpf_logging(None);
    Ok(())
}

/// Whether standard error is the `stream` that systemd made, `DEVICE:INODE`: what a
/// service starts inherits the variable wherever its output goes.
fn is_journal(stream: Option<String>) -> bool {
    let own = fstat(io::stderr()).map(|file| format!("{}:{}", file.st_dev, file.st_ino));
    own.is_ok_and(|own| stream == Some(own))
}

/// Lines of one kind in [`PERIOD`].
const LINES: u32 = 10;

const PERIOD: Duration = Duration::from_secs(60);

/// Keeps lines that others cause, as often as they like, from filling the log.
#[derive(Debug, Default)]
pub struct Limit {
    /// Since when lines are counted.
    since: Option<Instant>,
    lines: u32,
}

impl Limit {
    /// What a line of `now` ends with, or `None` if it is one too many. The last one
    /// tells that more will be missing.
    pub fn pass(&mut self, now: Instant) -> Option<&'static str> {
        if self.since.is_none_or(|since| now - since >= PERIOD) {
            (self.since, self.lines) = (Some(now), 0);
        }
        self.lines = self.lines.saturating_add(1);
        match self.lines {
            ..LINES => Some(""),
            LINES => Some(" (further changes are not told of for up to a minute)"),
            _ => None,
        }
    }
}

/// Stamps a line with the seconds since an instant, to the millisecond.
struct Uptime(Instant);

impl FormatTime for Uptime {
    fn format_time(&self, writer: &mut Writer<'_>) -> fmt::Result {
        write!(writer, "{:8.3}", self.0.elapsed().as_secs_f64())
    }
}

fn filter(verbose: u8, rust_log: Option<String>) -> Result<EnvFilter, Error> {
    let level = usize::from(verbose).min(FILTERS.len() - 1);
    let directives = rust_log.filter(|text| !text.is_empty());
    let directives = directives.as_deref().unwrap_or(FILTERS[level]);
    EnvFilter::try_new(directives)
        .map_err(|error| Error::Usage(format!("RUST_LOG '{directives}': {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_verbosity_has_a_filter() {
        for verbose in [0, 1, 2, u8::MAX] {
            assert!(filter(verbose, None).is_ok(), "{verbose}");
        }
    }

    #[test]
    fn ten_lines_a_minute_and_the_last_says_so() {
        let (start, mut limit) = (Instant::now(), Limit::default());
        for minute in [0u64, 60, 150] {
            let at = |second| start + Duration::from_secs(minute + second);
            for second in 0u64..9 {
                assert_eq!(limit.pass(at(second)), Some(""), "{minute} {second}");
            }
            assert!(
                limit
                    .pass(at(9))
                    .is_some_and(|end| end.contains("not told"))
            );
            assert_eq!(limit.pass(at(10)), None);
            assert_eq!(limit.pass(at(59)), None);
        }
    }

    #[test]
    fn the_journal_is_told_by_its_file() {
        let file = fstat(io::stderr()).unwrap();
        let own = format!("{}:{}", file.st_dev, file.st_ino);
        let other = format!("{}:{}", file.st_dev, file.st_ino + 1);
        assert!(is_journal(Some(own)));
        for stream in [None, Some(String::new()), Some(other)] {
            assert!(!is_journal(stream.clone()), "{stream:?}");
        }
    }

    #[test]
    fn rust_log_replaces_the_filter() {
        let chosen = filter(2, Some("error".into())).unwrap();
        assert_eq!(chosen.to_string(), "error");
        let empty = filter(2, Some(String::new())).unwrap();
        assert_eq!(empty.to_string(), "trace");
    }

    #[test]
    fn a_bad_rust_log_is_a_usage_error() {
        let error = filter(0, Some("a=b=c".into())).unwrap_err();
        assert_eq!(error.code(), 2);
        assert!(error.to_string().starts_with("RUST_LOG 'a=b=c':"));
    }
}
