// SPDX-License-Identifier: GPL-2.0-only
//! What the plugin reports of each function: lines of JSON.

use std::cmp::Ordering;
use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

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

/// What a function waits for at the least.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Chain {
    /// Its name in the object file.
    pub function: String,
    /// How many of its instructions wait for memory.
    pub accesses: usize,
    /// The longest chain of those, each of which needs what the one before it brought.
    pub steps: Vec<Step>,
}

/// An access.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Step {
    /// `load`, or `call` and whom.
    pub what: String,
    /// Where the source has it, as `file:line`; empty where it doesn't say.
    pub at: String,
}

/// Who writes a field.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Written {
    /// The struct, or the variable; `?` where no type tells.
    pub of: String,
    /// Bytes from its start.
    pub offset: u64,
    /// Whether all of them write by atomic steps.
    pub atomic: bool,
    /// Programs, by themselves or by what they call.
    pub programs: Vec<String>,
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
            // They tell something beside owners only.
            Entry::Writers(_) => {}
        }
    }
    let mut text = String::new();
    if !lines.is_empty() {
        text += &branches(lines);
    }
    if !chains.is_empty() {
        text += &waits(chains);
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

/// Functions by the length of their chains, and each chain.
fn waits(mut rows: Vec<&Chain>) -> String {
    rows.sort_by(|a, b| (b.steps.len(), &a.function).cmp(&(a.steps.len(), &b.function)));
    let mut text = format!("{:>8} {:>6}  function\n", "accesses", "chain");
    // Writing to a string cannot fail.
    for chain in rows {
        let Chain {
            function,
            accesses,
            steps,
        } = chain;
        let _ = writeln!(text, "{accesses:>8} {:>6}  {function}", steps.len());
        for Step { what, at } in steps {
            let _ = writeln!(text, "{:>17} {what} {at}", "");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{Chain, Entry, Line, Step, parse, table};

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

    #[test]
    fn the_longest_chain_comes_first() {
        let chain = |function: &str, length: usize| {
            let step = |number| Step {
                what: "load".into(),
                at: format!("x.bpf.c:{number}"),
            };
            Entry::Memdep(Chain {
                function: function.into(),
                accesses: 7,
                steps: (0..length).map(step).collect(),
            })
        };
        let text = table(&[chain("short", 1), chain("long", 2), chain("none", 0)]);
        let words = |line: &str| line.split_whitespace().map(str::to_owned).collect();
        let lines: Vec<Vec<String>> = text.lines().map(words).collect();
        assert_eq!(lines[1], ["7", "2", "long"]);
        assert_eq!(lines[3], ["load", "x.bpf.c:1"]);
        assert_eq!(lines[6], ["7", "0", "none"]);
    }
}
