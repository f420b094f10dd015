// SPDX-License-Identifier: GPL-2.0-only
//! `scx_hallows simulate`: what schedulers do on a machine you don't have.

use std::time::Duration;

use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};

use super::set::settings;
use super::{print, progress_bar};
use crate::agent::params::{MS, Params};
use crate::agent::place::NR_RINGS;
use crate::agent::price::Prices;
use crate::config::change::change;
use crate::exit::Error;
use crate::sim::Scenario;
use crate::sim::engine::costs::DEFAULT_COSTS_NS;
use crate::sim::policy::{Footprints, PolicyKind};
use crate::sim::report::Report;
use crate::sim::table;
use crate::sim::topology::Topology;
use crate::sim::workload::WorkloadKind;

const US: u64 = 1_000;
/// The tunables that change nothing here, with the reason.
const UNMODELLED: [(&str, &str); 6] = [
    ("price", ASK_COSTS),
    ("price_us", ASK_COSTS),
    ("signal_periods", "the simulated agent is never late"),
    ("starved_ms", "no simulated task starves on its track"),
    ("guard", NO_GUARD),
    ("guard_period_s", NO_GUARD),
];
const ASK_COSTS: &str = "what moves cost here is --cost-us, and what is believed --price-us";
const NO_GUARD: &str = "no simulated guard withholds signals";
/// Steps of the progress bar for each simulation.
const STEPS: u64 = 1_000;

/// Simulate schedulers on a machine of up to 4096 CPUs, with the agent's own
/// code. Needs neither root nor sched_ext; the same seed gives the same result.
#[derive(Args, Clone, Debug)]
pub struct Simulate {
    /// The machine: NODESxLLCS per node xCORES per LLC xTHREADS per core.
    #[arg(long, value_name = "SHAPE", default_value = "2x2x8x2")]
    topo: Topology,

    /// What runs; several, separated by commas, one after the other.
    #[arg(long, value_name = "NAMES", value_delimiter = ',', default_value = "exp", value_parser = workloads())]
    workload: Vec<WorkloadKind>,

    /// Who schedules; several, separated by commas, one after the other.
    #[arg(long, value_name = "NAMES", value_delimiter = ',', default_value = "hallows", value_parser = policies())]
    policy: Vec<PolicyKind>,

    /// Seed of the random numbers.
    #[arg(long, default_value_t = 1)]
    seed: u64,

    /// Simulate so many times, with this seed and those that follow.
    #[arg(long, value_name = "NR", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=1000))]
    runs: u64,

    /// Simulated time, such as 2s or 500ms, 10ms to 1h.
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = duration)]
    duration: u64,

    /// Share of the machine's time that bursts want, 0.01 to 1, instead of the
    /// workload's own; hogs and hotspot take what they get.
    #[arg(long, value_name = "SHARE", value_parser = share)]
    load: Option<f64>,

    /// Print JSON, a report for each simulation.
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    costs: Costs,

    #[command(flatten)]
    steering: Steering,
}

/// What moves cost.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Costs")]
struct Costs {
    /// True cost of a move in microseconds, for a task of footprint 1: to the
    /// sibling thread, within the LLC, within the node, to another node.
    #[arg(long, value_name = "A,B,C,D", value_parser = prices)]
    cost_us: Option<Prices>,

    /// What scx_hallows believes these costs to be, if not the truth.
    #[arg(long, value_name = "A,B,C,D", value_parser = prices)]
    price_us: Option<Prices>,
}

/// What steers scx_hallows; the slice is everybody's.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Steering")]
struct Steering {
    /// A tunable's value instead of its default, such as dwell=4; `scx_hallows config`
    /// explains them.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    settings: Vec<String>,

    /// Length of the agent's window in milliseconds, 1 to 100: shorter than period_ms
    /// may be, which is worth a look.
    #[arg(long, value_name = "MS", value_parser = clap::value_parser!(u64).range(1..=100))]
    period_ms: Option<u64>,

    /// What scx_hallows knows of how much cache a task uses.
    #[arg(long, value_name = "HOW", default_value = "resident", value_parser = footprints())]
    footprints: Footprints,
}

