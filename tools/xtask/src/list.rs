// SPDX-License-Identifier: GPL-2.0-only
//! Lists on standard output, whose reader may have seen enough before the end.

use std::io::{self, ErrorKind, Write};

use anyhow::{Context, Result};

/// Prints a line for each (name, what) with the names in a column of `width`.
///
/// # Errors
/// Standard output can't be written, for another reason than that its reader left.
pub fn print(width: usize, lines: impl IntoIterator<Item = (String, String)>) -> Result<()> {
    let text: String = lines
        .into_iter()
        .map(|(name, what)| format!("{name:<width$} {what}\n"))
        .collect();
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written.context("print the list"),
    }
}
