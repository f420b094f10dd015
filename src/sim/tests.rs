// SPDX-License-Identifier: GPL-2.0-only

use super::*;
use crate::agent::params::MS;
use engine::costs::DEFAULT_COSTS_NS;
use engine::events::Event;
use engine::task::{Footprint, Kind, State, Task, TaskId};
use proptest::prelude::*;
use workload::{After, Workload};

/// A scenario of 400 ms with the defaults.
pub fn scenario(topology: &str, workload: WorkloadKind, policy: PolicyKind) -> Scenario {
    Scenario {
        topology: topology.parse().unwrap(),
        workload,
        policy,
        seed: 1,
        duration_ns: 400 * MS,
        load: None,
        params: Params::default(),
        costs_ns: DEFAULT_COSTS_NS,
        prices_ns: DEFAULT_COSTS_NS,
        footprints: Footprints::default(),
    }
}

fn played(scenario: &Scenario) -> Engine {
    let mut engine = scenario.stage();
    while engine.play(1_000_000) {}
    engine
}

/// Means of `value` over some seeds, and half the width of its 95 % confidence
/// interval.
fn over_seeds(scenario: &Scenario, value: fn(&Report) -> f64) -> (f64, f64) {
    let values = [1, 2, 3].map(|seed| value(&Scenario { seed, ..*scenario }.run(|_| ())));
    let mean = values.iter().sum::<f64>() / 3.0;
    let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / 2.0;
    // Student's t for two degrees of freedom.
    (mean, 4.30 * (variance / 3.0).sqrt())
}

fn p99(report: &Report) -> f64 {
    report.wait.p99_us
}

fn jain(report: &Report) -> f64 {
    report.jain.unwrap()
}

