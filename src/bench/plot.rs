// SPDX-License-Identifier: GPL-2.0-only
//! Plots of the report, as SVG inside the page.

use maud::{Markup, html};

use super::report::{Curve, FigureReport, Named};
use super::table;

/// One for each candidate; more candidates begin anew. Told apart in grey, too.
const COLOURS: [&str; 11] = [
    "#7a7a7a", "#c0392b", "#2471a3", "#239b56", "#b9770e", "#7d3c98", "#117a65", "#000000",
    "#d4ac0d", "#e91e9c", "#5d4037",
];

/// The colour of a candidate.
pub fn colour(candidate: usize) -> &'static str {
    COLOURS[candidate % COLOURS.len()]
}

const NAMES: f64 = 150.0;
const WIDTH: f64 = 420.0;
const LABELS: f64 = 190.0;
const ROW: f64 = 18.0;

/// A bar for the median of each candidate, with its interval.
pub fn bars(figure: &FigureReport, candidates: &[Named]) -> Markup {
    let reach = |it: f64| if it.is_finite() { it.max(0.0) } else { 0.0 };
    let most = figure
        .entries
        .iter()
        .map(|it| reach(it.interval.hi.max(it.median)));
    let most = most.fold(f64::MIN_POSITIVE, f64::max);
    let x = |value: f64| NAMES + WIDTH * reach(value) / most;
    let (width, height) = (NAMES + WIDTH + LABELS, ROW * candidates.len() as f64);
    html! {
        svg viewBox=(format!("0 0 {width} {height}")) width=(width) height=(height) role="img" {
            @for (index, candidate) in candidates.iter().enumerate() {
                @let top = ROW * index as f64;
                @let middle = top + ROW / 2.0;
                text x="0" y=(top + 13.0) { (candidate.name) }
                @if let Some(entry) = figure.entry(index) {
                    rect x=(NAMES) y=(top + 3.0) height=(ROW - 6.0) fill=(colour(index))
                        width=(x(entry.median) - NAMES) {}
                    line x1=(x(entry.interval.lo)) x2=(x(entry.interval.hi)) y1=(middle)
                        y2=(middle) stroke="#000" stroke-width="2" {}
                    text x=(x(entry.median.max(entry.interval.hi)) + 6.0) y=(top + 13.0) {
                        (table::value(entry))
                    }
                } @else {
                    text x=(NAMES + 6.0) y=(top + 13.0) { "failed" }
                }
            }
        }
    }
}

const LEFT: f64 = 50.0;
const PLOT: f64 = 520.0;
const TALL: f64 = 200.0;

/// The share of latencies that are no longer than so many microseconds, of which
/// each decade has the same room.
pub fn distribution(curves: &[Curve]) -> Markup {
    let points = || curves.iter().flat_map(|curve| &curve.points);
    let longest = points().map(|(_, us)| *us).fold(10.0, f64::max);
    let decades = longest.log10().ceil();
    let x = |us: f64| LEFT + PLOT * us.max(1.0).log10() / decades;
    let y = |share: f64| 10.0 + TALL * (1.0 - share);
    let path = |curve: &Curve| -> String {
        let points = curve.points.iter();
        let points = points.map(|(share, us)| format!("{:.1},{:.1}", x(*us), y(*share)));
        points.collect::<Vec<_>>().join(" ")
    };
    let (width, height) = (LEFT + PLOT + 20.0, TALL + 45.0);
    html! {
        svg viewBox=(format!("0 0 {width} {height}")) width=(width) height=(height) role="img" {
            @for percent in [0, 50, 90, 99, 100] {
                @let at = y(f64::from(percent) / 100.0);
                @if percent != 99 {
                    text x="0" y=(at + 4.0) { (percent) " %" }
                }
                line x1=(LEFT) x2=(LEFT + PLOT) y1=(at) y2=(at) stroke="#ddd" {}
            }
            @for decade in 0..=(decades as i32) {
                @let at = x(10f64.powi(decade));
                line x1=(at) x2=(at) y1=(y(1.0)) y2=(y(0.0)) stroke="#ddd" {}
                text x=(at - 8.0) y=(TALL + 26.0) { (10f64.powi(decade)) }
            }
            text x=(LEFT + PLOT / 2.0) y=(TALL + 42.0) { "latency, us" }
            @for curve in curves {
                polyline points=(path(curve)) fill="none" stroke=(colour(curve.candidate))
                    stroke-width="2" {}
            }
        }
    }
}
