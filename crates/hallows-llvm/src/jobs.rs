// SPDX-License-Identifier: GPL-2.0-only
//! What the plugin is asked to do, by environment variables: LLVM's interface
//! for C lets a plugin register no options of the compiler's.

use std::collections::BTreeSet;
use std::env;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};

/// The jobs of one run of the compiler.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Jobs {
    /// Make clang's profiles fit for BPF.
    pub fixup: bool,
    /// Where `fixup` writes what the counters of an instrumented build count.
    pub profmap: Option<PathBuf>,
    /// Order the blocks.
    pub layout: bool,
    /// Functions whose blocks stay in clang's order all the same.
    pub keep: BTreeSet<String>,
    /// Where to append expected taken branches, a line a function.
    pub report: Option<PathBuf>,
    /// Where to append the longest chain of dependent accesses, a line a function.
    pub memdep: Option<PathBuf>,
    /// Where to append who writes each field. It reads code that no pass was over, of
    /// which no object is made, so there can be no other job.
    pub writers: Option<PathBuf>,
}

impl Jobs {
    /// What `HALLOWS_PASS` asks for, with the files that the others name.
    ///
    /// # Errors
    /// As [`Jobs::parse`].
    pub fn from_env() -> Result<Self> {
        let names = env::var("HALLOWS_PASS").unwrap_or_default();
        Self::parse(&names, |name| env::var(name).ok())
    }

    /// Jobs by their names, separated by commas; `variable` looks up those that
    /// say more about a job.
    ///
    /// # Errors
    /// A job that there is not, or one whose file nobody named.
    pub fn parse(names: &str, variable: impl Fn(&str) -> Option<String>) -> Result<Self> {
        let file = |name| variable(name).map(PathBuf::from);
        let report = |job: &str| {
            let file = file("HALLOWS_REPORT");
            file.with_context(|| format!("the job {job} writes to $HALLOWS_REPORT: set it"))
        };
        let mut jobs = Self {
            profmap: file("HALLOWS_PROFMAP"),
            keep: list(&variable("HALLOWS_KEEP").unwrap_or_default())
                .map(str::to_owned)
                .collect(),
            ..Self::default()
        };
        for name in list(names) {
            match name {
                "fixup" => jobs.fixup = true,
                "layout" => jobs.layout = true,
                "report" => jobs.report = Some(report(name)?),
                "memdep" => jobs.memdep = Some(report(name)?),
                "writers" => jobs.writers = Some(report(name)?),
                _ => bail!(
                    "HALLOWS_PASS has no job '{name}': there are fixup, layout, report, memdep and writers"
                ),
            }
        }
        if jobs.writers.is_some() && list(names).any(|name| name != "writers") {
            bail!("the job writers makes no object: have it alone");
        }
        Ok(jobs)
    }
}

/// Names between commas.
fn list(names: &str) -> impl Iterator<Item = &str> {
    names
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::Jobs;

    #[test]
    fn jobs_go_by_their_names() {
        let jobs = Jobs::parse(" layout, report", |name| Some(name.into())).unwrap();
        assert!(jobs.layout && !jobs.fixup && jobs.memdep.is_none());
        assert_eq!(jobs.report, Some("HALLOWS_REPORT".into()));
        assert_eq!(Jobs::parse("", |_| None).unwrap(), Jobs::default());
    }

    #[test]
    fn functions_to_keep_are_a_list() {
        let keep = |name: &str| (name == "HALLOWS_KEEP").then(|| "f, g".to_owned());
        let jobs = Jobs::parse("layout", keep).unwrap();
        assert!(jobs.keep.iter().eq(["f", "g"]));
    }

    #[test]
    fn mistakes_are_named() {
        let error = |names| Jobs::parse(names, |_| None).unwrap_err().to_string();
        assert!(error("layuot").contains("'layuot'"));
        assert!(error("report").contains("$HALLOWS_REPORT"));
        assert!(error("memdep").contains("the job memdep"));
        let both = Jobs::parse("writers,layout", |name| Some(name.into()));
        assert!(both.unwrap_err().to_string().contains("have it alone"));
    }
}