impl Simulate {
    /// Simulates, with a progress bar on a terminal, and prints what came out.
    ///
    /// # Errors
    /// [`Error::Usage`] for values that make no sense together.
    pub fn run(&self) -> Result<(), Error> {
        let scenarios = self.scenarios()?;
        let bar = progress_bar(scenarios.len() as u64 * STEPS);
        let mut reports: Vec<Report> = Vec::with_capacity(scenarios.len());
        for scenario in &scenarios {
            bar.set_message(format!(
                "{} under {}",
                scenario.workload.name(),
                scenario.policy.name()
            ));
            let done = reports.len() as u64 * STEPS;
            let step = |share: f64| bar.set_position(done + (share * STEPS as f64) as u64);
            reports.push(scenario.run(step));
        }
        bar.finish_and_clear();
        let text = if self.json {
            let json = serde_json::to_string_pretty(&reports);
            json.map_err(|error| Error::Failed(format!("cannot write JSON: {error}")))? + "\n"
        } else {
            table::text(&reports)
        };
        print(text.as_bytes())
    }

    fn scenarios(&self) -> Result<Vec<Scenario>, Error> {
        let params = self.steering.params()?;
        let costs_ns = self.costs.cost_us.unwrap_or(DEFAULT_COSTS_NS);
        let mut scenarios = Vec::new();
        for workload in &self.workload {
            for policy in &self.policy {
                scenarios.extend((0..self.runs).map(|run| Scenario {
                    topology: self.topo,
                    workload: *workload,
                    policy: *policy,
                    seed: self.seed.wrapping_add(run),
                    duration_ns: self.duration,
                    load: self.load,
                    params,
                    costs_ns,
                    prices_ns: self.costs.price_us.unwrap_or(costs_ns),
                    footprints: self.steering.footprints,
                }));
            }
        }
        Ok(scenarios)
    }
}

impl Steering {
    fn params(&self) -> Result<Params, Error> {
        let settings = settings(&self.settings).map_err(Error::Usage)?;
        for (key, _) in &settings {
            if let Some((_, why)) = UNMODELLED.iter().find(|(name, _)| *name == key.name) {
                return Err(Error::Usage(format!("{}: {why}", key.name)));
            }
        }
        let (params, _) = change(&Params::default(), &settings).map_err(Error::Usage)?;
        Ok(Params {
            period_ns: self.period_ms.map_or(params.period_ns, |ms| ms * MS),
            ..params
        })
    }
}

fn workloads() -> impl TypedValueParser<Value = WorkloadKind> {
    one_of(&WorkloadKind::ALL, |kind| (kind.name(), kind.about()))
}

fn policies() -> impl TypedValueParser<Value = PolicyKind> {
    one_of(&PolicyKind::ALL, |kind| (kind.name(), kind.about()))
}

fn footprints() -> impl TypedValueParser<Value = Footprints> {
    one_of(&Footprints::ALL, |kind| (kind.name(), kind.about()))
}

/// Parses the name of one of `all`, as `describe` gives it with its help.
fn one_of<T: Copy + Send + Sync + 'static>(
    all: &'static [T],
    describe: fn(T) -> (&'static str, &'static str),
) -> impl TypedValueParser<Value = T> {
    let values = all.iter().map(move |kind| {
        let (name, about) = describe(*kind);
        PossibleValue::new(name).help(about)
    });
    PossibleValuesParser::new(values).try_map(move |name| {
        let mut all = all.iter().copied();
        all.find(|kind| describe(*kind).0 == name)
            .ok_or("not one of the names")
    })
}

/// A time with its unit, or seconds without, as nanoseconds.
fn duration(text: &str) -> Result<u64, String> {
    let range = Duration::from_millis(10)..=Duration::from_hours(1);
    let time = match text.parse() {
        Ok(seconds) => Duration::try_from_secs_f64(seconds).ok(),
        Err(_) => humantime::parse_duration(text).ok(),
    };
    match time {
        Some(time) if range.contains(&time) => Ok(time.as_nanos() as u64),
        Some(_) => Err("not between 10ms and 1h".into()),
        None => Err("not a time such as 2s or 500ms".into()),
    }
}

fn share(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(value) if (0.01..=1.0).contains(&value) => Ok(value),
        _ => Err("not in 0.01..=1".into()),
    }
}

