// SPDX-License-Identifier: GPL-2.0-only
//! What was measured, as it comes in.

use hallows_load::suite::{Better, Figure, Measurement};
use serde::{Deserialize, Serialize};

use super::agent_use::AgentUse;
use super::moves::Moves;

/// One run of a test under a candidate.
#[derive(Clone, Debug)]
pub struct Run {
    /// Index of the candidate.
    pub candidate: usize,
    /// Name of the test.
    pub test: &'static str,
    /// What the test found.
    pub found: Measurement,
    /// Moves of tasks meanwhile, on the whole machine, if they were counted.
    pub moves: Option<Moves>,
    /// What the scheduler's process used meanwhile.
    pub agent: AgentUse,
}

/// A turn of a candidate: which scheduler the kernel named.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Counted from 1.
    pub round: usize,
    /// Name of the candidate.
    pub candidate: String,
    /// What the kernel called it; nothing for the default scheduler, and for one
    /// that never scheduled.
    pub ops: Option<String>,
    /// What went wrong, if something did.
    pub failure: Option<String>,
}

/// All that was measured.
#[derive(Clone, Debug, Default)]
pub struct Results {
    /// In the order of time.
    pub runs: Vec<Run>,
    /// In the order of time.
    pub sessions: Vec<Session>,
}

impl Run {
    /// The figures of the run: of a test of the idle machine, those of the
    /// scheduler's process as well.
    pub fn figures(&self) -> Vec<Figure> {
        let mut figures = self.found.figures.clone();
        if self.test == "idle" {
            let lower = |name: &str, unit: &str, resolution: f64, value: f64| Figure {
                name: name.into(),
                unit: unit.into(),
                better: Better::Lower,
                resolution,
                value,
            };
            let (cpu_pct, wakeups) = (self.agent_cpu_pct(), self.agent_wakeups_per_s());
            figures.push(lower("scheduler's CPU", "%", 0.1, cpu_pct));
            figures.push(lower("scheduler's wake-ups", "/s", 1.0, wakeups));
        }
        figures
    }

    fn seconds(&self) -> f64 {
        self.found.seconds.max(1e-9)
    }

    /// CPU time of the scheduler's process, in percent of one CPU.
    pub fn agent_cpu_pct(&self) -> f64 {
        self.agent.cpu_ns as f64 / 1e7 / self.seconds()
    }

    /// How often the scheduler's process woke up.
    pub fn agent_wakeups_per_s(&self) -> f64 {
        self.agent.wakeups as f64 / self.seconds()
    }

    /// Context switches of the test's tasks.
    pub fn switches_per_s(&self) -> f64 {
        self.found.switches as f64 / self.seconds()
    }

    /// Moves of tasks, if they were counted.
    pub fn moves_per_s(&self) -> Option<Moves> {
        self.moves.map(|moves| moves.per(self.seconds()))
    }
}
