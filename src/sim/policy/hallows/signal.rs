// SPDX-License-Identifier: GPL-2.0-only
//! Signals: what the agent, whose code is the real one, asks of a CPU; obeyed
//! while it is fresh.

use super::cell::Cell;
use super::{Hallows, Orders, Ring};
use crate::agent::hysteresis::CellState;
use crate::agent::matching::Grant;
use crate::sim::engine::events::Event;
use crate::sim::engine::machine::Machine;

pub const DEFAULT_SCAN_K: u8 = 4;
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
    pub push: Option<Grant>,
    pub fair: Option<Grant>,
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
                push: orders.push,
                fair: orders.fair,
            },
            None => Obeyed {
                slice_ns,
                scan_k: DEFAULT_SCAN_K,
                idle_lvl: Ring::Smt as u8,
                state: CellState::Balanced,
                push: None,
                fair: None,
            },
        }
    }

    /// A round of the agent, and the time of the next.
    pub(super) fn steer(&mut self, machine: &mut Machine) {
        let Some(agent) = &mut self.agent else {
            return;
        };
        self.samples.clear();
        self.samples.extend(self.cells.iter().map(Cell::reading));
        let before = agent.totals();
        let expires_ns = agent.round(&machine.map, &self.samples, machine.now_ns);
        let after = agent.totals();
        self.counted.rounds += after.rounds - before.rounds;
        self.counted.flips += after.flips - before.flips;
        let tokens = [
            ("push tokens", after.push_tokens - before.push_tokens),
            ("fair tokens", after.fair_tokens - before.fair_tokens),
        ];
        for (signal, orders) in self.signals.iter_mut().zip(agent.orders()) {
            *signal = Signal {
                orders: Some(*orders),
                expires_ns,
            };
        }
        let period_ns = agent.period_ns();
        machine.plan(period_ns, Event::Round);
        for (decision, tokens) in tokens {
            *self.counted.decisions.entry(decision).or_default() += tokens;
        }
    }

    /// Spends a token of the grant of `cpu` that `grant` selects.
    pub(super) fn spend(&mut self, cpu: usize, grant: impl Fn(&mut Orders) -> &mut Option<Grant>) {
        let Some(orders) = &mut self.signals[cpu].orders else {
            return;
        };
        let grant = grant(orders);
        *grant = grant.and_then(|Grant { cpu, tokens }| {
            (tokens > 1).then(|| Grant {
                cpu,
                tokens: tokens - 1,
            })
        });
    }
}