#[test]
fn a_seed_decides_everything() {
    for policy in PolicyKind::ALL {
        let scenario = scenario("2x2x2x2", WorkloadKind::Mix, policy);
        let report = scenario.run(|_| ());
        assert_eq!(report, scenario.run(|_| ()), "{}", policy.name());
        let other = Scenario {
            seed: 2,
            ..scenario
        }
        .run(|_| ());
        assert_ne!(report.wait, other.wait, "{}", policy.name());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// Time is neither lost nor made, and neither are tasks.
    #[test]
    fn time_and_tasks_are_conserved(
        shape in (1..=3u32, 1..=3u32, 1..=3u32, 1..=2u32),
        workload in 0..WorkloadKind::ALL.len(), policy in 0..PolicyKind::ALL.len(),
        seed: u64, load in 0.1..=1.0f64, cost in 0..200_000u64,
    ) {
        let (nodes, llcs, cores, smt) = shape;
        let mut scenario = scenario(
            &format!("{nodes}x{llcs}x{cores}x{smt}"),
            WorkloadKind::ALL[workload],
            PolicyKind::ALL[policy],
        );
        (scenario.seed, scenario.load, scenario.duration_ns) = (seed, Some(load), 150 * MS);
        scenario.costs_ns = [0, cost / 50, cost / 10, cost / 2, cost];
        let engine = played(&scenario);
        let (machine, metrics) = (&engine.machine, &engine.machine.metrics);

        // Each CPU runs one task or idles.
        let used = metrics.work_ns + metrics.remote_ns + metrics.refill_ns + metrics.decision_ns;
        let measured = metrics.ended_ns - metrics.begun_ns;
        prop_assert_eq!(used + metrics.idle_ns, measured * machine.nr_cpus() as u64);
        prop_assert!(metrics.wasted_ns <= metrics.idle_ns);

        // Each task is where its state says, and runs for as long as it has to.
        let mut running: Vec<_> = machine.cpus.iter().filter_map(|cpu| cpu.current).collect();
        running.sort_unstable();
        let states = machine.tasks.iter().enumerate();
        let expected: Vec<_> = states
            .filter(|(_, task)| task.state == State::Running)
            .map(|(at, _)| at as u32)
            .collect();
        prop_assert_eq!(running, expected);
        for task in &machine.tasks {
            let over = matches!(task.state, State::Asleep | State::Gone);
            prop_assert!(!over || task.work_left_ns == 0);
            prop_assert!(task.cpu_ns >= task.work_done_ns);
        }
    }
}

#[test]
fn nobody_is_forgotten() {
    for policy in PolicyKind::ALL {
        // 4n tasks of 20 ms each on n CPUs: all are done, each to its end.
        let engine = played(&scenario("2x2x2x2", WorkloadKind::Hotspot, policy));
        assert!(engine.workload.over(), "{}", policy.name());
        for task in &engine.machine.tasks {
            assert_eq!((task.work_done_ns, task.state), (20 * MS, State::Gone));
        }
        // With hogs about, who wakes up runs within a second.
        let engine = played(&scenario("1x2x2x2", WorkloadKind::Mix, policy));
        let machine = &engine.machine;
        let jobs = machine.tasks.iter().filter(|task| task.kind == Kind::Job);
        for job in jobs.filter(|job| job.state == State::Queued) {
            assert!(
                machine.now_ns - job.woken_ns < 100 * MS,
                "{}",
                policy.name()
            );
        }
        let hogs = machine.tasks.iter().filter(|task| task.kind == Kind::Hog);
        assert!(
            hogs.into_iter().all(|hog| hog.cpu_ns > 0),
            "{}",
            policy.name()
        );
    }
}

/// Mean wait in a closed queue of `n` servers and 8n customers, as a multiple of
/// the mean service: the stationary birth-death chain, and Little's law. A
/// customer that is not there comes back after `think` services in the mean.
fn closed_queue_wait(n: u32, think: f64) -> f64 {
    let customers = 8 * n;
    let (mut weight, mut sum, mut queued, mut rate) = (1.0, 0.0, 0.0, 0.0);
    for inside in 0..=customers {
        sum += weight;
        queued += weight * f64::from(inside.saturating_sub(n));
        let arrivals = f64::from(customers - inside) / think;
        rate += weight * arrivals;
        weight *= arrivals / f64::from((inside + 1).min(n));
    }
    assert!(sum > 0.0);
    queued / rate
}

#[test]
fn a_free_global_queue_waits_as_theory_says() {
    let scenario = Scenario {
        costs_ns: [0; 5],
        duration_ns: 4_000 * MS,
        load: Some(0.9),
        ..scenario("1x1x4x2", WorkloadKind::Exp, PolicyKind::Global)
    };
    let (wait_us, interval) = over_seeds(&scenario, |report| report.wait.mean_us);
    let theory_us = closed_queue_wait(8, 8.0 / 0.9 - 1.0) * 500.0;
    // The queue's lock costs half a microsecond, on top of 500.
    let allowed = interval + 0.02 * theory_us;
    assert!(
        (wait_us - theory_us).abs() < allowed,
        "{wait_us} ± {interval}, {theory_us}"
    );
}

#[test]
fn without_work_conservation_hogs_share_as_they_lie() {
    // 1.5n hogs that never move: half have a CPU, half share one. 8/9.
    let greedy = scenario("1x2x4x2", WorkloadKind::Hogs, PolicyKind::Greedy);
    let (index, _) = over_seeds(&greedy, jain);
    assert!((index - 8.0 / 9.0).abs() < 0.01, "{index}");
}

#[test]
fn lag_pulls_share_what_stealing_does_not() {
    let without_agent = scenario("1x2x4x2", WorkloadKind::Hogs, PolicyKind::NoAgent);
    let (index, _) = over_seeds(&without_agent, jain);
    assert!(index > 0.99, "{index}");
}

#[test]
fn only_the_agent_sees_that_one_node_has_more() {
    let with = |policy| {
        let scenario = scenario("2x2x8x2", WorkloadKind::Imbalance, policy);
        over_seeds(&scenario, jain).0
    };
    let (agent, none) = (with(PolicyKind::Hallows), with(PolicyKind::NoAgent));
    assert!(agent > 0.99 && none < 0.76, "{agent} {none}");
}

/// Now and then a long burst, and soon after it a shorter one that has to wait.
struct LateComer;

impl Workload for LateComer {
    fn populate(&mut self, machine: &mut Machine) {
        let small = Footprint {
            factor: 0.25,
            remote_permille: 0,
        };
        for _ in 0..2 {
            machine.add_task(Task::new(Kind::Job, small, 0, 0));
        }
        machine.plan(0, Event::Arrival);
    }

    fn burst(&mut self, _machine: &mut Machine, task: TaskId) -> u64 {
        [40 * MS, 2 * MS][task as usize]
    }

    fn burst_done(&mut self, _machine: &mut Machine, _task: TaskId) -> After {
        After::Wait
    }

    fn arrival(&mut self, machine: &mut Machine) {
        machine.plan(0, Event::Wake(0));
        machine.plan(MS / 2, Event::Wake(1));
        machine.plan(140 * MS, Event::Arrival);
    }
}

#[test]
fn a_long_slice_ends_for_who_comes_to_wait() {
    let scenario = scenario("1x1x1x1", WorkloadKind::Exp, PolicyKind::Hallows);
    let map = scenario.topology.map();
    let policy = scenario.policy.build(&map, &scenario.settings());
    let machine = Machine::new(map, Costs::new(scenario.costs_ns, 1), 1);
    let mut engine = Engine::new(machine, policy, Box::new(LateComer), 2_000 * MS, 0);
    while engine.play(1_000) {}
    let counted = engine.policy.counted();
    assert!(counted.decisions["slice cut"] >= 10, "{counted:?}");
    let longest_ns = engine.machine.metrics.waits_ns.max();
    assert!(longest_ns < 4 * MS, "{longest_ns}");
}

#[test]
fn processes_that_share_memory_find_a_home() {
    let with = |policy| {
        let scenario = scenario("2x2x4x2", WorkloadKind::Groups, policy);
        over_seeds(&scenario, |report| report.overhead_pct).0
    };
    let (agent, none) = (with(PolicyKind::Hallows), with(PolicyKind::NoAgent));
    assert!(agent < none / 2.0, "{agent} {none}");
}

#[test]
fn prices_that_know_footprints_beat_prices_of_none_beat_one_queue() {
    let with = |policy, footprints| {
        let scenario = Scenario {
            footprints,
            ..scenario("2x2x8x2", WorkloadKind::Exp, policy)
        };
        [1, 2, 3].map(|seed| {
            let mut run = scenario;
            run.seed = seed;
            p99(&run.run(|_| ()))
        })
    };
    let below = |a: [f64; 3], b: [f64; 3]| {
        let (worst, best) = (
            a.into_iter().fold(0.0, f64::max),
            b.into_iter().fold(1e9, f64::min),
        );
        assert!(worst < best, "{a:?} {b:?}");
    };
    let eevdf = with(PolicyKind::EevdfLike, Footprints::default());
    below(with(PolicyKind::Hallows, Footprints::Known), eevdf);
    below(eevdf, with(PolicyKind::Global, Footprints::default()));
}

/// On one LLC moves are cheap, and the order makes the tail: who stays on a track must
/// not be overtaken by all who left it.
#[test]
fn one_llc_is_served_nearly_in_order() {
    let with = |policy, seed| {
        let scenario = Scenario {
            seed,
            duration_ns: 2_000 * MS,
            ..scenario("1x1x4x2", WorkloadKind::Exp, policy)
        };
        p99(&scenario.run(|_| ()))
    };
    for seed in 1..=8 {
        let hallows = with(PolicyKind::Hallows, seed);
        for policy in [PolicyKind::EevdfLike, PolicyKind::Greedy] {
            let other = with(policy, seed);
            assert!(hallows < other, "{hallows} {}: {other}", policy.name());
        }
    }
}

#[test]
fn who_wakes_up_for_a_moment_overtakes_hogs() {
    let with = |policy| over_seeds(&scenario("1x2x4x2", WorkloadKind::Mix, policy), p99).0;
    let (hallows, eevdf) = (with(PolicyKind::Hallows), with(PolicyKind::EevdfLike));
    assert!(hallows < eevdf, "{hallows} {eevdf}");
}

#[test]
fn a_hot_spot_is_drained_from_afar() {
    for policy in [PolicyKind::Hallows, PolicyKind::NoAgent] {
        let scenario = scenario("2x2x8x2", WorkloadKind::Hotspot, policy);
        let (wasted, _) = over_seeds(&scenario, |report| report.wasted_idle_pct);
        assert!(wasted < 3.0, "{wasted}");
    }
}
