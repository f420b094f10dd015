// SPDX-License-Identifier: GPL-2.0-only
//! A simulator: machines of up to 4096 CPUs, workloads and schedulers as
//! discrete events, with the agent's own automaton, matching, prices and routes
//! linked in. It needs neither root nor a kernel, and is exact: the same seed
//! gives the same report.
//!
//! [`engine`] plays events on a machine, [`workload`] says what tasks do,
//! [`policy`] where they go, [`metrics`] what is measured, [`report`] what that
//! came to. `docs/simulator.md` says what the model leaves out.

pub mod engine;
pub mod metrics;
pub mod policy;
pub mod report;
pub mod table;
pub mod topology;
pub mod workload;

use crate::agent::params::Params;
use crate::agent::price::Prices;
use engine::Engine;
use engine::costs::Costs;
use engine::machine::Machine;
use policy::{Footprints, PolicyKind, Settings};
use report::{Labels, Report};
use topology::Topology;
use workload::WorkloadKind;

/// Events between two reports of progress.
const EVENTS_PER_STEP: usize = 50_000;
/// The share of the time that is not measured: queues fill, averages settle.
const WARMUP_ONE_IN: u64 = 10;

/// What to simulate.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    /// The machine.
    pub topology: Topology,
    /// What runs.
    pub workload: WorkloadKind,
    /// Who schedules.
    pub policy: PolicyKind,
    /// Seed of the random numbers.
    pub seed: u64,
    /// Simulated time.
    pub duration_ns: u64,
    /// Overrides [`WorkloadKind::default_load`]; in (0, 1] times the machine.
    pub load: Option<f64>,
    /// The numbers that steer scx_hallows, valid; the slice is everybody's.
    pub params: Params,
    /// What moves truly cost a task of footprint 1.
    pub costs_ns: Prices,
    /// What scx_hallows believes they cost.
    pub prices_ns: Prices,
    /// What scx_hallows knows of tasks' footprints.
    pub footprints: Footprints,
}

impl Scenario {
    /// Its load: none if the workload takes all it can get.
    pub fn effective_load(&self) -> Option<f64> {
        let default = self.workload.default_load()?;
        Some(self.load.unwrap_or(default))
    }

    fn settings(&self) -> Settings {
        Settings {
            params: self.params,
            prices_ns: self.prices_ns,
            footprints: self.footprints,
        }
    }

    /// Sets the stage.
    pub fn stage(&self) -> Engine {
        let map = self.topology.map();
        let costs = Costs::new(self.costs_ns, map.llcs().len());
        let policy = self.policy.build(&map, &self.settings());
        let workload = self.workload.build(self.effective_load().unwrap_or(1.0));
        let warmup_ns = if self.workload.is_transient() {
            0
        } else {
            self.duration_ns / WARMUP_ONE_IN
        };
        let machine = Machine::new(map, costs, self.seed);
        Engine::new(machine, policy, workload, self.duration_ns, warmup_ns)
    }

    /// What a simulation that was played to its end came to.
    pub fn report(&self, engine: &Engine) -> Report {
        Report::of(
            engine,
            Labels {
                topology: self.topology.to_string(),
                workload: self.workload.name(),
                policy: self.policy.name(),
                seed: self.seed,
                load: self.effective_load(),
            },
        )
    }

    /// Simulates; `progress` is told now and then what share is done.
    pub fn run(&self, mut progress: impl FnMut(f64)) -> Report {
        let mut engine = self.stage();
        while engine.play(EVENTS_PER_STEP) {
            progress(engine.progress());
        }
        self.report(&engine)
    }
}

#[cfg(test)]
mod tests;
