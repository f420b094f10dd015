// SPDX-License-Identifier: GPL-2.0-only
//! One report of several: of runs that were measured apart, such as one a boot.

use anyhow::{Context, Result, ensure};
use hallows_load::suite::Figure;

use super::facts::Facts;
use super::moves::Moves;
use super::report::{
    Activity, Curve, FigureReport, Head, Named, Report, SCHEMA, TestReport, compared,
};
use super::results::Session;
use super::stats::median;

/// Puts the rounds of all reports after one another and judges anew. What a
/// report has no single values of, latencies and what went on besides, is the
/// median of the reports': of reports of one round each nothing is lost.
///
/// # Errors
/// There are none, or they are of different machines, schedulers or tests.
pub fn sum(reports: &[Report]) -> Result<Report> {
    let first = reports.first().context("no report to sum up")?;
    for report in reports {
        same(first, report)?;
    }
    let all: Vec<&Head> = reports.iter().map(|it| &it.head).collect();
    let mut noise: Vec<String> = all.iter().flat_map(|it| it.noise.clone()).collect();
    noise.dedup();
    let head = Head {
        rounds: all.iter().map(|it| it.rounds).sum(),
        moves_missing: all.iter().find_map(|it| it.moves_missing.clone()),
        noise,
        ..first.head.clone()
    };
    let tests = (0..first.tests.len()).map(|index| {
        let parts: Vec<&TestReport> = reports.iter().map(|it| &it.tests[index]).collect();
        sum_test(&parts, head.candidates.len())
    });
    Ok(Report {
        finished: reports.iter().all(|it| it.finished),
        sessions: sessions(reports),
        tests: tests.collect::<Result<_>>()?,
        head,
    })
}

fn same(first: &Report, other: &Report) -> Result<()> {
    let (a, b) = (&first.head, &other.head);
    for head in [a, b] {
        ensure!(
            head.schema == SCHEMA,
            "a report of format {}, and this program knows {SCHEMA}",
            head.schema
        );
    }
    let names = |it: &[Named]| it.iter().map(|it| it.name.clone()).collect::<Vec<_>>();
    let (left, right) = (names(&a.candidates), names(&b.candidates));
    ensure!(
        left == right,
        "reports of other schedulers: {} and {}",
        left.join(", "),
        right.join(", ")
    );
    let machine = |it: &Head| {
        let Facts {
            kernel,
            cpus,
            llcs,
            nodes,
            ..
        } = &it.machine;
        format!("Linux {kernel}, {cpus} CPUs, {llcs} LLCs, {nodes} nodes")
    };
    ensure!(
        machine(a) == machine(b),
        "reports of other machines: {} and {}",
        machine(a),
        machine(b)
    );
    let commands = |it: &Head| {
        it.candidates
            .iter()
            .map(|it| it.command.clone())
            .collect::<Vec<_>>()
    };
    ensure!(
        a.version == b.version && commands(a) == commands(b),
        "reports of other versions: {} and {}",
        commands(a).join(", "),
        commands(b).join(", ")
    );
    let tests = |it: &Report| {
        it.tests
            .iter()
            .map(|it| it.name.clone())
            .collect::<Vec<_>>()
    };
    ensure!(
        a.scale == b.scale && tests(first) == tests(other),
        "reports of other tests"
    );
    Ok(())
}

/// All turns, whose rounds count on from report to report.
fn sessions(reports: &[Report]) -> Vec<Session> {
    let mut before = 0;
    let mut all = Vec::new();
    for report in reports {
        all.extend(report.sessions.iter().cloned().map(|session| Session {
            round: session.round + before,
            ..session
        }));
        before += report.head.rounds;
    }
    all
}

fn sum_test(parts: &[&TestReport], candidates: usize) -> Result<TestReport> {
    let first = parts[0];
    let nr = parts.iter().map(|it| it.figures.len()).max().unwrap_or(0);
    let figures = (0..nr).map(|index| {
        let of: Vec<&FigureReport> = parts
            .iter()
            .filter_map(|it| it.figures.get(index))
            .collect();
        ensure!(
            of.iter()
                .all(|it| (&it.name, &it.unit) == (&of[0].name, &of[0].unit)),
            "reports of other figures of {}",
            first.name
        );
        Ok(sum_figure(&of, candidates))
    });
    Ok(TestReport {
        name: first.name.clone(),
        about: first.about.clone(),
        command: first.command.clone(),
        figures: figures.collect::<Result<_>>()?,
        latencies: (0..candidates).filter_map(|it| curve(parts, it)).collect(),
        activity: (0..candidates)
            .filter_map(|it| activity(parts, it))
            .collect(),
    })
}

