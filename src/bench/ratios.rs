// SPDX-License-Identifier: GPL-2.0-only
//! All figures in one plot: how many times better than the default scheduler
//! each candidate is.

use hallows_load::suite::Better;
use maud::{Markup, html};

use super::plot::colour;
use super::report::{Entry, FigureReport, Report};
use super::table;

/// What is further from the default scheduler than so many times stands at the rim.
const RIM: f64 = 16.0;

const NAMES: f64 = 230.0;
const WIDTH: f64 = 560.0;
const ROW: f64 = 16.0;
const AXIS: f64 = 32.0;
const KEY: f64 = 130.0;
const KEYS_A_LINE: usize = 6;

/// A picture that needs no page: a row for each figure, a dot for each candidate,
/// better to the right; within the grey the default scheduler differs from itself.
pub fn picture(report: &Report) -> String {
    let candidates = &report.head.candidates[..report.head.candidates.len() - 1];
    let rows: Vec<(String, &FigureReport)> = report
        .tests
        .iter()
        .flat_map(|test| {
            test.figures
                .iter()
                .map(move |it| (table::title(test, it), it))
        })
        .collect();
    let top = AXIS + ROW * candidates.len().div_ceil(KEYS_A_LINE) as f64;
    let (width, height) = (NAMES + WIDTH + 40.0, top + ROW * rows.len() as f64 + 8.0);
    let picture = html! {
        svg xmlns="http://www.w3.org/2000/svg" viewBox=(format!("0 0 {width} {height}"))
            width=(width) height=(height) font-family="sans-serif" font-size="11" {
            rect width=(width) height=(height) fill="#fff" {}
            @for (index, candidate) in candidates.iter().enumerate().skip(1) {
                @let left = 6.0 + KEY * ((index - 1) % KEYS_A_LINE) as f64;
                @let line = 12.0 + ROW * ((index - 1) / KEYS_A_LINE) as f64;
                circle cx=(left) cy=(line) r="4" fill=(colour(index)) {}
                text x=(left + 8.0) y=(line + 4.0) { (candidate.name) }
            }
            @for power in -4..=4 {
                @let at = x(2f64.powi(power));
                line x1=(at) x2=(at) y1=(top - 6.0) y2=(height - 6.0) stroke="#ddd" {}
                text x=(at) y=(top - 10.0) text-anchor="middle" { (times(power)) }
            }
            @for (index, (name, figure)) in rows.iter().enumerate() {
                @let middle = top + ROW * (index as f64 + 0.5);
                text x="4" y=(middle + 4.0) { (name) }
                (row(figure, middle, candidates.len()))
            }
        }
    };
    picture.into_string()
}

fn times(power: i32) -> String {
    match power {
        0 => "the same".into(),
        power if power > 0 => format!("{}x better", 1 << power),
        power => format!("{}x worse", 1 << -power),
    }
}

fn row(figure: &FigureReport, middle: f64, candidates: usize) -> Markup {
    let base = figure.entry(0).map_or(0.0, |it| it.median.abs());
    let noise = figure
        .aa_spread
        .map_or(0.0, |it| it / base.max(f64::MIN_POSITIVE));
    let (low, high) = (x(1.0 / (1.0 + noise)), x(1.0 + noise));
    html! {
        rect x=(low) width=(high - low) y=(middle - 6.0) height="12" fill="#e4e4e4" {}
        @for candidate in (1..candidates).rev() {
            @if let Some(gain) = figure.entry(candidate).and_then(|it| gain(figure, it)) {
                circle cx=(x(gain)) cy=(middle) r="4" fill=(colour(candidate)) fill-opacity="0.8" {}
            }
        }
    }
}

/// How many times better than the default scheduler.
fn gain(figure: &FigureReport, entry: &Entry) -> Option<f64> {
    let ratio = entry.ratio?;
    Some(match figure.better {
        Better::Higher => ratio,
        Better::Lower => 1.0 / ratio.max(f64::MIN_POSITIVE),
    })
}

/// Where so many times better is.
fn x(gain: f64) -> f64 {
    let part = gain.clamp(1.0 / RIM, RIM).log2() / RIM.log2();
    NAMES + WIDTH * (part + 1.0) / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::report::tests::example;

    #[test]
    fn better_is_to_the_right_and_the_rim_holds_all() {
        let report = example();
        let figure = &report.tests[0].figures[0];
        let gain = gain(figure, figure.entry(1).unwrap()).unwrap();
        assert!((31.0..32.0).contains(&gain), "{gain}");
        assert!(x(2.0) > x(1.0) && x(1.0) > x(0.5));
        assert_eq!(x(gain), x(RIM));
        assert_eq!(x(0.0), NAMES);
    }

    #[test]
    fn the_picture_has_a_dot_for_each_that_was_measured() {
        let mut report = example();
        let picture_of = |report: &Report| picture(report).matches("<circle").count();
        // Two in the key; of these one never started.
        assert_eq!(picture_of(&report), 3);
        report.tests[0].figures[0].entries[0].median = 0.0;
        assert!(!picture(&report).contains("NaN"));
        assert!(picture(&report).starts_with("<svg xmlns="));
    }
}
