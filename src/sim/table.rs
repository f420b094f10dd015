// SPDX-License-Identifier: GPL-2.0-only
//! Reports as text: a table in Markdown, the runs of a scenario in a row.

use std::fmt::Write;

use super::report::Report;

/// A column: its title, the decimals of a small value, and the value if the
/// report has one.
type Column = (&'static str, usize, fn(&Report) -> Option<f64>);

const COLUMNS: [Column; 15] = [
    ("wait mean us", 2, |it| some(it, it.wait.mean_us)),
    ("p50", 2, |it| some(it, it.wait.p50_us)),
    ("p99", 2, |it| some(it, it.wait.p99_us)),
    ("moves/CPU/s SMT", 2, |it| Some(it.migrations_per_cpu_s.smt)),
    ("LLC", 2, |it| Some(it.migrations_per_cpu_s.llc)),
    ("node", 2, |it| Some(it.migrations_per_cpu_s.node)),
    ("machine", 2, |it| Some(it.migrations_per_cpu_s.machine)),
    ("overhead %", 2, |it| Some(it.overhead_pct)),
    ("remote %", 2, |it| Some(it.remote_pct)),
    ("busy %", 2, |it| Some(it.busy_pct)),
    ("wasted %", 2, |it| Some(it.wasted_idle_pct)),
    ("Jain", 4, |it| it.jain),
    ("all busy ms", 2, |it| {
        it.all_busy_ms.filter(|_| it.makespan_ms.is_some())
    }),
    ("makespan ms", 2, |it| it.makespan_ms),
    ("flips/cell/s", 2, |it| {
        (it.rounds > 0).then_some(it.flips_per_cell_s)
    }),
];

/// Waits mean something where bursts were measured.
fn some(report: &Report, value: f64) -> Option<f64> {
    (report.wait.bursts > 0).then_some(value)
}

/// The table of `reports`: a row for each run of reports that differ in nothing
/// but their seeds, "mean ± standard deviation" where there are several.
/// Columns without any value are left out. A single report is followed by its
/// decisions.
pub fn text(reports: &[Report]) -> String {
    let rows: Vec<&[Report]> = reports.chunk_by(same_scenario).collect();
    let columns: Vec<&Column> = COLUMNS
        .iter()
        .filter(|(_, _, value)| reports.iter().any(|report| value(report).is_some()))
        .collect();
    let mut text = String::new();
    line(
        &mut text,
        "workload",
        "policy",
        columns.iter().map(|(title, ..)| (*title).into()),
    );
    line(
        &mut text,
        "---",
        "---",
        columns.iter().map(|_| "--:".into()),
    );
    for row in &rows {
        let cells = columns
            .iter()
            .map(|(_, small, value)| cell(row, *small, *value));
        line(&mut text, row[0].workload, row[0].policy, cells);
    }
    if let [report] = reports {
        decisions(&mut text, report);
    }
    text
}

fn same_scenario(a: &Report, b: &Report) -> bool {
    (a.workload, a.policy, &a.topology) == (b.workload, b.policy, &b.topology)
}

fn line(text: &mut String, workload: &str, policy: &str, cells: impl Iterator<Item = String>) {
    let cells: Vec<String> = cells.collect();
    text.push_str(&format!(
        "| {workload} | {policy} | {} |\n",
        cells.join(" | ")
    ));
}

fn cell(row: &[Report], small: usize, value: fn(&Report) -> Option<f64>) -> String {
    let values: Vec<f64> = row.iter().filter_map(value).collect();
    if values.is_empty() {
        return "".into();
    }
    let nr = values.len() as f64;
    let mean = values.iter().sum::<f64>() / nr;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    let deviation = (squares / (nr - 1.0).max(1.0)).sqrt();
    let digits = digits(mean, small);
    let (mean, deviation) = (format!("{mean:.digits$}"), format!("{deviation:.digits$}"));
    if deviation.bytes().all(|byte| matches!(byte, b'0' | b'.')) {
        mean
    } else {
        format!("{mean} ± {deviation}")
    }
}

/// Decimals that suit a number of this size, `small` if it is at most 1.
fn digits(value: f64, small: usize) -> usize {
    match value.abs() {
        0.0 => 0,
        value if value >= 100.0 => 0,
        value if value >= 10.0 => 1,
        value if value > 1.0 => 2,
        _ => small,
    }
}

fn decisions(text: &mut String, report: &Report) {
    if !report.decisions.is_empty() {
        text.push_str("\ndecisions:\n");
    }
    for (decision, count) in &report.decisions {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{count:>12} {decision}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::policy::PolicyKind;
    use crate::sim::tests::scenario;
    use crate::sim::workload::WorkloadKind;

    fn report(seed: u64) -> Report {
        let mut scenario = scenario("1x1x1x2", WorkloadKind::Exp, PolicyKind::Global);
        (scenario.seed, scenario.duration_ns) = (seed, 10_000_000);
        scenario.run(|_| ())
    }

    #[test]
    fn runs_of_a_scenario_share_a_row() {
        let (mut a, mut b) = (report(1), report(2));
        (a.wait.mean_us, b.wait.mean_us) = (100.0, 120.0);
        let text = text(&[a, b]);
        assert_eq!(text.lines().count(), 3);
        assert!(text.lines().all(|line| line.starts_with("| ")), "{text}");
        assert!(text.contains("| exp | global | 110 ± 14 |"), "{text}");
        assert!(
            !text.contains("Jain") && !text.contains("makespan"),
            "{text}"
        );
    }

    #[test]
    fn a_single_report_tells_its_decisions() {
        let mut report = report(1);
        report.decisions.insert("own track", 12);
        assert!(text(&[report]).ends_with("\ndecisions:\n          12 own track\n"));
    }

    #[test]
    fn numbers_keep_the_decimals_that_matter() {
        let digits = [0.0, 1234.5, 12.34, 1.234, 0.99912].map(|value| digits(value, 4));
        assert_eq!(digits, [0, 0, 1, 2, 4]);
    }
}
