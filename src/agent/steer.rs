// SPDX-License-Identifier: GPL-2.0-only
//! The agent: rounds over live memory.

use std::time::Instant;

use super::memory::Memory;
use super::orders::Orders;
use super::params::Params;
use super::place::Map;
use super::round::{Controller, Totals};
use super::window::Sample;

/// Reads cells and publishes signals, a [`Controller`] in between.
pub struct Agent {
    epoch: Instant,
    controller: Controller,
    samples: Vec<Sample>,
}

impl Agent {
    /// An agent that has seen nothing yet. `params` are valid.
    pub fn new(map: &Map, params: Params) -> Agent {
        Agent {
            epoch: Instant::now(),
            controller: Controller::new(map, params),
            samples: Vec::with_capacity(map.cells().len()),
        }
    }

    /// Evaluates the window that ends now and publishes what follows from it.
    pub fn round(&mut self, map: &Map, memory: &Memory) {
        let cells = map.cells();
        self.samples.clear();
        self.samples
            .extend(cells.iter().map(|place| memory.sample(place.cpu.into())));
        let now_ns = self.epoch.elapsed().as_nanos() as u64;
        let expires_ns = self.controller.round(map, &self.samples, now_ns);
        for (place, orders) in cells.iter().zip(self.controller.orders()) {
            memory.publish(place.cpu.into(), orders, expires_ns);
        }
    }

    /// How long to wait for the next round, in nanoseconds.
    pub fn period_ns(&self) -> u64 {
        self.controller.period_ns()
    }

    /// What happened since the start.
    pub fn totals(&self) -> Totals {
        self.controller.totals()
    }

    /// What was last published, in the order of the map's cells.
    pub fn orders(&self) -> &[Orders] {
        self.controller.orders()
    }
}
