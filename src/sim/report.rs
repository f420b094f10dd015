// SPDX-License-Identifier: GPL-2.0-only
//! What a simulation came to.

use std::collections::BTreeMap;

use super::engine::Engine;
use super::engine::machine::START_NS;
use super::engine::task::Kind;
use super::metrics::jain;
use crate::agent::place::Ring;

/// The result of one simulation. Times in the unit of their name, shares of the
/// machine's CPU time in percent.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "bpf", derive(serde::Serialize))]
pub struct Report {
    /// The machine, as on the command line.
    pub topology: String,
    /// Its number of CPUs.
    pub cpus: u32,
    /// Name of the workload.
    pub workload: &'static str,
    /// Name of the policy.
    pub policy: &'static str,
    /// Seed of the random numbers.
    pub seed: u64,
    /// Load that was asked for, none if the workload takes all it can get.
    pub load: Option<f64>,
    /// Measured time.
    pub measured_ms: f64,
    /// How long bursts waited to begin.
    pub wait: Wait,
    /// Runs that began on another CPU than the last one.
    pub migrations_per_cpu_s: Migrations,
    /// Refilling caches after moves.
    pub overhead_pct: f64,
    /// Slower because the memory is on another node.
    pub remote_pct: f64,
    /// Looking at other CPUs and waiting for locks.
    pub decision_pct: f64,
    /// Running tasks, overheads included.
    pub busy_pct: f64,
    /// Idle while as many tasks waited that could have run there.
    pub wasted_idle_pct: f64,
    /// Jain's index of the hogs' CPU time.
    pub jain: Option<f64>,
    /// From the start until all CPUs were busy for the first time.
    pub all_busy_ms: Option<f64>,
    /// Until the last task was done, for workloads that end.
    pub makespan_ms: Option<f64>,
    /// Rounds of the agent, 0 if there is none.
    pub rounds: u64,
    /// Changes of cells' states.
    pub flips_per_cell_s: f64,
    /// Decisions of the policy by their kind.
    pub decisions: BTreeMap<&'static str, u64>,
}

/// How long bursts waited to begin, in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "bpf", derive(serde::Serialize))]
pub struct Wait {
    /// Bursts that began.
    pub bursts: u64,
    pub mean_us: f64,
    pub p50_us: f64,
    pub p99_us: f64,
    pub max_us: f64,
}

/// Runs of tasks that last ran elsewhere, by how far that is.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "bpf", derive(serde::Serialize))]
pub struct Migrations {
    pub smt: f64,
    pub llc: f64,
    pub node: f64,
    pub machine: f64,
}

/// What a report says of itself.
pub(super) struct Labels {
    pub topology: String,
    pub workload: &'static str,
    pub policy: &'static str,
    pub seed: u64,
    pub load: Option<f64>,
}

impl Report {
    pub(super) fn of(engine: &Engine, labels: Labels) -> Report {
        let (machine, counted) = (&engine.machine, engine.policy.counted());
        let metrics = &machine.metrics;
        let cpus = machine.nr_cpus() as f64;
        let measured_ns = (metrics.ended_ns - metrics.begun_ns).max(1) as f64;
        let pct = |ns: u64| ns as f64 * 100.0 / (cpus * measured_ns);
        let rate = |nr: u64| nr as f64 * 1e9 / (cpus * measured_ns);
        let moves = |ring: Ring| rate(metrics.moves[ring as usize]);
        let since_start_ms = |at_ns: u64| (at_ns - START_NS) as f64 / 1e6;
        Report {
            topology: labels.topology,
            cpus: machine.nr_cpus() as u32,
            workload: labels.workload,
            policy: labels.policy,
            seed: labels.seed,
            load: labels.load,
            measured_ms: measured_ns / 1e6,
            wait: Wait::of(engine),
            migrations_per_cpu_s: Migrations {
                smt: moves(Ring::Smt),
                llc: moves(Ring::Llc),
                node: moves(Ring::Node),
                machine: moves(Ring::Machine),
            },
            overhead_pct: pct(metrics.refill_ns),
            remote_pct: pct(metrics.remote_ns),
            decision_pct: pct(metrics.decision_ns),
            busy_pct: 100.0 - pct(metrics.idle_ns),
            wasted_idle_pct: pct(metrics.wasted_ns),
            jain: hog_fairness(engine),
            all_busy_ms: metrics.all_busy_ns.map(since_start_ms),
            makespan_ms: engine
                .workload
                .over()
                .then(|| since_start_ms(metrics.ended_ns)),
            rounds: counted.rounds,
            flips_per_cell_s: rate(counted.flips),
            decisions: counted.decisions,
        }
    }
}

impl Wait {
    fn of(engine: &Engine) -> Wait {
        let waits = &engine.machine.metrics.waits_ns;
        let us = |ns: u64| ns as f64 / 1e3;
        Wait {
            bursts: waits.len(),
            mean_us: waits.mean() / 1e3,
            p50_us: us(waits.value_at_quantile(0.5)),
            p99_us: us(waits.value_at_quantile(0.99)),
            max_us: us(waits.max()),
        }
    }
}

fn hog_fairness(engine: &Engine) -> Option<f64> {
    let machine = &engine.machine;
    let before = machine
        .metrics
        .shares_before_ns
        .iter()
        .chain(std::iter::repeat(&0));
    let shares = machine.tasks.iter().zip(before);
    let hogs = shares.filter(|(task, _)| task.kind == Kind::Hog);
    jain(hogs.map(|(task, before)| (task.cpu_ns - before) as f64))
}
