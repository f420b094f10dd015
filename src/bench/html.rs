// SPDX-License-Identifier: GPL-2.0-only
//! The report as one page that needs nothing else.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::plot::{bars, colour, distribution};
use super::report::{Report, TestReport};
use super::table;
use super::verdict::Verdict;

const STYLE: &str = "body{font:14px/1.5 system-ui,sans-serif;max-width:75em;margin:2em auto;padding:0 1em}\
    table{border-collapse:collapse;margin:1em 0}td,th{padding:.15em .8em;text-align:left;\
    border-bottom:1px solid #ddd;vertical-align:top}code{font-size:12px}svg{font-size:12px;display:block}\
    .better{color:#176b37}.worse{color:#a5281b}.n{text-align:right;font-variant-numeric:tabular-nums}\
    .key{display:inline-block;width:.8em;height:.8em;margin-right:.4em}";

/// The page.
pub fn page(report: &Report) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                title { "scx_hallows bench" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                h1 { "scx_hallows bench" }
                (facts(report))
                (candidates(report))
                h2 { "Verdicts" }
                (verdicts(report))
                @for test in &report.tests {
                    (details(test, report))
                }
            }
        }
    };
    page.into_string()
}

fn facts(report: &Report) -> Markup {
    let head = &report.head;
    html! {
        table {
            @for (name, value) in [("begun", &head.time), ("scx_hallows", &head.version)] {
                tr { th { (name) } td { (value) } }
            }
            tr { th { "command" } td { code { (head.command) } } }
            tr {
                th { "rounds" }
                td {
                    (head.rounds)
                    @if !report.finished { ", but it was interrupted before the last one ended" }
                }
            }
            @for (name, value) in head.machine.lines() {
                tr { th { (name) } td { (value) } }
            }
            tr {
                th { "noise" }
                td {
                    @for noise in &head.noise { (noise) br; }
                    @if head.noise.is_empty() { "none worth mention" }
                }
            }
        }
    }
}

fn candidates(report: &Report) -> Markup {
    let failures = report.failures();
    html! {
        h2 { "Schedulers" }
        p { "They took turns in this order, once a round." }
        table {
            @for (index, candidate) in report.head.candidates.iter().enumerate() {
                @let failure = failures.iter().find(|(name, ..)| *name == candidate.name);
                tr {
                    td { span class="key" style=(format!("background:{}", colour(index))) {} (candidate.name) }
                    td { code { (candidate.command) } }
                    td {
                        @if let Some((_, last, nr)) = failure {
                            "failed in " (nr) " of " (report.head.rounds) " rounds: " (last)
                        }
                    }
                }
            }
        }
    }
}

fn verdicts(report: &Report) -> Markup {
    let again = report.head.candidates.len() - 1;
    html! {
        p {
            "Medians, with the interval in which they lie with 95 % confidence, and their ratio \
             to the default scheduler's. Better or worse is what lies beyond that interval, \
             beyond what the default scheduler differs from itself by when it is measured \
             twice (A/A), and is at least 1 %. Ratios are to the median of all of its rounds, \
             those of the second time among them."
        }
        table {
            tr {
                th { "figure" } th { "unit" }
                @for (index, candidate) in report.head.candidates[..again].iter().enumerate() {
                    th { (candidate.name) }
                    @if index > 0 { th { "beside it" } }
                }
                th { "A/A" }
            }
            @for test in &report.tests {
                @for figure in &test.figures {
                    tr {
                        td { (table::title(test, figure)) }
                        td { (figure.unit) }
                        @for candidate in 0..again {
                            @match figure.entry(candidate) {
                                None => { td { "failed" } @if candidate > 0 { td {} } }
                                Some(entry) => {
                                    td class="n" { (table::value(entry)) }
                                    @if candidate > 0 {
                                        td class=(entry.verdict.map_or("", Verdict::word)) {
                                            (table::beside(entry))
                                        }
                                    }
                                }
                            }
                        }
                        td class="n" { (table::spread(figure)) }
                    }
                }
            }
        }
    }
}

fn details(test: &TestReport, report: &Report) -> Markup {
    let names = &report.head.candidates;
    html! {
        h2 id=(test.name) { (test.name) }
        p { (test.about) br; code { (test.command) } }
        @if test.figures.is_empty() { p { "failed under all schedulers" } }
        @for figure in &test.figures {
            h3 { (table::title(test, figure)) ", " (figure.unit) }
            (bars(figure, names))
        }
        @if !test.latencies.is_empty() {
            h3 { "Distribution of latencies" }
            (distribution(&test.latencies))
        }
        @if !test.activity.is_empty() { (activity(test, report)) }
    }
}

fn activity(test: &TestReport, report: &Report) -> Markup {
    let number = |value: f64| format!("{value:.1}");
    html! {
        table {
            tr {
                th { "a second" } th { "context switches" } th { "moves: SMT" } th { "LLC" }
                th { "node" } th { "machine" } th { "scheduler's wake-ups" }
                th { "scheduler's CPU, %" }
            }
            @for activity in &test.activity {
                tr {
                    td { (report.head.candidates[activity.candidate].name) }
                    td class="n" { (number(activity.switches_per_s)) }
                    @if let Some(moves) = &activity.moves_per_s {
                        @for value in [moves.smt, moves.llc, moves.node, moves.machine] {
                            td class="n" { (number(value)) }
                        }
                    } @else {
                        td colspan="4" { "not counted" }
                    }
                    td class="n" { (number(activity.scheduler_wakeups_per_s)) }
                    td class="n" { (format!("{:.2}", activity.scheduler_cpu_pct)) }
                }
            }
        }
        @if let Some(why) = &report.head.moves_missing {
            p { "Moves were not counted: " (why) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::report::tests::example;

    #[test]
    fn the_page_stands_alone_and_escapes_what_it_quotes() {
        let page = page(&example());
        for outside in ["http:", "https:", "src=", "href=", "@import", "url("] {
            assert!(!page.contains(outside), "{outside}");
        }
        assert!(page.contains("no such &lt;luck&gt;") && !page.contains("<luck>"));
        assert!(page.contains("0.032x better"));
        assert!(page.contains("<polyline") && page.contains("<rect"));
        assert!(page.contains("/bin/scx_hallows &lt;x&gt;"));
    }

    #[test]
    fn no_number_of_a_plot_is_infinite() {
        let mut report = example();
        for entry in &mut report.tests[0].figures[0].entries {
            entry.median = 0.0;
            (entry.interval.lo, entry.interval.hi) = (0.0, 0.0);
        }
        for curve in &mut report.tests[0].latencies {
            for point in &mut curve.points {
                point.1 = 0.0;
            }
        }
        let page = page(&report);
        assert!(!page.contains("NaN") && !page.contains("inf\""), "{page}");
    }
}
