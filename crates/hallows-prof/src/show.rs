// SPDX-License-Identifier: GPL-2.0-only
//! A profile as a table, the busiest function first.

use std::cmp::Reverse;
use std::fmt::Write;

use crate::profile::Profile;

/// A line for each function: its counters, how many of them ever ran, their
/// largest and their sum.
pub fn table(profile: &Profile) -> String {
    let mut rows: Vec<_> = profile
        .functions
        .iter()
        .map(|function| {
            let counts = &function.counts;
            let ran = counts.iter().filter(|&&count| count > 0).count();
            let sum: u128 = counts.iter().map(|&count| u128::from(count)).sum();
            (
                sum,
                counts.iter().max().copied().unwrap_or(0),
                ran,
                counts.len(),
                &function.name,
            )
        })
        .collect();
    rows.sort_by_key(|row| (Reverse(row.0), row.4));
    let mut text = format!(
        "{:>8} {:>8} {:>14} {:>16}  function\n",
        "counters", "ran", "largest", "sum"
    );
    for (sum, largest, ran, counters, name) in rows {
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "{counters:>8} {ran:>8} {largest:>14} {sum:>16}  {name}"
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::table;
    use crate::profile::tests::profile;

    #[test]
    fn the_busiest_is_first() {
        let text = table(&profile(&[("idle", &[0, 0]), ("busy", &[5, 0, 7])]));
        let rows: Vec<Vec<_>> = text
            .lines()
            .skip(1)
            .map(|l| l.split_whitespace().collect())
            .collect();
        assert_eq!(
            rows,
            [["3", "2", "7", "12", "busy"], ["2", "0", "0", "0", "idle"]]
        );
    }
}
