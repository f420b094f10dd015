// SPDX-License-Identifier: GPL-2.0-only
//! What the benchmark came to, as `report.json` has it.

use fastrand::Rng;
use hallows_load::suite::{Better, Figure, QUANTILES, Scale, Test};
use serde::{Deserialize, Serialize};

use super::facts::Facts;
use super::moves::Moves;
use super::results::{Results, Run, Session};
use super::stats::{Interval, median, median_interval};
use super::verdict::{Verdict, Yardstick, aa_spread};

/// The version of the format of `report.json`.
pub const SCHEMA: u32 = 2;

/// Of the random numbers of the bootstrap: the same values, the same report.
const SEED: u64 = 1;

/// What is known before anything was measured.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Head {
    /// Version of this format.
    pub schema: u32,
    /// When it began, UTC.
    pub time: String,
    /// Version of scx_hallows.
    pub version: String,
    /// The command that the user gave.
    pub command: String,
    /// How long tests measured.
    pub scale: Scale,
    /// How many rounds were wanted.
    pub rounds: usize,
    /// The machine.
    pub machine: Facts,
    /// What was loud about it before the first round.
    pub noise: Vec<String>,
    /// Why moves between CPUs were not counted, if they were not.
    pub moves_missing: Option<String>,
    /// Tests that were not run, and why.
    #[serde(default)]
    pub left_out: Vec<String>,
    /// The candidates: the default scheduler comes first, and again last.
    pub candidates: Vec<Named>,
}

/// A candidate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Named {
    /// Its name in the report.
    pub name: String,
    /// Its command line.
    pub command: String,
}

/// What the benchmark came to.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Report {
    /// What was known before.
    #[serde(flatten)]
    pub head: Head,
    /// Whether all rounds were run.
    pub finished: bool,
    /// Turns of the candidates, in the order of time.
    pub sessions: Vec<Session>,
    /// What the tests found.
    pub tests: Vec<TestReport>,
}

/// What a test found.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TestReport {
    /// Its name.
    pub name: String,
    /// What it does.
    pub about: String,
    /// What runs it once.
    pub command: String,
    /// Its figures.
    pub figures: Vec<FigureReport>,
    /// The distribution of latencies under each candidate, if it measures any.
    pub latencies: Vec<Curve>,
    /// What went on besides.
    pub activity: Vec<Activity>,
}

/// What a figure came to.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FigureReport {
    /// Its name; empty where the test's says it.
    pub name: String,
    /// Its unit.
    pub unit: String,
    /// Which values are good.
    pub better: Better,
    /// The smallest difference that means something, in the unit.
    pub resolution: f64,
    /// The most that the default scheduler may differ from itself by, in the
    /// unit; none if it was not measured twice.
    pub aa_spread: Option<f64>,
    /// What it was under each candidate that has values.
    pub entries: Vec<Entry>,
    /// The best of the others beside the first candidate after the default scheduler,
    /// which is this one.
    #[serde(default)]
    pub rival: Option<Rival>,
}

/// How this scheduler is beside the best of the others, the default one aside.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Rival {
    /// Index of that candidate.
    pub candidate: usize,
    /// This scheduler's median over that one's, unless that is 0.
    pub ratio: Option<f64>,
    /// What may be said of this scheduler beside it.
    pub verdict: Verdict,
}

/// A figure under a candidate.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Entry {
    /// Index of the candidate.
    pub candidate: usize,
    /// A value a round.
    pub values: Vec<f64>,
    /// Their median.
    pub median: f64,
    /// Where the median lies with 95 % confidence.
    pub interval: Interval,
    /// The median over that of the default scheduler, unless that is 0.
    pub ratio: Option<f64>,
    /// Beside the default scheduler; none for itself.
    pub verdict: Option<Verdict>,
}

/// Latencies under a candidate.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Curve {
    /// Index of the candidate.
    pub candidate: usize,
    /// Share of the latencies that are no longer, and how long: the median of
    /// all rounds, us.
    pub points: Vec<(f64, f64)>,
}

