// SPDX-License-Identifier: GPL-2.0-only
//! What the plugin reports: lines of JSON.

use std::cmp::Ordering;
use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::chain::{self, Chain};
use crate::written::Written;

/// A line of a report, of the job that it names.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(tag = "job", rename_all = "lowercase")]
pub enum Entry {
    /// Of the job `report`.
    Report(Line),
    /// Of the job `memdep`.
    Memdep(Chain),
    /// Of the job `writers`.
    Writers(Written),
}

/// What became of a function.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Line {
    /// Its name in the object file.
    pub function: String,
    /// Calls in the profile; absent without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calls: Option<u64>,
    /// How many blocks it has.
    pub blocks: usize,
    /// How many of them follow another block than before.
    pub moved: usize,
    /// Expected taken branches in a call, in clang's order.
    pub taken_before: f64,
    /// The same in the order that it has now.
    pub taken_after: f64,
}

/// Appends lines to a file: a build may have several runs of the compiler.
///
/// # Errors
/// When the file cannot be written.
pub fn append(file: &Path, lines: &[Entry]) -> Result<()> {
    let mut text = String::new();
    for line in lines {
        text += &serde_json::to_string(line).context("cannot write a report")?;
        text.push('\n');
    }
    let written = OpenOptions::new()
        .create(true)
        .append(true)
        .open(file)
        .and_then(|mut file| file.write_all(text.as_bytes()));
    written.with_context(|| format!("cannot write {}", file.display()))
}

/// Reads a report.
///
/// # Errors
/// Text that is none, with the number of the line.
pub fn parse(text: &str) -> Result<Vec<Entry>> {
    let read = |(number, line)| {
        serde_json::from_str(line).with_context(|| format!("line {} of the report", number + 1))
    };
    text.lines().enumerate().map(read).collect()
}

/// Each job's lines as a table, if it has any.
pub fn table(entries: &[Entry]) -> String {
    let (mut lines, mut chains) = (Vec::new(), Vec::new());
    for entry in entries {
        match entry {
            Entry::Report(line) => lines.push(line),
            Entry::Memdep(chain) => chains.push(chain),
            // What they tell, `hallows-prof writers` prints beside the owners.
            Entry::Writers(_) => {}
        }
    }
    let mut text = String::new();
    if !lines.is_empty() {
        text += &branches(lines);
    }
    if !chains.is_empty() {
        text += &chain::table(chains);
    }
    text
}

/// The functions that were called, by the taken branches that they had in the
/// profile, and the sum of all.
fn branches(mut rows: Vec<&Line>) -> String {
    let calls = |line: &Line| line.calls.unwrap_or(0) as f64;
    rows.retain(|line| calls(line) > 0.0);
    let weight = |line: &Line| calls(line) * line.taken_before;
    rows.sort_by(|a, b| weight(b).partial_cmp(&weight(a)).unwrap_or(Ordering::Equal));
    let mut text = format!("{:>10} {:>8} {:>8}  function\n", "calls", "before", "after");
    let mut sums = (0.0, 0.0);
    // Writing to a string cannot fail.
    for line in rows {
        let Line {
            function,
            taken_before,
            taken_after,
            ..
        } = line;
        let _ = writeln!(
            text,
            "{:>10} {taken_before:>8.2} {taken_after:>8.2}  {function}",
            calls(line)
        );
        sums = (
            sums.0 + calls(line) * taken_before,
            sums.1 + calls(line) * taken_after,
        );
    }
    let _ = writeln!(
        text,
        "taken branches in all: {:.0} before, {:.0} after",
        sums.0, sums.1
    );
    text
}

#[cfg(test)]
mod tests {
    use super::{Entry, Line, parse, table};

    fn line(function: &str, calls: Option<u64>) -> Entry {
        let (blocks, moved) = (2, 0);
        Entry::Report(Line {
            function: function.into(),
            calls,
            blocks,
            moved,
            taken_before: 1.5,
            taken_after: 0.5,
        })
    }

    #[test]
    fn a_line_without_a_profile_has_no_calls() {
        let text = serde_json::to_string(&line("f", None)).unwrap();
        assert_eq!(
            text,
            r#"{"job":"report","function":"f","blocks":2,"moved":0,"taken_before":1.5,"taken_after":0.5}"#
        );
        assert_eq!(parse(&text).unwrap(), [line("f", None)]);
        assert!(format!("{:#}", parse("{\n").unwrap_err()).contains("line 1"));
    }

    #[test]
    fn the_table_weighs_by_calls() {
        let text = table(&[
            line("rare", Some(1)),
            line("often", Some(10)),
            line("never", Some(0)),
        ]);
        let names: Vec<_> = text
            .lines()
            .skip(1)
            .map(|l| l.rsplit(' ').next().unwrap())
            .collect();
        assert_eq!(names[..2], ["often", "rare"]);
        assert!(text.ends_with("in all: 16 before, 6 after\n"), "{text}");
    }
}
