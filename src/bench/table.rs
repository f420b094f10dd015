// SPDX-License-Identifier: GPL-2.0-only
//! The report as a table on the terminal.

use std::fmt::Write;

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};

use super::report::{Entry, FigureReport, Report, TestReport};
use super::verdict::MIN_ROUNDS;

/// The report as text: a row for each figure, then what failed, then what the
/// columns mean.
pub fn text(report: &Report) -> String {
    let again = report.head.candidates.len() - 1;
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled);
    let mut head = vec!["figure".to_owned(), "unit".to_owned()];
    for (index, candidate) in report.head.candidates[..again].iter().enumerate() {
        head.push(candidate.name.clone());
        if index > 0 {
            head.push("beside it".into());
        }
    }
    if report.has_rivals() {
        head.push("beside the best other".into());
    }
    head.push("A/A".into());
    let width = head.len();
    table.set_header(head);
    for test in &report.tests {
        for figure in &test.figures {
            table.add_row(row(report, test, figure));
        }
        if test.figures.is_empty() {
            let mut cells = vec![test.name.to_owned()];
            cells.resize(width, "failed".into());
            table.add_row(cells);
        }
    }
    for column in table.column_iter_mut().skip(2) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    // The table pads its last column.
    let lines: Vec<String> = table
        .lines()
        .map(|line| line.trim_end().to_owned())
        .collect();
    lines.join("\n") + "\n" + &notes(report)
}

fn row(report: &Report, test: &TestReport, figure: &FigureReport) -> Vec<String> {
    let again = report.head.candidates.len() - 1;
    let mut cells = vec![title(test, figure), figure.unit.clone()];
    for candidate in 0..again {
        let entry = figure.entry(candidate);
        cells.push(entry.map_or("failed".into(), value));
        if candidate > 0 {
            cells.push(entry.map_or_else(String::new, beside));
        }
    }
    if report.has_rivals() {
        cells.push(rival(report, figure));
    }
    cells.push(spread(figure));
    cells
}

/// What a figure is called beside others.
pub fn title(test: &TestReport, figure: &FigureReport) -> String {
    format!("{} {}", test.name, figure.name)
        .trim_end()
        .to_owned()
}

/// A median with its interval.
pub fn value(entry: &Entry) -> String {
    let (lo, hi) = (entry.interval.lo, entry.interval.hi);
    let digits = digits(entry.median.abs().max(hi.abs()));
    format!("{:.digits$} ({lo:.digits$}..{hi:.digits$})", entry.median)
}

/// A verdict with the ratio of medians.
pub fn beside(entry: &Entry) -> String {
    judged(entry.ratio, entry.verdict.map_or("", |it| it.word()))
}

/// How this scheduler is beside the best of the others, and who that is.
pub fn rival(report: &Report, figure: &FigureReport) -> String {
    figure.rival.as_ref().map_or_else(String::new, |rival| {
        let name = &report.head.candidates[rival.candidate].name;
        format!("{}, {name}", judged(rival.ratio, rival.verdict.word()))
    })
}

fn judged(ratio: Option<f64>, word: &str) -> String {
    match ratio {
        Some(ratio) if ratio < 0.1 => format!("{ratio:.3}x {word}"),
        Some(ratio) => format!("{ratio:.2}x {word}"),
        None => word.into(),
    }
}

/// What the default scheduler differs from itself by, in percent of its median
/// where that is not 0.
pub fn spread(figure: &FigureReport) -> String {
    let base = figure.entry(0).map_or(0.0, |it| it.median);
    match figure.aa_spread {
        None => "unknown".into(),
        Some(spread) if base != 0.0 => format!("{:.0} %", 100.0 * spread / base.abs()),
        Some(spread) => format!("{spread:.1} {}", figure.unit),
    }
}

/// Decimals that suit a number of this size.
fn digits(value: f64) -> usize {
    match value {
        0.0 => 0,
        value if value >= 100.0 => 0,
        value if value >= 10.0 => 1,
        value if value > 1.0 => 2,
        _ => 4,
    }
}

fn notes(report: &Report) -> String {
    let mut text = String::from("\n");
    // Writing to a string does not fail.
    for (name, last, nr) in report.failures() {
        let _ = writeln!(
            text,
            "{name} failed, {nr} of {} rounds: {last}",
            report.head.rounds
        );
    }
    if !report.finished {
        let _ = writeln!(text, "interrupted: not all rounds were run");
    }
    for test in &report.head.left_out {
        let _ = writeln!(text, "not run: {test}");
    }
    for noise in &report.head.noise {
        let _ = writeln!(text, "noisy: {noise}");
    }
    if report.head.rounds < MIN_ROUNDS {
        let _ = writeln!(
            text,
            "{} rounds tell no difference: that takes {MIN_ROUNDS} or more",
            report.head.rounds
        );
    }
    let (rounds, base) = (report.head.rounds, &report.head.candidates[0].name);
    let _ = writeln!(
        text,
        "medians of {rounds} rounds (95 % intervals), beside {base}'s; A/A: what {base} differs \
         from itself by, within which nothing is better or worse"
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::report::tests::example;

    #[test]
    fn a_row_has_values_ratio_and_verdict() {
        let text = text(&example());
        let row: Vec<&str> = text.lines().nth(1).unwrap().split_whitespace().collect();
        let wanted = "wakeup p99 us 1002 (1001..1003) 32.0 (31.0..33.0) 0.032x better failed 0 %";
        assert_eq!(row.join(" "), wanted, "{text}");
        assert!(text.contains("scx_broken failed, 3 of 3 rounds: no such <luck>\n"));
        assert!(!text.contains("eevdf again"), "{text}");
    }

    #[test]
    fn what_was_not_measured_at_all_is_a_row() {
        let mut report = example();
        report.tests[0].figures.clear();
        assert!(text(&report).lines().nth(1).unwrap().starts_with(" wakeup"));
        assert!(text(&report).contains("failed"));
    }

    #[test]
    fn few_rounds_and_an_early_end_are_told() {
        let mut report = example();
        (report.head.rounds, report.finished) = (2, false);
        report.head.noise.push("loud".into());
        let text = text(&report);
        assert!(text.contains("2 rounds tell no difference"));
        assert!(text.contains("interrupted") && text.contains("noisy: loud"));
    }
}
