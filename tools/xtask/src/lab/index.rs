// SPDX-License-Identifier: GPL-2.0-only
//! The page that lists what was measured on which machine.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;

/// The file beside a report that says what was run.
pub const ORIGIN: &str = "origin";

/// What the list takes from a `report.json`.
#[derive(Deserialize)]
struct Report {
    #[serde(skip)]
    origin: String,
    rounds: usize,
    scale: String,
    version: String,
    candidates: Vec<Candidate>,
    tests: Vec<Test>,
}

#[derive(Deserialize)]
struct Candidate {
    name: String,
}

#[derive(Deserialize)]
struct Test {
    figures: Vec<Figure>,
}

#[derive(Deserialize)]
struct Figure {
    entries: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    candidate: usize,
    verdict: Option<String>,
}

const HEAD: &str = "\
# Measured in the lab

Made by `cargo xtask bench`: in a VM by a virtual clock, each scheduler in turn in each
boot, a boot for each round, EEVDF twice in each. A machine's page has a row for each
figure with medians, 95 % intervals, the ratio to EEVDF's, what EEVDF differs from itself
by (A/A), and the command of each test; rows that are lost stay in. `report.json` there has
all values, `report.html` the distributions of latencies.

The clock counts instructions. It models no caches, no memory bandwidth, no shared cores and
no frequencies: figures show decisions, queueing, locks and instructions spent, and nothing
of what locality gains. Compare the columns of a row, not rows with real machines.

Figures that are better / the same / worse than EEVDF's:

";

/// Writes `README.md` into `out`, of all reports below it.
///
/// # Errors
/// When a report can't be read, or the page not be written.
pub fn write(out: &Path) -> Result<()> {
    let mut machines = BTreeMap::new();
    let folders = fs::read_dir(out).with_context(|| format!("cannot list {}", out.display()))?;
    for folder in folders {
        let file = folder?.path().join("report.json");
        let Ok(text) = fs::read_to_string(&file) else {
            continue;
        };
        let mut report: Report = serde_json::from_str(&text)
            .with_context(|| format!("{} is no report", file.display()))?;
        report.origin = fs::read_to_string(file.with_file_name(ORIGIN)).unwrap_or_default();
        let name = file.parent().and_then(Path::file_name).unwrap_or_default();
        machines.insert(name.to_string_lossy().into_owned(), report);
    }
    let file = out.join("README.md");
    fs::write(&file, page(&machines)).with_context(|| format!("cannot write {}", file.display()))
}

fn page(machines: &BTreeMap<String, Report>) -> String {
    let mut text = HEAD.to_owned();
    for (name, report) in machines {
        text += &format!(
            "- [{name}]({name}/report.md): {} rounds of scale {}, {}\n",
            report.rounds, report.scale, report.version
        );
        if !report.origin.is_empty() {
            text += &format!("  by {}\n", report.origin.trim());
        }
        let others = 1..report.candidates.len().saturating_sub(1);
        for candidate in others {
            let [better, same, worse] =
                ["better", "same", "worse"].map(|it| report.count(candidate, it));
            text += &format!(
                "  - {}: {better} / {same} / {worse}\n",
                report.candidates[candidate].name
            );
        }
    }
    text
}

impl Report {
    /// Figures in which this was said of a candidate.
    fn count(&self, candidate: usize, verdict: &str) -> usize {
        let entries = self
            .tests
            .iter()
            .flat_map(|it| &it.figures)
            .flat_map(|it| &it.entries);
        let said =
            |it: &&Entry| it.candidate == candidate && it.verdict.as_deref() == Some(verdict);
        entries.filter(said).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPORT: &str = r#"{
        "rounds": 7, "scale": "quick", "version": "0.1.0", "other": [],
        "candidates": [{"name": "eevdf"}, {"name": "scx_hallows"}, {"name": "scx_x"}, {"name": "eevdf again"}],
        "tests": [
            {"figures": [{"entries": [
                {"candidate": 0, "verdict": null},
                {"candidate": 1, "verdict": "better"},
                {"candidate": 2, "verdict": "worse"},
                {"candidate": 3, "verdict": "same"}
            ]}]},
            {"figures": []}
        ]}"#;

    #[test]
    fn each_machine_is_listed_with_its_verdicts() {
        let out = tempfile::tempdir().unwrap();
        for name in ["7-flat-4", "6.18-flat-4", "none"] {
            fs::create_dir(out.path().join(name)).unwrap();
        }
        for name in ["7-flat-4", "6.18-flat-4"] {
            fs::write(out.path().join(name).join("report.json"), REPORT).unwrap();
        }
        let origin = out.path().join("7-flat-4").join(ORIGIN);
        fs::write(origin, "`cargo xtask bench` of commit 12\n").unwrap();
        write(out.path()).unwrap();
        let page = fs::read_to_string(out.path().join("README.md")).unwrap();
        let list = page.strip_prefix(HEAD).unwrap();
        let machine = |name: &str, origin: &str| {
            format!(
                "- [{name}]({name}/report.md): 7 rounds of scale quick, 0.1.0\n{origin}  \
                 - scx_hallows: 1 / 0 / 0\n  - scx_x: 0 / 0 / 1\n"
            )
        };
        let origin = "  by `cargo xtask bench` of commit 12\n";
        assert_eq!(
            list,
            machine("6.18-flat-4", "") + &machine("7-flat-4", origin)
        );
        fs::write(out.path().join("none/report.json"), "{").unwrap();
        assert!(write(out.path()).is_err());
    }
}