/// Four prices in microseconds, nearest ring first; staying costs nothing.
fn prices(text: &str) -> Result<Prices, String> {
    let mut prices = [0; NR_RINGS];
    let numbers: Vec<&str> = text.split(',').collect();
    if numbers.len() != NR_RINGS - 1 {
        return Err("not four numbers separated by commas".into());
    }
    for (price, number) in prices[1..].iter_mut().zip(numbers) {
        *price = match number.trim().parse::<f64>() {
            Ok(us) if (0.0..=100_000.0).contains(&us) => (us * US as f64) as u64,
            _ => return Err(format!("'{number}' is not in 0..=100000")),
        };
    }
    Ok(prices)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        simulate: Simulate,
    }

    fn parsed(line: &str) -> Result<Vec<Scenario>, String> {
        let words = std::iter::once("simulate").chain(line.split_whitespace());
        let line = Line::try_parse_from(words).map_err(|error| error.to_string())?;
        line.simulate.scenarios().map_err(|error| error.to_string())
    }

    #[test]
    fn the_defaults_are_one_simulation() {
        let scenarios = parsed("").unwrap();
        assert_eq!(scenarios.len(), 1);
        assert_eq!(scenarios[0].params, Params::default());
        assert_eq!(scenarios[0].prices_ns, scenarios[0].costs_ns);
        assert_eq!(scenarios[0].duration_ns, 2_000 * MS);
    }

    #[test]
    fn each_option_reaches_its_number() {
        let line = "--topo 1x2x4x1 --workload mix,hogs --policy global,no-agent --runs 2 --seed 7 \
            --duration 50ms --load 0.5 --cost-us 1,2,3,4 --price-us 5,6,7,8.5 --period-ms 1 \
            --set dwell=3 --set kappa=0.5 --footprints known";
        let scenarios = parsed(line).unwrap();
        assert_eq!(scenarios.len(), 8);
        let (first, last) = (scenarios[0], scenarios[7]);
        assert_eq!(
            (first.workload, last.workload),
            (WorkloadKind::Mix, WorkloadKind::Hogs)
        );
        assert_eq!(
            (first.policy, last.policy),
            (PolicyKind::Global, PolicyKind::NoAgent)
        );
        assert_eq!((first.seed, last.seed), (7, 8));
        assert_eq!((last.duration_ns, last.load), (50 * MS, Some(0.5)));
        assert_eq!(last.costs_ns, [0, 1_000, 2_000, 3_000, 4_000]);
        assert_eq!(last.prices_ns, [0, 5_000, 6_000, 7_000, 8_500]);
        assert_eq!((last.params.period_ns, last.params.dwell), (MS, 3));
        assert_eq!(
            (last.params.kappa, last.footprints),
            (0.5, Footprints::Known)
        );
    }

    #[test]
    fn a_time_has_any_unit_or_is_in_seconds() {
        for (text, ms) in [
            ("10ms", 10),
            ("10000us", 10),
            ("2s", 2_000),
            ("2", 2_000),
            ("0.5", 500),
            ("5m", 300_000),
            ("1m 30s", 90_000),
            ("1h", 3_600_000),
        ] {
            assert_eq!(duration(text), Ok(ms * MS), "{text}");
        }
        for (text, told) in [
            ("1000us", "between"),
            ("61m", "between"),
            ("3601", "between"),
            ("-2", "not a time"),
            ("inf", "not a time"),
            ("2 parsecs", "not a time"),
        ] {
            let error = duration(text).unwrap_err();
            assert!(error.contains(told), "{text}: {error}");
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for line in [
            "--topo 4x4",
            "--workload nothing",
            "--policy fifo",
            "--duration 5ms",
            "--duration nan",
            "--load 1.5",
            "--price-us 1,2,3",
            "--price-us 1,2,3,-4",
            "--period-ms 0",
            "--runs 0",
            "--set slice_us=99",
            "--set slise_us=3000",
            "--set kappa",
            "--set dwell=2 --set dwell=2",
            "--set price=static",
            "--set starved_ms=100",
            "--set guard=off",
            "--set guard_period_s=10",
        ] {
            assert!(parsed(line).is_err(), "{line}");
        }
    }
}
