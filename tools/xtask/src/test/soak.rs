// SPDX-License-Identifier: GPL-2.0-only
//! The table of a soak: a row for each boot, from the line `soak: name=number ...`
//! that ends what the scenario printed.

use std::fmt::Write;

use anyhow::Result;

use crate::vm::Outcome;

/// Columns: the head, and the names of the line whose numbers are in it.
const COLUMNS: [(&str, &[&str]); 10] = [
    ("s", &["seconds"]),
    ("of these judged", &["judged_s"]),
    ("switches judged", &["switches"]),
    ("longest wait beside an idle CPU, ms", &["idle_ms"]),
    ("longest wait of all, ms", &["wait_ms"]),
    (
        "times outside the mask, the longest, us",
        &["strays", "stray_us"],
    ),
    ("rescues: held", &["held"]),
    ("offline, price, order", &["offline", "price", "order"]),
    ("agents killed", &["crashes"]),
    ("growth of an agent, KiB", &["growth_kib"]),
];

/// The boots of a soak so far.
#[derive(Default)]
pub struct Table {
    rows: Vec<String>,
}

impl Table {
    /// Adds the boot of `kernel`, a release, on `topology`.
    pub fn add(&mut self, kernel: &str, topology: &str, outcome: &Result<Outcome>) {
        let output = outcome.as_ref().map_or(&[][..], |outcome| &outcome.output);
        let mut row = format!("| {kernel} | {topology} |");
        match numbers(&String::from_utf8_lossy(output)) {
            Some(said) => {
                for (_, names) in COLUMNS {
                    let cells: Vec<_> = names.iter().map(|name| said.get(name)).collect();
                    // To a string nothing is lost.
                    let _ = write!(row, " {} |", cells.join(", "));
                }
            }
            None => row += &" FAILED |".repeat(COLUMNS.len()),
        }
        self.rows.push(row);
    }

    /// The table as Markdown, its rows in order.
    pub fn markdown(mut self) -> String {
        self.rows.sort();
        let mut text = String::from("| kernel | topology |");
        for (head, _) in COLUMNS {
            let _ = write!(text, " {head} |");
        }
        text += "\n|---|---|";
        text += &"---:|".repeat(COLUMNS.len());
        for row in self.rows {
            text += "\n";
            text += &row;
        }
        text + "\n"
    }
}

/// Names and numbers of a boot's line.
struct Said<'a>(Vec<(&'a str, &'a str)>);

impl Said<'_> {
    /// The number; what is not there was not counted, as a cause without rescues.
    fn get(&self, name: &str) -> &str {
        let found = self.0.iter().find(|(known, _)| *known == name);
        found.map_or("0", |(_, number)| number)
    }
}

/// What the line says, if the scenario came as far as that.
fn numbers(output: &str) -> Option<Said<'_>> {
    let line = output
        .lines()
        .rev()
        .find_map(|line| line.strip_prefix("soak: "))?;
    let words = line.split_whitespace();
    Some(Said(
        words.filter_map(|word| word.split_once('=')).collect(),
    ))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Table;
    use crate::vm::{End, Outcome};

    #[test]
    fn a_boot_is_a_row_and_so_is_one_that_failed() {
        let boot = |output: &str| {
            Ok(Outcome {
                end: End::Exited(0),
                output: output.as_bytes().to_vec(),
                tail: String::new(),
                wall: Duration::ZERO,
            })
        };
        let mut table = Table::default();
        let said = "ok: starts: 1\nsoak: seconds=30 judged_s=5 switches=18571 idle_ms=0.2 \
                    wait_ms=786.2 strays=2 stray_us=99 crashes=1 growth_kib=288 held=111 price=336\n";
        table.add("7.3.4", "flat", &boot(said));
        table.add("6.18.15", "numa2", &boot("FAILED: ejected\n"));
        let text = table.markdown();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 4);
        assert!(lines[2].starts_with("| 6.18.15 | numa2 | FAILED |"));
        assert_eq!(
            lines[3],
            "| 7.3.4 | flat | 30 | 5 | 18571 | 0.2 | 786.2 | 2, 99 | 111 | 0, 336, 0 | 1 | 288 |"
        );
        let columns = |line: &str| line.matches('|').count();
        assert!(lines.iter().all(|line| columns(line) == columns(lines[0])));
    }
}
