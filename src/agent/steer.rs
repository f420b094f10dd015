// SPDX-License-Identifier: GPL-2.0-only
//! One round of the agent: cells in, signals out.

use std::time::Instant;

use super::automaton::{States, step};
use super::memory::Memory;
use super::orders::{Orders, Planner};
use super::pacing::Pacing;
use super::params::Params;
use super::place::Map;
use super::window::{CellClock, Sample, Window};

/// The agent between two windows. All vectors are in the order of the map's cells.
pub struct Agent {
    params: Params,
    epoch: Instant,
    clock: CellClock,
    pacing: Pacing,
    planner: Planner,
    states: States,
    next: States,
    samples: Vec<Sample>,
    sampled_ns: u64,
    windows: Vec<Window>,
    orders: Vec<Orders>,
    rounds: u64,
    flips: u64,
}

impl Agent {
    /// An agent that has seen nothing yet.
    pub fn new(map: &Map, params: Params) -> Agent {
        Agent {
            params,
            epoch: Instant::now(),
            clock: CellClock::default(),
            pacing: Pacing::new(&params),
            planner: Planner::default(),
            states: States::new(map),
            next: States::new(map),
            samples: Vec::new(),
            sampled_ns: 0,
            windows: Vec::new(),
            orders: Vec::new(),
            rounds: 0,
            flips: 0,
        }
    }

    /// Evaluates the window that ends now and publishes what follows from it.
    pub fn round(&mut self, map: &Map, memory: &Memory) {
        let samples: Vec<Sample> = map
            .cells()
            .iter()
            .map(|place| memory.sample(place.cpu.into()))
            .collect();
        let newest_ns = samples
            .iter()
            .map(|sample| sample.updated_ns)
            .max()
            .unwrap_or(0);
        let now_ns = self
            .clock
            .now_ns(self.epoch.elapsed().as_nanos() as u64, newest_ns);
        self.observe(&samples, now_ns);
        let flips = step(
            map,
            &self.params,
            &self.states,
            &self.windows,
            &mut self.next,
        );
        std::mem::swap(&mut self.states, &mut self.next);
        self.planner
            .plan(map, &self.params, &self.states, &mut self.orders);
        self.pacing.note(flips.is_quiet());
        self.rounds += 1;
        self.flips += flips.cells as u64;
        let expires_ns = now_ns + self.pacing.lifetime_ns();
        for (place, orders) in map.cells().iter().zip(&self.orders) {
            memory.publish(place.cpu.into(), orders, expires_ns);
        }
    }

    /// Turns the last reading and this one into windows.
    fn observe(&mut self, samples: &[Sample], now_ns: u64) {
        self.windows.clear();
        if self.samples.len() == samples.len() {
            let pairs = self.samples.iter().zip(samples);
            self.windows
                .extend(pairs.map(|(old, new)| Window::between(old, self.sampled_ns, new, now_ns)));
        } else {
            self.windows.extend(samples.iter().map(Window::instant));
        }
        self.samples.clear();
        self.samples.extend_from_slice(samples);
        self.sampled_ns = now_ns;
    }

    /// How long to wait for the next round, in nanoseconds.
    pub fn period_ns(&self) -> u64 {
        self.pacing.period_ns()
    }

    /// Rounds so far.
    pub fn rounds(&self) -> u64 {
        self.rounds
    }

    /// Changes of a CPU's state so far.
    pub fn flips(&self) -> u64 {
        self.flips
    }

    /// What was last published, in the order of the map's cells.
    pub fn orders(&self) -> &[Orders] {
        &self.orders
    }
}
