// SPDX-License-Identifier: GPL-2.0-only
//! What the plugin is asked to do, by environment variables: LLVM's interface
//! for C lets a plugin register no options of the compiler's.

use std::env;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};

/// The jobs of one run of the compiler.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Jobs {
    /// Order the blocks.
    pub layout: bool,
    /// Where to append expected taken branches, a line a function.
    pub report: Option<PathBuf>,
}

impl Jobs {
    /// What `HALLOWS_PASS` asks for, with the files that the others name.
    ///
    /// # Errors
    /// As [`Jobs::parse`].
    pub fn from_env() -> Result<Self> {
        let names = env::var("HALLOWS_PASS").unwrap_or_default();
        Self::parse(&names, |file| env::var_os(file).map(PathBuf::from))
    }

    /// Jobs by their names, separated by commas; `file` looks up the variable
    /// that names a job's file.
    ///
    /// # Errors
    /// A job that there is not, or one whose file nobody named.
    pub fn parse(names: &str, file: impl Fn(&str) -> Option<PathBuf>) -> Result<Self> {
        let mut jobs = Self::default();
        let named = |variable: &str, job: &str| {
            file(variable).with_context(|| format!("the job {job} writes to ${variable}: set it"))
        };
        for name in names.split(',').map(str::trim).filter(|n| !n.is_empty()) {
            match name {
                "layout" => jobs.layout = true,
                "report" => jobs.report = Some(named("HALLOWS_REPORT", "report")?),
                _ => bail!("HALLOWS_PASS has no job '{name}': there are layout and report"),
            }
        }
        Ok(jobs)
    }
}

#[cfg(test)]
mod tests {
    use super::Jobs;

    #[test]
    fn jobs_go_by_their_names() {
        let jobs = Jobs::parse(" layout, report", |name| Some(name.into())).unwrap();
        assert!(jobs.layout);
        assert_eq!(jobs.report, Some("HALLOWS_REPORT".into()));
        assert_eq!(Jobs::parse("", |_| None).unwrap(), Jobs::default());
    }

    #[test]
    fn mistakes_are_named() {
        let error = |names| Jobs::parse(names, |_| None).unwrap_err().to_string();
        assert!(error("layuot").contains("'layuot'"));
        assert!(error("report").contains("$HALLOWS_REPORT"));
    }
}