fn sum_figure(parts: &[&FigureReport], candidates: usize) -> FigureReport {
    let of = |candidate: usize| {
        let entries = parts.iter().filter_map(|it| it.entry(candidate));
        entries.flat_map(|it| it.values.clone()).collect()
    };
    let values: Vec<Vec<f64>> = (0..candidates).map(of).collect();
    let figure = Figure {
        name: parts[0].name.clone(),
        unit: parts[0].unit.clone(),
        better: parts[0].better,
        resolution: parts[0].resolution,
        value: 0.0,
    };
    compared(&figure, &values)
}

fn curve(parts: &[&TestReport], candidate: usize) -> Option<Curve> {
    let of = |part: &&TestReport| {
        let curve = part.latencies.iter().find(|it| it.candidate == candidate)?;
        Some(curve.points.clone())
    };
    let curves: Vec<Vec<(f64, f64)>> = parts.iter().filter_map(of).collect();
    let points = curves
        .first()?
        .iter()
        .enumerate()
        .map(|(index, (share, _))| {
            let here = curves.iter().filter_map(|it| Some(it.get(index)?.1));
            (*share, median(&here.collect::<Vec<f64>>()))
        });
    Some(Curve {
        candidate,
        points: points.collect(),
    })
}

fn activity(parts: &[&TestReport], candidate: usize) -> Option<Activity> {
    let of = |part: &&TestReport| {
        let found = part.activity.iter().find(|it| it.candidate == candidate);
        found.cloned()
    };
    let all: Vec<Activity> = parts.iter().filter_map(of).collect();
    if all.is_empty() {
        return None;
    }
    let middle =
        |value: &dyn Fn(&Activity) -> f64| median(&all.iter().map(value).collect::<Vec<_>>());
    let moves: Vec<Moves> = all.iter().filter_map(|it| it.moves_per_s).collect();
    Some(Activity {
        candidate,
        switches_per_s: middle(&|it| it.switches_per_s),
        moves_per_s: (!moves.is_empty()).then(|| Moves::median(&moves)),
        scheduler_cpu_pct: middle(&|it| it.scheduler_cpu_pct),
        scheduler_wakeups_per_s: middle(&|it| it.scheduler_wakeups_per_s),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::report::tests::{example, example_of};
    use crate::bench::verdict::Verdict;

    fn error(change: impl Fn(&mut Report)) -> String {
        let mut other = example();
        change(&mut other);
        sum(&[example(), other]).unwrap_err().to_string()
    }

    #[test]
    fn rounds_measured_apart_come_to_what_they_come_to_together() {
        let apart: Vec<Report> = (1..=3).map(|round| example_of(round..=round)).collect();
        let (whole, summed) = (example(), sum(&apart).unwrap());
        let json = |report: &Report| serde_json::to_value(report).unwrap();
        assert_eq!(json(&summed), json(&whole));
    }

    #[test]
    fn more_rounds_tell_more() {
        let one = example_of(1..=1);
        let verdict = |report: &Report| report.tests[0].figures[0].entry(1).unwrap().verdict;
        assert_eq!(verdict(&one), Some(Verdict::Same));
        let three = sum(&[one.clone(), one.clone(), one]).unwrap();
        assert_eq!(verdict(&three), Some(Verdict::Better));
        assert_eq!(three.head.rounds, 3);
    }

    #[test]
    fn a_report_read_again_is_the_same() {
        let json = serde_json::to_string(&example()).unwrap();
        let again: Report = serde_json::from_str(&json).unwrap();
        let entry = |report: &Report| report.tests[0].figures[0].entry(1).unwrap().clone();
        assert_eq!(entry(&again).values, entry(&example()).values);
        assert_eq!(entry(&again).verdict, Some(Verdict::Better));
        assert_eq!(again.sessions, example().sessions);
    }

    #[test]
    fn what_does_not_belong_together_is_refused() {
        assert_eq!(sum(&[]).unwrap_err().to_string(), "no report to sum up");
        let words = error(|it| it.head.candidates[2].name = "scx_x".into());
        assert!(
            words.contains("schedulers") && words.contains("scx_x"),
            "{words}"
        );
        assert!(error(|it| it.head.machine.cpus = 9).contains("9 CPUs"));
        assert!(error(|it| it.head.machine.llcs = 9).contains("9 LLCs"));
        let words = error(|it| it.head.candidates[1].command = "/opt/x".into());
        assert!(
            words.contains("versions") && words.contains("/opt/x"),
            "{words}"
        );
        assert!(error(|it| it.tests.clear()).contains("tests"));
        assert!(error(|it| it.head.schema = 1).contains("format 1"));
        assert!(error(|it| it.tests[0].figures[0].unit = "x".into()).contains("figures"));
    }
}
