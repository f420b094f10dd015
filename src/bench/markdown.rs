// SPDX-License-Identifier: GPL-2.0-only
//! The report as a page for a repository or an issue.

use hallows_load::suite::Scale;

use super::report::{FigureReport, Report, TestReport};
use super::table;
use super::verdict::Verdict;

/// The page; `picture` is the file that [`super::ratios::picture`] was written to.
pub fn page(report: &Report, picture: &str) -> String {
    heading(report, picture) + &figures(report) + &activity(report) + &commands(report)
}

fn heading(report: &Report, picture: &str) -> String {
    let (head, machine) = (&report.head, &report.head.machine);
    let mut text = format!(
        "# {}, {}, {}, Linux {}\n\n\
         {} of scale {}, begun {}, {}.\n\n![How many times better than {}]({picture})\n\n",
        count(machine.cpus, "CPU"),
        count(machine.llcs, "LLC"),
        count(machine.nodes, "node"),
        machine.kernel,
        count(head.rounds, "round"),
        scale(head.scale),
        head.time,
        head.version,
        head.candidates[0].name,
    );
    for (name, last, nr) in report.failures() {
        let rounds = count(head.rounds, "round");
        text += &format!("**{name} failed**, {nr} of {rounds}: `{last}`\n\n");
    }
    for test in &report.head.left_out {
        text += &format!("Not run: {test}\n\n");
    }
    for noise in &report.head.noise {
        text += &format!("Noisy before the first round: {noise}\n\n");
    }
    if !report.finished {
        text += "Interrupted: not all rounds were run.\n\n";
    }
    text
}

/// A row for each figure, with a column for each candidate.
fn figures(report: &Report) -> String {
    let nr = report.head.candidates.len() - 1;
    let names = report.head.candidates[..nr].iter();
    let names: Vec<&str> = names.map(|it| it.name.as_str()).collect();
    let base = names[0];
    let mut text = format!(
        "Medians (95 % intervals), ratio to {base}'s, and where it is beyond the noise **better** \
         or *worse*. A/A: what {base} differs from itself by. Ratios are to the median of all of \
         its rounds, the second time (A/A) among them, which its own column leaves out.\n\n\
         | figure | unit | {} | {} beside the best other | A/A |\n|---|---|{}---|---|\n",
        names.join(" | "),
        names[1],
        "---|".repeat(nr)
    );
    for test in &report.tests {
        for figure in &test.figures {
            text += &row(report, test, figure);
        }
        if test.figures.is_empty() {
            text += &format!("| {} | |{} | |\n", test.name, " failed |".repeat(nr));
        }
    }
    text
}

/// What went on besides: a row for each test and candidate.
fn activity(report: &Report) -> String {
    let mut text =
        "\n| test | scheduler | switches/s | moves/s: LLC, node, machine | its CPU, % | \
                    its wake-ups/s |\n|---|---|---|---|---|---|\n"
            .to_owned();
    for test in &report.tests {
        for it in &test.activity {
            let moves = it.moves_per_s.as_ref().map_or_else(String::new, |moves| {
                format!("{:.0}, {:.0}, {:.0}", moves.llc, moves.node, moves.machine)
            });
            text += &format!(
                "| {} | {} | {:.0} | {moves} | {:.2} | {:.1} |\n",
                test.name,
                report.head.candidates[it.candidate].name,
                it.switches_per_s,
                it.scheduler_cpu_pct,
                it.scheduler_wakeups_per_s
            );
        }
    }
    text
}

/// What each test does, and what was run.
fn commands(report: &Report) -> String {
    let mut text = "\n| test | what it does | command |\n|---|---|---|\n".to_owned();
    for test in &report.tests {
        text += &format!("| {} | {} | `{}` |\n", test.name, test.about, test.command);
    }
    text += "\n| scheduler | command |\n|---|---|\n";
    for candidate in &report.head.candidates {
        text += &format!("| {} | {} |\n", candidate.name, candidate.command);
    }
    text
}

fn scale(scale: Scale) -> &'static str {
    match scale {
        Scale::Quick => "quick",
        Scale::Normal => "normal",
        Scale::Full => "full",
    }
}

fn count(nr: usize, what: &str) -> String {
    let s = if nr == 1 { "" } else { "s" };
    format!("{nr} {what}{s}")
}

fn row(report: &Report, test: &TestReport, figure: &FigureReport) -> String {
    let candidates = report.head.candidates.len() - 1;
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
        "| {} | {} | {} | {} | {} |\n",
        table::title(test, figure),
        figure.unit,
        cells.join(" | "),
        table::rival(report, figure),
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
        let wanted = "| wakeup p99 | us | 1002 (1001..1003) | 32.0 (31.0..33.0)<br>**0.032x better** | failed |  | 0 % |";
        assert!(page.contains(wanted), "{page}");
        assert!(page.contains("**scx_broken failed**, 3 of 3 rounds: `no such <luck>`"));
        assert!(page.contains("](x.svg)") && page.contains("`wakeup`"));
        assert!(page.contains("Not run: build: needs cc"));
        assert!(
            page.contains("| wakeup | scx_hallows | 50 | 4, 0, 0 | 0.00 | 0.0 |"),
            "{page}"
        );
    }

    #[test]
    fn what_was_not_measured_at_all_is_a_row() {
        let mut report = example();
        report.tests[0].figures.clear();
        report.finished = false;
        let page = page(&report, "x.svg");
        assert!(
            page.contains("| wakeup | | failed | failed | failed | | |"),
            "{page}"
        );
        assert!(page.contains("Interrupted"));
    }
}
