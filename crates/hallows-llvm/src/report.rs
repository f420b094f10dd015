// SPDX-License-Identifier: GPL-2.0-only
//! A line of JSON for each function, appended to `$HALLOWS_REPORT`.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Serialize;

/// What became of a function.
#[derive(Debug, Serialize)]
pub struct Line<'a> {
    /// Its name in the object file.
    pub function: &'a str,
    /// Calls in the profile; absent without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calls: Option<u64>,
    /// How many blocks it has.
    pub blocks: usize,
    /// How many of them were moved: that follow another block than before.
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
pub fn append(file: &Path, lines: &[Line<'_>]) -> Result<()> {
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

#[cfg(test)]
mod tests {
    use super::Line;

    #[test]
    fn a_line_without_a_profile_has_no_calls() {
        let line = Line {
            function: "f",
            calls: None,
            blocks: 2,
            moved: 0,
            taken_before: 0.5,
            taken_after: 0.5,
        };
        let text = serde_json::to_string(&line).unwrap();
        assert_eq!(
            text,
            r#"{"function":"f","blocks":2,"moved":0,"taken_before":0.5,"taken_after":0.5}"#
        );
    }
}
