// SPDX-License-Identifier: GPL-2.0-only
//! The report as a page for a repository or an issue.

use std::fmt::Write;

use super::report::{FigureReport, Report, TestReport};
use super::table;
use super::verdict::Verdict;

/// The page; `picture` is the file that [`super::ratios::picture`] was written to.
pub fn page(report: &Report, picture: &str) -> String {
    let head = &report.head;
    let names: Vec<&str> = head.candidates[..head.candidates.len() - 1]
        .iter()
        .map(|it| it.name.as_str())
        .collect();
    let machine = &head.machine;
    let mut text = format!(
        "# {} CPUs, {} LLCs, {} nodes, Linux {}\n\n\
         {} rounds, begun {}, {}.\n\n![How many times better than {}]({picture})\n\n",
        machine.cpus,
        machine.llcs,
        machine.nodes,
        machine.kernel,
        head.rounds,
        head.time,
        head.version,
        names[0],
    );
    // Writing to a string does not fail.
    for (name, last, nr) in report.failures() {
        let _ = writeln!(
            text,
            "**{name} failed**, {nr} of {} rounds: `{last}`\n",
            head.rounds
        );
    }
    if !report.finished {
        let _ = writeln!(text, "Interrupted: not all rounds were run.\n");
    }
    let _ = writeln!(
        text,
        "Medians (95 % intervals), ratio to {}'s, and where it is beyond the noise **better** or \
         *worse*. A/A: what {} differs from itself by.\n",
        names[0], names[0]
    );
    let _ = writeln!(text, "| figure | unit | {} | A/A |", names.join(" | "));
    let _ = writeln!(text, "|---|---|{}---|", "---|".repeat(names.len()));
    for test in &report.tests {
        for figure in &test.figures {
            text += &row(test, figure, names.len());
        }
        if test.figures.is_empty() {
            let _ = writeln!(
                text,
                "| {} | |{} |",
                test.name,
                " failed |".repeat(names.len())
            );
        }
    }
    text += "\n| test | what it does | command |\n|---|---|---|\n";
    for test in &report.tests {
        let _ = writeln!(
            text,
            "| {} | {} | `{}` |",
            test.name, test.about, test.command
        );
    }
    text += "\n| scheduler | command |\n|---|---|\n";
    for candidate in &head.candidates {
        let _ = writeln!(text, "| {} | {} |", candidate.name, candidate.command);
    }
    text
}

fn row(test: &TestReport, figure: &FigureReport, candidates: usize) -> String {
    let cell = |candidate: usize| {
        let Some(entry) = figure.entry(candidate) else {
            return "failed".into();
        };
        let mark = match entry.verdict {
            Some(Verdict::Better) => "**",
            Some(Verdict::Worse) => "*",
            _ => "",
        };
        let beside = match candidate {
            0 => String::new(),
            _ => format!("<br>{mark}{}{mark}", table::beside(entry)),
        };
        format!("{}{beside}", table::value(entry))
    };
    let cells: Vec<String> = (0..candidates).map(cell).collect();
    format!(
        "| {} | {} | {} | {} |\n",
        table::title(test, figure),
        figure.unit,
        cells.join(" | "),
        table::spread(figure)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::report::tests::example;

    #[test]
    fn a_row_has_each_scheduler_and_what_failed_stays_in() {
        let page = page(&example(), "x.svg");
        let wanted = "| wakeup p99 | us | 1002 (1001..1003) | 32.0 (31.0..33.0)<br>**0.032x better** | failed | 0 % |";
        assert!(page.contains(wanted), "{page}");
        assert!(page.contains("**scx_broken failed**, 3 of 3 rounds: `no such <luck>`"));
        assert!(page.contains("](x.svg)") && page.contains("`wakeup`"));
    }

    #[test]
    fn what_was_not_measured_at_all_is_a_row() {
        let mut report = example();
        report.tests[0].figures.clear();
        report.finished = false;
        let page = page(&report, "x.svg");
        assert!(
            page.contains("| wakeup | | failed | failed | failed | |"),
            "{page}"
        );
        assert!(page.contains("Interrupted"));
    }
}
