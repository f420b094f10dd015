// SPDX-License-Identifier: GPL-2.0-only
//! `scx_hallows check`

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::print;
use crate::config::Sources;
use crate::exit::Error;
use crate::preflight::verdict::{Fault, Verdict};
use crate::preflight::{Finding, Preflight};

/// Say whether the scheduler can be loaded here, and if not, what to do; load nothing.
///
/// Prints a line for each thing it looks at. Exit status: 0 it can be loaded, 2 the
/// configuration file has a mistake, 69 this machine can't, 77 only the permission is
/// missing.
#[derive(Args, Clone, Debug)]
pub struct Check {
    /// Print it as JSON.
    #[arg(long)]
    pub json: bool,

    /// Look at the configuration in FILE instead of /etc/scx_hallows/config.toml.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

impl Check {
    /// Looks, and prints.
    ///
    /// # Errors
    /// [`Error::Usage`] for a mistake in the configuration file, else
    /// [`Error::Unavailable`] when the machine can't run the scheduler, else
    /// [`Error::Permission`] when this process may not load it.
    pub fn run(&self) -> Result<(), Error> {
        let config = configuration(Sources::new(self.config.clone(), vec![]));
        let findings: Vec<_> = Preflight::default().findings().chain([config]).collect();
        let outcome = outcome(&findings);
        let text = if self.json {
            in_json(&findings, &outcome)
        } else {
            findings.iter().map(line).collect()
        };
        print(text.as_bytes())?;
        outcome
    }
}

/// What the configuration file is worth.
fn configuration(sources: Sources) -> Finding {
    let path = sources.path().display();
    let verdict = match sources.load() {
        Ok(_) if sources.path().exists() => Verdict::Ok(path.to_string()),
        Ok(_) => Verdict::Ok(format!("no {path}: the defaults hold")),
        Err(Error::Permission(text)) => Verdict::Permission(Fault::new(text, "run it with sudo")),
        Err(error) => Verdict::Usage(Fault::new(
            error.to_string(),
            "mend it, or name another with --config",
        )),
    };
    Finding {
        probe: "config",
        verdict,
    }
}

/// The worst of all findings: a mistake comes before what the machine can't, and that
/// before what this process may not.
fn outcome(findings: &[Finding]) -> Result<(), Error> {
    let wrong: Vec<_> = findings
        .iter()
        .filter_map(|it| Some((it.probe, it.verdict.error()?)))
        .collect();
    let names: Vec<_> = wrong.iter().map(|(probe, _)| *probe).collect();
    let text = format!("it can't be loaded here: {}", names.join(", "));
    match wrong.iter().map(|(_, error)| error.code()).min() {
        None => Ok(()),
        Some(2) => Err(Error::Usage(text)),
        Some(77) => Err(Error::Permission(text)),
        Some(_) => Err(Error::Unavailable(text)),
    }
}

fn line(finding: &Finding) -> String {
    let Finding { probe, verdict } = finding;
    let fix = verdict
        .fix()
        .map_or_else(String::new, |fix| format!(": {fix}"));
    format!(
        "{:<8} {probe:<13} {}{fix}\n",
        verdict.word(),
        verdict.what()
    )
}

fn in_json(findings: &[Finding], outcome: &Result<(), Error>) -> String {
    let probes: Vec<_> = findings
        .iter()
        .map(|Finding { probe, verdict }| {
            json!({
                "probe": probe,
                "verdict": verdict.word(),
                "what": verdict.what(),
                "fix": verdict.fix(),
            })
        })
        .collect();
    let exit = outcome.as_ref().err().map_or(0, Error::code);
    format!("{:#}\n", json!({ "exit": exit, "probes": probes }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preflight::verdict::{Fault, Verdict};

    fn finding(probe: &'static str, verdict: Verdict) -> Finding {
        Finding { probe, verdict }
    }

    fn four() -> Vec<Finding> {
        vec![
            finding("kernel", Verdict::Ok("Linux 7.1".into())),
            finding("memlock", Verdict::warning("odd", "look")),
            finding(
                "capabilities",
                Verdict::Permission(Fault::new("no", "sudo")),
            ),
            finding("btf", Verdict::unavailable("gone", "boot another")),
        ]
    }

    #[test]
    fn a_line_each() {
        let text: String = four().iter().map(line).collect();
        assert_eq!(
            text,
            "ok       kernel        Linux 7.1\n\
             warning  memlock       odd: look\n\
             wrong    capabilities  no: sudo\n\
             wrong    btf           gone: boot another\n"
        );
    }

    #[test]
    fn what_cannot_be_comes_before_what_may_not_be() {
        let mut findings = four();
        let both = outcome(&findings).unwrap_err();
        assert_eq!(both.code(), 69);
        assert!(both.to_string().ends_with(": capabilities, btf"), "{both}");
        findings.pop();
        assert_eq!(outcome(&findings).unwrap_err().code(), 77);
        findings.pop();
        assert_eq!(outcome(&findings), Ok(()));
    }

    #[test]
    fn a_mistake_in_the_file_comes_first() {
        let missing = Sources::new(Some("/nonexistent/hallows.toml".into()), vec![]);
        let mut findings = four();
        findings.push(configuration(missing));
        let error = outcome(&findings).unwrap_err();
        assert_eq!(error.code(), 2);
        assert!(error.to_string().ends_with(", btf, config"), "{error}");
    }

    #[test]
    fn json_says_the_same() {
        let findings = four();
        let json = in_json(&findings, &outcome(&findings));
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(json["exit"], 69);
        assert_eq!(json["probes"][1]["fix"], "look");
        assert_eq!(json["probes"][0]["fix"], serde_json::Value::Null);
    }
}
