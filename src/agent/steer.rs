// SPDX-License-Identifier: GPL-2.0-only
//! The agent: rounds over live memory.

use std::time::{Duration, Instant};

use anyhow::Result;
use hallows_lockfree::layout::PrefetchAhead;
use tracing::{info, warn};

use super::estimator::{Estimate, Estimator};
use super::group::Groups;
use super::group_maps::GroupMaps;
use super::guard::{self, Event, Guard, Load};
use super::matching::Grant;
use super::memory::{Memory, Tunables};
use super::orders::Orders;
use super::params::Params;
use super::place::{Map, NR_RINGS};
use super::price::{self, Prices};
use super::round::{Controller, Totals};
use super::window::Sample;
use crate::recording::Frame;

const SECOND_NS: u64 = 1_000_000_000;
/// Lapses within so long after one that was told are told together.
const TELL_EVERY: Duration = Duration::from_secs(10);
/// How often prices are learnt.
const LEARN_EVERY: Duration = Duration::from_secs(1);

/// Reads cells and publishes signals, a [`Controller`] in between; learns prices
/// and finds homes for groups.
pub struct Agent {
    params: Params,
    epoch: Instant,
    controller: Controller,
    samples: Vec<Sample>,
    sampled_ns: u64,
    estimator: Estimator,
    learnt: Instant,
    groups: Groups,
    group_maps: GroupMaps,
    guard: Guard,
    /// All CPUs that were ever online: counters of those that left still count.
    counted: Vec<usize>,
    lapses: u64,
    lapses_told: Option<Instant>,
    /// The last attempt to find homes failed, and the user was told so.
    homeless: bool,
}

impl Agent {
    /// An agent that has seen nothing yet. `params` are valid. What BPF went through
    /// before, by `memory`, is not this agent's.
    pub fn new(map: &Map, params: Params, group_maps: GroupMaps, memory: &Memory) -> Agent {
        Agent {
            params,
            epoch: Instant::now(),
            controller: Controller::new(map, params),
            samples: Vec::with_capacity(map.cells().len()),
            sampled_ns: 0,
            estimator: Estimator::new(price::static_ns(map, &params)),
            learnt: Instant::now(),
            groups: Groups::default(),
            group_maps,
            guard: Guard::new(&params),
            counted: cpus_of(map).collect(),
            lapses: memory.lapses(),
            lapses_told: None,
            homeless: false,
        }
    }

    /// Evaluates the window that ends now and publishes what follows from it,
    /// unless the guard withholds it. A
    /// map that the kernel does not let it use costs the groups their homes until
    /// it does.
    pub fn round(&mut self, map: &Map, memory: &Memory) {
        let cells = map.cells();
        self.samples.clear();
        let ahead = cells
            .iter()
            .prefetch_ahead::<8>(|place| memory.prefetch(place.cpu.into()));
        self.samples
            .extend(ahead.map(|place| memory.sample(place.cpu.into())));
        let now_ns = self.epoch.elapsed().as_nanos() as u64;
        self.sampled_ns = now_ns;
        let expires_ns = self.controller.round(map, &self.samples, now_ns);
        self.ask_guard(memory, now_ns);
        memory.want_turns(self.guard.compares());
        let withheld = self.guard.withholds();
        for (place, orders) in cells.iter().zip(self.controller.orders()) {
            match withheld {
                true => memory.withdraw(place.cpu.into()),
                false => memory.publish(place.cpu.into(), orders, expires_ns),
            }
        }
        memory.speak_until(expires_ns);
        self.note_lapses(memory);
        if self.params.price_learn && self.learnt.elapsed() >= LEARN_EVERY {
            self.learnt = Instant::now();
            let cpus = self.counted.iter().copied();
            self.estimator.observe(&memory.bursts(cpus));
            memory.tune(&self.tunables());
        }
        let found = self.find_homes(map);
        if let Err(error) = &found
            && !self.homeless
        {
            warn!("threads are not kept together until this works: {error:#}");
        }
        self.homeless = found.is_err();
    }

    /// Has the guard look at the last window, and tells what it concludes.
    fn ask_guard(&mut self, memory: &Memory, now_ns: u64) {
        let load = Load::of(self.controller.windows());
        let prices_ns = self.estimator.prices_ns();
        let counted = &self.counted;
        let turns = || memory.turns(counted.iter().copied());
        match self.guard.round(now_ns, load, &prices_ns, turns) {
            Some(Event::Withheld { harm, retry_ns }) => warn!(
                "the agent's signals hurt three times in a row: {harm}; BPF schedules \
                 without them, the next try is in {} s",
                retry_ns / SECOND_NS
            ),
            Some(Event::StillHurt { harm, retry_ns }) => warn!(
                "the agent's signals still hurt: {harm}; the next try is in {} s",
                retry_ns / SECOND_NS
            ),
            Some(Event::Published) => {
                info!("the agent's signals do not hurt any more: BPF obeys them again")
            }
            None => {}
        }
    }

