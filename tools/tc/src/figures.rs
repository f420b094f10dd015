// SPDX-License-Identifier: GPL-2.0-only
//! What is counted and timed of a build, by the decision: a run of a task that begins.

use std::fmt::Write as _;

use crate::machine::Counts;

/// Code of the harness, not of the scheduler, has names that begin so.
const HARNESS: &str = "tc_";

/// What was counted of a build.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Counted {
    /// Instructions of the scheduler.
    pub instructions: f64,
    /// Jumps of the scheduler's that were taken, but for the next.
    pub taken: f64,
    /// Those that macros in assembly take, in any order of blocks.
    pub bounds: f64,
    /// Those among `taken` that choose between two values.
    pub choices: f64,
    /// Instructions of the harness.
    pub harness: f64,
}

impl Counted {
    /// What was done between two moments, by the decision.
    pub fn between(before: &[Counts], after: &[Counts], decisions: u64) -> Self {
        let mut sum = Self::default();
        for (before, after) in before.iter().zip(after) {
            let each = |of: fn(&Counts) -> u64| (of(after) - of(before)) as f64 / decisions as f64;
            let instructions = each(|counts| counts.instructions);
            if after.function.starts_with(HARNESS) {
                sum.harness += instructions;
                continue;
            }
            let bounds = each(|counts| counts.bounds);
            sum.instructions += instructions;
            sum.bounds += bounds;
            sum.choices += each(|counts| counts.choices);
            sum.taken += each(|counts| counts.taken) - bounds;
        }
        sum
    }
}

/// A build's row.
pub struct Row {
    pub name: &'static str,
    pub counted: Counted,
    /// Nanoseconds of each round; none: it was not timed.
    pub rounds: Vec<f64>,
}

/// The table, of which the first row is what the others are compared to.
pub fn table(rows: &[Row]) -> String {
    let mut text = String::from(
        "|                             | instructions | taken | of base | choices |     ns | of base, by the round |\n\
         |-----------------------------|-------------:|------:|--------:|--------:|-------:|----------------------:|\n",
    );
    let Some(base) = rows.first() else {
        return text;
    };
    for row in rows {
        let share = 100.0 * row.counted.taken / base.counted.taken;
        // Writing to a string cannot fail.
        let _ = write!(
            text,
            "| {:<27} | {:>12.1} | {:>5.1} | {share:>5.0} % | {:>7.1} |",
            row.name, row.counted.instructions, row.counted.taken, row.counted.choices
        );
        let ratios = row.rounds.iter().zip(&base.rounds);
        let ratios: Vec<f64> = ratios
            .map(|(row, base)| 100.0 * (row / base - 1.0))
            .collect();
        let (Some(time), Some([low, middle, high])) = (quartiles(&row.rounds), quartiles(&ratios))
        else {
            text.push_str("      - |                     - |\n");
            continue;
        };
        let _ = writeln!(
            text,
            " {:>6.0} | {:>21} |",
            time[1],
            format!("{middle:+.1} % ({low:+.1}..{high:+.1})")
        );
    }
    text
}

/// The quartiles of some figures.
fn quartiles(figures: &[f64]) -> Option<[f64; 3]> {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().checked_sub(1)?;
    Some([1, 2, 3].map(|quarter| {
        let place = last as f64 * f64::from(quarter) / 4.0;
        let (low, part) = (place as usize, place.fract());
        let high = sorted[(low + 1).min(last)];
        sorted[low] + (high - sorted[low]) * part
    }))
}

#[cfg(test)]
mod tests {
    use super::{Counted, Row, quartiles, table};
    use crate::machine::Counts;

    #[test]
    fn the_harness_is_counted_apart_and_bounds_are_no_branches() {
        let counts = |function: &str, instructions, taken, bounds| Counts {
            function: function.into(),
            instructions,
            taken,
            bounds,
            choices: taken / 4,
        };
        let before = [counts("count", 10, 1, 0), counts("tc_now", 0, 0, 0)];
        let after = [counts("count", 30, 9, 2), counts("tc_now", 8, 4, 0)];
        let counted = Counted::between(&before, &after, 2);
        let expected = Counted {
            instructions: 10.0,
            taken: 3.0,
            bounds: 1.0,
            choices: 1.0,
            harness: 4.0,
        };
        assert_eq!(counted, expected);
    }

    #[test]
    fn quartiles_lie_between_figures() {
        assert_eq!(quartiles(&[4.0, 1.0, 2.0]), Some([1.5, 2.0, 3.0]));
        assert_eq!(quartiles(&[5.0]), Some([5.0; 3]));
        assert_eq!(quartiles(&[]), None);
    }

    #[test]
    fn rows_are_compared_round_by_round() {
        let row = |name, taken, rounds: &[f64]| Row {
            name,
            counted: Counted {
                taken,
                ..Counted::default()
            },
            rounds: rounds.to_vec(),
        };
        let text = table(&[
            row("base", 8.0, &[10.0, 20.0, 10.0]),
            row("other", 2.0, &[9.0, 18.0, 9.5]),
            row("untimed", 4.0, &[]),
        ]);
        let lines: Vec<&str> = text.lines().collect();
        assert!(
            lines[3].contains("25 %") && lines[3].contains("-10.0 % (-10.0..-7.5)"),
            "{text}"
        );
        assert!(lines[4].ends_with("- |"), "{text}");
    }
}
