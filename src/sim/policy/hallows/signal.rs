// SPDX-License-Identifier: GPL-2.0-only
//! Signals: what the agent asks of a CPU, obeyed while it is fresh; and the
//! agent itself, whose code is the real one.

use super::Hallows;
use crate::agent::automaton::{States, step};
use crate::agent::hysteresis::CellState;
use crate::agent::orders::Planner;
use crate::agent::pacing::Pacing;
use crate::agent::params::Params;
use crate::agent::place::{Map, Ring};
use crate::agent::window::{Sample, Window};
use crate::sim::engine::events::Event;
use crate::sim::engine::machine::Machine;
use crate::sim::policy::hallows::Orders;

const DEFAULT_SCAN_K: u8 = 4;
pub const MAX_SCAN_K: u8 = 16;

/// `struct signal`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Signal {
    orders: Option<Orders>,
    expires_ns: u64,
}

impl Signal {
    pub fn fresh(&self, now_ns: u64) -> bool {
        now_ns < self.expires_ns
    }

    pub fn orders(&self) -> Option<&Orders> {
        self.orders.as_ref()
    }
}

/// The orders that a CPU obeys: the agent's, or the static defaults.
#[derive(Clone, Copy, Debug)]
pub struct Obeyed {
    pub slice_ns: u64,
    pub scan_k: u8,
    pub idle_lvl: u8,
    pub state: CellState,
}

/// The agent between two windows.
pub struct Steering {
    pacing: Pacing,
    planner: Planner,
    states: States,
    next: States,
    samples: Vec<Sample>,
    sampled_ns: u64,
    windows: Vec<Window>,
    orders: Vec<Orders>,
}

impl Steering {
    pub fn new(map: &Map, params: Params) -> Steering {
        Steering {
            pacing: Pacing::new(&params),
            planner: Planner::default(),
            states: States::new(map),
            next: States::new(map),
            samples: Vec::new(),
            sampled_ns: 0,
            windows: Vec::new(),
            orders: Vec::new(),
        }
    }
}

impl Hallows {
    pub(super) fn read_orders(&self, cpu: usize, now_ns: u64) -> Obeyed {
        let slice_ns = self.params.slice_ns;
        let signal = &self.signals[cpu];
        match signal.orders.filter(|_| signal.fresh(now_ns)) {
            Some(orders) => Obeyed {
                slice_ns: orders.slice_ns.into(),
                scan_k: orders.scan_k.min(MAX_SCAN_K),
                idle_lvl: orders.idle_lvl,
                state: orders.state,
            },
            None => Obeyed {
                slice_ns,
                scan_k: DEFAULT_SCAN_K,
                idle_lvl: Ring::Smt as u8,
                state: CellState::Balanced,
            },
        }
    }

    /// A round of the agent, and the time of the next.
    pub(super) fn steer(&mut self, machine: &mut Machine) {
        let Some(agent) = &mut self.steering else {
            return;
        };
        let (map, now_ns) = (&machine.map, machine.now_ns);
        let samples: Vec<Sample> = self.cells.iter().map(|cell| cell.reading()).collect();
        agent.windows.clear();
        if agent.samples.is_empty() {
            agent.windows.extend(samples.iter().map(Window::instant));
        } else {
            let pairs = agent.samples.iter().zip(&samples);
            let windows = pairs.map(|(old, new)| Window::between(old, agent.sampled_ns, new, now_ns));
            agent.windows.extend(windows);
        }
        (agent.samples, agent.sampled_ns) = (samples, now_ns);
        let flips = step(map, &self.params, &agent.states, &agent.windows, &mut agent.next);
        std::mem::swap(&mut agent.states, &mut agent.next);
        agent.planner.plan(map, &self.params, &agent.states, &mut agent.orders);
        agent.pacing.note(flips.is_quiet());
        self.counted.rounds += 1;
        self.counted.flips += flips.cells as u64;
        let expires_ns = now_ns + agent.pacing.lifetime_ns();
        for (signal, orders) in self.signals.iter_mut().zip(&agent.orders) {
            *signal = Signal {
                orders: Some(*orders),
                expires_ns,
            };
        }
        let period_ns = agent.pacing.period_ns();
        machine.plan(period_ns, Event::Round);
    }
}
