// SPDX-License-Identifier: GPL-2.0-only
//! How the process ends: one line for the user, one code for the service manager.
//!
//! The codes are those of BSD's `sysexits.h` where it has one, so that a
//! systemd unit can tell "try again" (1) from "do not" (2, 69, 77).

use std::fmt;
use std::path::{Path, PathBuf};

/// Why `scx_hallows` ends with an error; the text is one line without a full stop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// The command line makes no sense.
    Usage(String),
    /// This machine cannot run the scheduler now: its kernel lacks something,
    /// or another scheduler is loaded.
    Unavailable(String),
    /// The process lacks a capability.
    Permission(String),
    /// The scheduler failed.
    Failed(String),
    /// The kernel ejected the scheduler.
    Ejected {
        /// Its reason.
        reason: String,
        /// The file that tells the rest.
        report: Option<PathBuf>,
    },
}

impl Error {
    /// The exit code of the process: 2, 69, 77 or 1.
    pub const fn code(&self) -> u8 {
        match self {
            Error::Usage(_) => 2,
            Error::Unavailable(_) => 69,
            Error::Permission(_) => 77,
            Error::Failed(_) | Error::Ejected { .. } => 1,
        }
    }

    /// The file that tells the rest, if there is one.
    pub fn report(&self) -> Option<&Path> {
        match self {
            Error::Ejected { report, .. } => report.as_deref(),
            _ => None,
        }
    }
}

impl fmt::Display for Error {
    /// Writes the text on one line, whatever the kernel or libbpf put into it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Error::Usage(text)
            | Error::Unavailable(text)
            | Error::Permission(text)
            | Error::Failed(text) => text,
            Error::Ejected { reason, .. } => {
                f.write_str("the kernel ejected the scheduler: ")?;
                reason
            }
        };
        let words: Vec<&str> = text.split_whitespace().collect();
        f.write_str(&words.join(" "))
    }
}

impl std::error::Error for Error {}

impl From<anyhow::Error> for Error {
    /// Keeps an [`Error`] that travelled inside `anyhow`; the rest has failed.
    ///
    /// `uei_report!` starts with "EXIT: " when the kernel threw the scheduler out.
    fn from(error: anyhow::Error) -> Self {
        let other = match error.downcast::<Error>() {
            Ok(own) => return own,
            Err(other) => format!("{other:#}"),
        };
        match other.strip_prefix("EXIT: ") {
            Some(reason) => Error::Ejected {
                reason: reason.to_owned(),
                report: None,
            },
            None => Error::Failed(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context;

    #[test]
    fn each_kind_has_its_code() {
        assert_eq!(Error::Usage(String::new()).code(), 2);
        assert_eq!(Error::Unavailable(String::new()).code(), 69);
        assert_eq!(Error::Permission(String::new()).code(), 77);
        assert_eq!(Error::Failed(String::new()).code(), 1);
    }

    #[test]
    fn text_is_one_line() {
        let error = Error::Failed("load failed:\n  line 1\n  line 2\n".into());
        assert_eq!(error.to_string(), "load failed: line 1 line 2");
    }

    #[test]
    fn own_error_keeps_its_code_through_anyhow() {
        let own = Error::Unavailable("no sched_ext".into());
        let travelled = Err::<(), _>(own.clone()).context("attach").unwrap_err();
        assert_eq!(Error::from(travelled), own);
    }

    #[test]
    fn other_errors_fail_with_their_causes() {
        let error = anyhow::anyhow!("Invalid argument").context("load the BPF object");
        assert_eq!(
            Error::from(error),
            Error::Failed("load the BPF object: Invalid argument".into())
        );
    }

    #[test]
    fn ejection_names_the_kernels_reason() {
        let report = anyhow::anyhow!("EXIT: runnable task stall (make[7] failed to run) on CPU 2");
        let error = Error::from(report);
        assert_eq!((error.code(), error.report()), (1, None));
        assert_eq!(
            error.to_string(),
            "the kernel ejected the scheduler: \
             runnable task stall (make[7] failed to run) on CPU 2"
        );
    }
}