    /// An agent that was stopped, or starved, learns of it here. One that is again
    /// and again says so now and then.
    fn note_lapses(&mut self, memory: &Memory) {
        let lapses = memory.lapses();
        let recent = |told: Instant| told.elapsed() < TELL_EVERY;
        if lapses == self.lapses || self.lapses_told.is_some_and(recent) {
            return;
        }
        let times = lapses.wrapping_sub(self.lapses);
        warn!("this agent fell silent, {times} x: BPF scheduled on its own meanwhile");
        self.lapses = lapses;
        self.lapses_told = Some(Instant::now());
    }

    /// One LLC is everybody's home already, and on an idle machine nobody needs
    /// one: to ask is what would cost most there.
    fn find_homes(&mut self, map: &Map) -> Result<()> {
        if map.llcs().len() == 1 || !self.params.affinity || self.controller.is_idle() {
            return Ok(());
        }
        let now_ns = self.controller.now_ns();
        let usages = self.group_maps.take_usages(map)?;
        self.groups.observe(map, &self.params, usages, now_ns);
        let homes = match self.guard.withholds() {
            true => &[],
            false => self.groups.homes(),
        };
        self.group_maps.publish(map, homes, now_ns)
    }

    /// What the last round saw and decided.
    pub fn frame(&self) -> Frame {
        let orders = self.controller.orders().iter();
        let tokens = |of: fn(&Orders) -> Option<Grant>| {
            let grants = self.controller.orders().iter().filter_map(of);
            grants.map(|grant| u64::from(grant.tokens)).sum()
        };
        Frame {
            monotonic_ns: self.sampled_ns,
            samples: self.samples.clone(),
            states: orders.map(|orders| orders.state as u8).collect(),
            push_tokens: tokens(|orders| orders.push),
            fair_tokens: tokens(|orders| orders.fair),
        }
    }

    /// What BPF should go by, by the prices known now.
    pub fn tunables(&self) -> Tunables {
        Tunables::new(&self.params, &self.prices_ns())
    }

    /// The prices in force.
    pub fn prices_ns(&self) -> Prices {
        self.estimator.prices_ns()
    }

    /// What is known of the price of each ring.
    pub fn estimates(&self) -> &[Estimate; NR_RINGS] {
        self.estimator.estimates()
    }

    /// How many groups have a home now, and how often one changed.
    pub fn homes(&self) -> (usize, u64) {
        (self.groups.homes().len(), self.groups.switches())
    }

    /// Steers by other parameters from the next round on. `params` are valid.
    /// Prices that are to come from elsewhere than before begin anew.
    pub fn set_params(&mut self, map: &Map, params: Params) {
        let origin = |params: &Params| (params.price_learn, params.prices_ns);
        if origin(&params) != origin(&self.params) {
            self.estimator.restart(price::static_ns(map, &params));
        }
        if !params.affinity {
            self.forget_homes(map);
        }
        self.params = params;
        self.controller.set_params(params);
        self.guard.restart(&params);
    }

    /// Steers the CPUs of `map` from the next round on: some came or went.
    pub fn set_map(&mut self, map: &Map) {
        self.controller.set_map(map);
        self.guard.restart(&self.params);
        self.forget_homes(map);
        for cpu in cpus_of(map) {
            if !self.counted.contains(&cpu) {
                self.counted.push(cpu);
            }
        }
    }

    fn forget_homes(&mut self, map: &Map) {
        self.groups = Groups::default();
        if let Err(error) = self.group_maps.publish(map, &[], self.controller.now_ns()) {
            warn!("homes stay until they expire: {error:#}");
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

    /// What the guard saw and did since the start.
    pub fn guarded(&self) -> guard::Totals {
        self.guard.totals()
    }

    /// What was last decided, in the order of the map's cells.
    pub fn orders(&self) -> &[Orders] {
        self.controller.orders()
    }
}

/// The ids of the CPUs of `map`.
fn cpus_of(map: &Map) -> impl Iterator<Item = usize> {
    map.cells().iter().map(|place| place.cpu.into())
}