/// What went on while a test ran under a candidate; medians of all rounds.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Activity {
    /// Index of the candidate.
    pub candidate: usize,
    /// Context switches of the test's tasks.
    pub switches_per_s: f64,
    /// Moves of tasks on the whole machine, if they were counted.
    pub moves_per_s: Option<Moves>,
    /// CPU time of the scheduler's process, percent of a CPU.
    pub scheduler_cpu_pct: f64,
    /// How often the scheduler's process woke up.
    pub scheduler_wakeups_per_s: f64,
}

impl Report {
    /// Sums `results` of `tests` up; `command` says how a test is run once.
    pub fn new(
        head: Head,
        results: &Results,
        tests: &[&'static Test],
        finished: bool,
        command: impl Fn(&Test) -> String,
    ) -> Report {
        let nr = head.candidates.len();
        let summed = tests.iter().map(|test| {
            let runs: Vec<Vec<&Run>> = (0..nr)
                .map(|candidate| {
                    let of = |run: &&Run| run.candidate == candidate && run.test == test.name;
                    results.runs.iter().filter(of).collect()
                })
                .collect();
            TestReport {
                name: test.name.to_owned(),
                about: test.about.to_owned(),
                command: command(test),
                figures: figures(&runs),
                latencies: curves(&runs),
                activity: activity(&runs),
            }
        });
        Report {
            tests: summed.collect(),
            sessions: results.sessions.clone(),
            finished,
            head,
        }
    }

    /// Whether there are others than the default scheduler and this one.
    pub fn has_rivals(&self) -> bool {
        self.head.candidates.len() > 3
    }

    /// Failures: whose, and what the last was, with how many there were.
    pub fn failures(&self) -> Vec<(&str, &str, usize)> {
        let of = |name: &str| {
            let failed = |it: &&Session| it.candidate == name && it.failure.is_some();
            let all: Vec<_> = self.sessions.iter().filter(failed).collect();
            let last = all.last()?.failure.as_deref()?;
            Some((last, all.len()))
        };
        let names = self.head.candidates.iter().map(|it| it.name.as_str());
        names
            .filter_map(|name| of(name).map(|(last, nr)| (name, last, nr)))
            .collect()
    }
}

impl FigureReport {
    /// What it was under a candidate.
    pub fn entry(&self, candidate: usize) -> Option<&Entry> {
        self.entries.iter().find(|it| it.candidate == candidate)
    }
}

/// The figures of a test whose runs, by candidate, these are.
fn figures(runs: &[Vec<&Run>]) -> Vec<FigureReport> {
    let all: Vec<Vec<Vec<Figure>>> = runs
        .iter()
        .map(|runs| runs.iter().map(|run| run.figures()).collect())
        .collect();
    let Some(first) = all.iter().flatten().next() else {
        return Vec::new();
    };
    let figure = |(index, figure): (usize, &Figure)| {
        let values: Vec<Vec<f64>> = all
            .iter()
            .map(|runs| {
                runs.iter()
                    .filter_map(|it| Some(it.get(index)?.value))
                    .collect()
            })
            .collect();
        compared(figure, &values)
    };
    first.iter().enumerate().map(figure).collect()
}

/// A figure whose values, by candidate, these are: those of the default scheduler
/// come first, and again last.
pub(super) fn compared(figure: &Figure, values: &[Vec<f64>]) -> FigureReport {
    let mut rng = Rng::with_seed(SEED);
    let (once, again) = (&values[0], &values[values.len() - 1]);
    let spread = aa_spread(once, again, &mut rng);
    let base = [&once[..], again].concat();
    let yardstick = Yardstick {
        base: &base,
        aa_spread: spread,
        better: figure.better,
        resolution: figure.resolution,
    };
    let middle = median(&base);
    let entry = |(candidate, values): (usize, &Vec<f64>)| Entry {
        candidate,
        median: median(values),
        interval: median_interval(values, &mut rng),
        ratio: (middle != 0.0).then(|| median(values) / middle),
        verdict: (candidate != 0).then(|| yardstick.judge(values, &mut rng)),
        values: values.clone(),
    };
    let measured = values.iter().enumerate().filter(|(_, it)| !it.is_empty());
    let entries = measured.map(entry).collect();
    FigureReport {
        name: figure.name.clone(),
        unit: figure.unit.clone(),
        better: figure.better,
        resolution: figure.resolution,
        rival: rival(values, &yardstick, &mut rng),
        entries,
        aa_spread: spread.is_finite().then_some(spread),
    }
}

/// The best of the candidates after the second, the last aside, and what may be said of
/// the second beside it: by the yardstick that they were measured with, laid to its values.
fn rival(values: &[Vec<f64>], yardstick: &Yardstick<'_>, rng: &mut Rng) -> Option<Rival> {
    let ours = values.get(1).filter(|it| !it.is_empty())?;
    let others = values.iter().enumerate().take(values.len() - 1).skip(2);
    let medians = others
        .filter(|(_, it)| !it.is_empty())
        .map(|(at, it)| (at, median(it)));
    let (candidate, best) = medians.reduce(|best, other| {
        let beats = match yardstick.better {
            Better::Lower => other.1 < best.1,
            Better::Higher => other.1 > best.1,
        };
        if beats { other } else { best }
    })?;
    let beside = Yardstick {
        base: &values[candidate],
        ..*yardstick
    };
    Some(Rival {
        candidate,
        ratio: (best != 0.0).then(|| median(ours) / best),
        verdict: beside.judge(ours, rng),
    })
}

/// Each candidate with runs, and something made of them.
fn each<T>(runs: &[Vec<&Run>], make: impl Fn(usize, &[&Run]) -> Option<T>) -> Vec<T> {
    let made = runs.iter().enumerate().filter(|(_, runs)| !runs.is_empty());
    made.filter_map(|(candidate, runs)| make(candidate, runs))
        .collect()
}

fn curves(runs: &[Vec<&Run>]) -> Vec<Curve> {
    each(runs, |candidate, runs| {
        let at = |(index, &quantile): (usize, &f64)| {
            let here = runs
                .iter()
                .filter_map(|run| run.found.latencies_us.get(index).copied());
            let here: Vec<f64> = here.collect();
            (!here.is_empty()).then(|| (quantile, median(&here)))
        };
        let points: Vec<_> = QUANTILES.iter().enumerate().filter_map(at).collect();
        (!points.is_empty()).then_some(Curve { candidate, points })
    })
}

fn activity(runs: &[Vec<&Run>]) -> Vec<Activity> {
    each(runs, |candidate, runs| {
        let of = |value: &dyn Fn(&Run) -> f64| {
            median(&runs.iter().map(|run| value(run)).collect::<Vec<f64>>())
        };
        let moves: Vec<Moves> = runs.iter().filter_map(|run| run.moves_per_s()).collect();
        Some(Activity {
            candidate,
            switches_per_s: of(&Run::switches_per_s),
            moves_per_s: (!moves.is_empty()).then(|| Moves::median(&moves)),
            scheduler_cpu_pct: of(&Run::agent_cpu_pct),
            scheduler_wakeups_per_s: of(&Run::agent_wakeups_per_s),
        })
    })
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::bench::agent_use::AgentUse;
    use hallows_load::suite::{Measurement, find};
    use std::ops::RangeInclusive;

    fn run(candidate: usize, value: f64) -> Run {
        let figure = Figure {
            name: "p99".into(),
            unit: "us".into(),
            better: Better::Lower,
            resolution: 1.0,
            value,
        };
        Run {
            candidate,
            test: "wakeup",
            found: Measurement {
                figures: vec![figure],
                latencies_us: QUANTILES.iter().map(|q| q * value).collect(),
                seconds: 2.0,
                switches: 100,
            },
            moves: (candidate == 1).then(|| Moves {
                llc: 8.0,
                ..Moves::default()
            }),
            agent: AgentUse::default(),
        }
    }

    /// The default scheduler, a better one, one that never started, and the first
    /// again, in three rounds.
    pub fn example() -> Report {
        example_of(1..=3)
    }

    /// Some of its rounds, measured by themselves.
    pub fn example_of(rounds: RangeInclusive<usize>) -> Report {
        let named = |name: &str| Named {
            name: name.into(),
            command: format!("/bin/{name} <x>"),
        };
        let head = Head {
            schema: SCHEMA,
            time: "2026-01-01T00:00:00Z".into(),
            version: "0.1.0".into(),
            command: "scx_hallows bench".into(),
            scale: Scale::Quick,
            rounds: rounds.clone().count(),
            machine: Facts::default(),
            noise: Vec::new(),
            moves_missing: None,
            left_out: vec!["build: needs cc".into()],
            candidates: ["eevdf", "scx_hallows", "scx_broken", "eevdf again"]
                .map(named)
                .into(),
        };
        let mut results = Results::default();
        let before = rounds.start() - 1;
        for round in rounds {
            let shift = round as f64;
            results.runs.extend([
                run(0, 1000.0 + shift),
                run(1, 30.0 + shift),
                run(3, 1001.0 + shift),
            ]);
            for (index, candidate) in head.candidates.iter().enumerate() {
                results.sessions.push(Session {
                    round: round - before,
                    candidate: candidate.name.clone(),
                    ops: (index == 1).then(|| "hallows".into()),
                    failure: (index == 2).then(|| "no such <luck>".into()),
                });
            }
        }
        let tests = [find("wakeup").unwrap()];
        Report::new(head, &results, &tests, true, |test| test.name.to_owned())
    }

    #[test]
    fn each_candidate_is_judged_beside_the_first() {
        let report = example();
        let figure = &report.tests[0].figures[0];
        assert_eq!(figure.entries.len(), 3);
        let verdicts = [0, 1, 3].map(|it| figure.entry(it).unwrap().verdict);
        assert_eq!(verdicts, [None, Some(Verdict::Better), Some(Verdict::Same)]);
        assert_eq!(figure.entry(1).unwrap().median, 32.0);
        assert!((figure.entry(1).unwrap().ratio.unwrap() - 0.0319).abs() < 1e-3);
        assert!(figure.entry(2).is_none());
        assert!(figure.aa_spread.unwrap() <= 3.0);
    }

    #[test]
    fn this_scheduler_is_judged_beside_the_best_other() {
        let rows = |shift: f64| [1.0, 2.0, 3.0].map(|it| it + shift).to_vec();
        let rival = |better: Better, ours: f64| {
            let figure = Figure {
                name: String::new(),
                unit: "us".into(),
                better,
                resolution: 1.0,
                value: 0.0,
            };
            let base = rows(1000.0);
            let values = [
                base.clone(),
                rows(ours),
                rows(500.0),
                Vec::new(),
                rows(300.0),
                base,
            ];
            let rival = compared(&figure, &values).rival.unwrap();
            (rival.candidate, rival.verdict)
        };
        assert_eq!(rival(Better::Lower, 100.0), (4, Verdict::Better));
        assert_eq!(rival(Better::Lower, 400.0), (4, Verdict::Worse));
        assert_eq!(rival(Better::Higher, 500.0), (2, Verdict::Same));
        assert!(example().tests[0].figures[0].rival.is_none());
    }

    #[test]
    fn a_candidate_that_fails_is_told_of() {
        assert_eq!(example().failures(), [("scx_broken", "no such <luck>", 3)]);
    }

    #[test]
    fn what_went_on_besides_is_per_second() {
        let report = example();
        let test = &report.tests[0];
        assert_eq!(test.activity[1].switches_per_s, 50.0);
        assert_eq!(test.activity[1].moves_per_s.unwrap().llc, 4.0);
        assert_eq!(test.activity[0].moves_per_s, None);
        assert_eq!(test.latencies[1].points.last(), Some(&(1.0, 32.0)));
    }

    #[test]
    fn the_json_has_it_all() {
        let json = serde_json::to_value(example()).unwrap();
        assert_eq!(json["schema"], SCHEMA);
        assert_eq!(
            json["tests"][0]["figures"][0]["entries"][1]["verdict"],
            "better"
        );
        assert_eq!(json["sessions"][2]["failure"], "no such <luck>");
    }
}
