// SPDX-License-Identifier: GPL-2.0-only
//! Policies: who runs where. Each is a model of a scheduler's decisions; the
//! mechanics are the engine's.

mod eevdf;
mod global;
mod greedy;
mod hallows;
mod llc_queue;
mod reach;

use std::collections::BTreeMap;

use super::engine::machine::Machine;
use super::engine::task::TaskId;
use crate::agent::params::Params;
use crate::agent::place::Map;
use crate::agent::price::Prices;

/// A scheduler. CPUs are known by the index of their cell.
pub trait Policy {
    /// The simulation begins.
    fn init(&mut self, _machine: &mut Machine) {}

    /// `task` woke up; its `cpu` is where it last ran. It is either told to run
    /// on an idle CPU ([`Machine::run_on`]) or queued by the policy.
    fn wake(&mut self, machine: &mut Machine, task: TaskId);

    /// `task` did not finish on `cpu`, which runs another one now: queue it.
    fn requeue(&mut self, machine: &mut Machine, cpu: usize, task: TaskId);

    /// What `cpu` runs next, taken from a queue, with its `slice_ns` set. If
    /// there is none, `prev`, which wants to run on, may ([`Policy::keeps`]).
    fn pick(&mut self, machine: &mut Machine, cpu: usize, prev: Option<TaskId>) -> Option<TaskId>;

    /// `prev` runs on, since nobody is next, for its `slice_ns`; or not: it is
    /// queued all the same, and `cpu` looks for other work.
    fn keeps(&mut self, _machine: &mut Machine, _cpu: usize, _prev: TaskId) -> bool {
        true
    }

    /// `task` begins a run on `cpu`.
    fn running(&mut self, _machine: &mut Machine, _cpu: usize, _task: TaskId) {}

    /// The run of `task` on `cpu` ends, and it wants to run on if `runnable`.
    fn stopping(&mut self, _machine: &mut Machine, _cpu: usize, _task: TaskId, _runnable: bool) {}

    /// `cpu` goes idle.
    fn idle(&mut self, _machine: &mut Machine, _cpu: usize) {}

    /// The tick of `cpu`, which runs a task.
    fn tick(&mut self, _machine: &mut Machine, _cpu: usize) {}

    /// A timer that the policy planned ([`Event::Round`](super::engine::events::Event::Round)).
    fn round(&mut self, _machine: &mut Machine) {}

    /// From here on is measured.
    fn measure(&mut self, _machine: &mut Machine) {}

    /// What the policy counted since [`measure`](Self::measure).
    fn counted(&self) -> Counted {
        Counted::default()
    }
}

/// Counts of a policy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// Rounds of the agent, if there is one, and changes of cells' states.
    pub rounds: u64,
    pub flips: u64,
    /// Decisions by their kind.
    pub decisions: BTreeMap<&'static str, u64>,
}

/// The policies; [`PolicyKind::about`] says what each is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PolicyKind {
    Hallows,
    NoAgent,
    EevdfLike,
    Greedy,
    LlcQueue,
    Global,
}

/// What a policy needs to know.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// The numbers that steer scx_hallows; the slice is everybody's.
    pub params: Params,
    /// What scx_hallows believes moves to cost.
    pub prices_ns: Prices,
    /// What scx_hallows knows of tasks' footprints.
    pub footprints: Footprints,
}

/// What scx_hallows knows of how much cache a task uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Footprints {
    /// Nothing: all are usual.
    Unknown,
    /// As built: the resident set tells, when a task is sent somewhere.
    #[default]
    Resident,
    /// All, always, and where the task's memory is.
    Known,
}

impl Footprints {
    /// All of them.
    pub const ALL: [Footprints; 3] = [Footprints::Unknown, Footprints::Resident, Footprints::Known];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Footprints::Unknown => "unknown",
            Footprints::Resident => "resident",
            Footprints::Known => "known",
        }
    }

    /// What it is, in a line.
    pub fn about(self) -> &'static str {
        match self {
            Footprints::Unknown => "all tasks are taken to be alike",
            Footprints::Resident => "as built: the resident set tells, when a task is sent away",
            Footprints::Known => "always, exactly, and where the task's memory is as well",
        }
    }
}

impl PolicyKind {
    /// All of them.
    pub const ALL: [PolicyKind; 6] = [
        PolicyKind::Hallows,
        PolicyKind::NoAgent,
        PolicyKind::EevdfLike,
        PolicyKind::Greedy,
        PolicyKind::LlcQueue,
        PolicyKind::Global,
    ];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            PolicyKind::Hallows => "hallows",
            PolicyKind::NoAgent => "no-agent",
            PolicyKind::EevdfLike => "eevdf-like",
            PolicyKind::Greedy => "greedy",
            PolicyKind::LlcQueue => "llc-queue",
            PolicyKind::Global => "global",
        }
    }

    /// What it is, in a line.
    pub fn about(self) -> &'static str {
        match self {
            PolicyKind::Hallows => "scx_hallows with its agent",
            PolicyKind::NoAgent => "its BPF side alone",
            PolicyKind::EevdfLike => "a model of the kernel's default scheduler",
            PolicyKind::Greedy => "the nearest idle CPU, the nearest steal, at any price",
            PolicyKind::LlcQueue => "a deadline-ordered queue for each LLC",
            PolicyKind::Global => "one queue for all",
        }
    }

    /// Makes it.
    pub fn build(self, map: &Map, settings: &Settings) -> Box<dyn Policy> {
        let slice_ns = settings.params.slice_ns;
        match self {
            PolicyKind::Hallows => Box::new(hallows::Hallows::new(map, settings, true)),
            PolicyKind::NoAgent => Box::new(hallows::Hallows::new(map, settings, false)),
            PolicyKind::EevdfLike => Box::new(eevdf::EevdfLike::new(map, slice_ns)),
            PolicyKind::Greedy => Box::new(greedy::Greedy::new(map, slice_ns)),
            PolicyKind::LlcQueue => Box::new(llc_queue::LlcQueue::new(map, slice_ns)),
            PolicyKind::Global => Box::new(global::Global::new(slice_ns)),
        }
    }
}
