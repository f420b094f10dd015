// SPDX-License-Identifier: GPL-2.0-only
//! Rounds: readings of all cells in, orders for all cells out, without I/O.

use super::automaton::{Flips, States, step};
use super::orders::{Orders, Planner};
use super::pacing::{Pacing, Seen};
use super::params::Params;
use super::place::Map;
use super::weight::Weight;
use super::window::{CellClock, Sample, Window};

/// Share of a window in which an idle CPU does what has to be done anyway.
const IDLE_BUSY: f64 = 0.02;

/// What the agent remembers between two windows. All slices that go in and come
/// out are in the order of the map's cells.
pub struct Controller {
    params: Params,
    clock: CellClock,
    pacing: Pacing,
    planner: Planner,
    states: States,
    next: States,
    samples: Vec<Sample>,
    sampled_ns: u64,
    windows: Vec<Window>,
    weights: Vec<Weight>,
    orders: Vec<Orders>,
    totals: Totals,
}

/// What happened since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Windows evaluated.
    pub rounds: u64,
    /// Changes of a cell's state.
    pub flips: u64,
    /// Tasks that were granted a way out of their cell.
    pub push_tokens: u64,
    /// Tasks that were granted to a cell that pulls them.
    pub fair_tokens: u64,
}

impl Controller {
    /// A controller that has seen nothing yet. `params` are valid.
    pub fn new(map: &Map, params: Params) -> Controller {
        Controller {
            params,
            clock: CellClock::default(),
            pacing: Pacing::new(&params),
            planner: Planner::default(),
            states: States::new(map),
            next: States::new(map),
            samples: Vec::new(),
            sampled_ns: 0,
            windows: Vec::new(),
            weights: Vec::new(),
            orders: Vec::new(),
            totals: Totals::default(),
        }
    }

    /// Evaluates the window that ends with these readings, taken at
    /// `monotonic_ns` on `CLOCK_MONOTONIC` or any clock of its rate. Returns
    /// the time on the cells' clock until which the new [`orders`](Self::orders)
    /// hold.
    ///
    /// Allocates in the first round only, and costs what
    /// [`Planner::plan`] does.
    ///
    /// # Panics
    /// When `samples` or `map` is not of the size that `map` was at the start.
    pub fn round(&mut self, map: &Map, samples: &[Sample], monotonic_ns: u64) -> u64 {
        let stamps = samples.iter().map(|sample| sample.updated_ns);
        let now_ns = self.clock.now_ns(monotonic_ns, stamps.max().unwrap_or(0));
        self.observe(samples, now_ns);
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
        self.pacing.note(self.seen(&flips));
        self.count(flips.cells);
        now_ns + self.pacing.lifetime_ns()
    }

    fn seen(&self, flips: &Flips) -> Seen {
        match flips.is_quiet() {
            false => Seen::Change,
            true if self.is_idle() => Seen::Idle,
            true => Seen::Quiet,
        }
    }

    /// Turns the last readings and these into windows.
    fn observe(&mut self, samples: &[Sample], now_ns: u64) {
        self.windows.clear();
        if self.samples.len() == samples.len() {
            let before_ns = self.sampled_ns;
            let pairs = self.samples.iter().zip(samples).zip(&mut self.weights);
            self.windows.extend(pairs.map(|((old, new), weight)| {
                let window = Window::between(old, before_ns, new, now_ns);
                *weight = weight.next(window, Window::served(old, before_ns, new, now_ns));
                weight.of(window)
            }));
        } else {
            self.windows.extend(samples.iter().map(Window::instant));
            self.weights.clear();
            self.weights.resize(samples.len(), Weight::default());
        }
        self.samples.clear();
        self.samples.extend_from_slice(samples);
        self.sampled_ns = now_ns;
    }

    fn count(&mut self, flips: usize) {
        self.totals.rounds += 1;
        self.totals.flips += flips as u64;
        for orders in &self.orders {
            let tokens = |grant: Option<super::matching::Grant>| grant.map_or(0, |g| g.tokens);
            self.totals.push_tokens += u64::from(tokens(orders.push));
            self.totals.fair_tokens += u64::from(tokens(orders.fair));
        }
    }

    /// Steers other CPUs, or fewer or more, from the next round on: their cells
    /// begin anew, the clock and what was counted go on.
    pub fn set_map(&mut self, map: &Map) {
        (self.states, self.next) = (States::new(map), States::new(map));
        self.planner = Planner::default();
        self.samples.clear();
        self.windows.clear();
        self.orders.clear();
    }

    /// Steers by other parameters from the next round on. `params` are valid.
    pub fn set_params(&mut self, params: Params) {
        self.params = params;
        self.pacing = Pacing::new(&params);
    }

    /// Every CPU idled in the last window, but for what has to be done anyway.
    pub fn is_idle(&self) -> bool {
        self.windows.iter().all(|window| window.u < IDLE_BUSY)
    }

    /// What each CPU did in the last window.
    pub fn windows(&self) -> &[Window] {
        &self.windows
    }

    /// The time of the last round on the cells' clock.
    pub fn now_ns(&self) -> u64 {
        self.sampled_ns
    }

    /// How long to wait for the next round, in nanoseconds.
    pub fn period_ns(&self) -> u64 {
        self.pacing.period_ns()
    }

    /// What happened since the start.
    pub fn totals(&self) -> Totals {
        self.totals
    }

    /// States after the last round.
    pub fn states(&self) -> &States {
        &self.states
    }

    /// What the last round asks of each cell; empty before the first.
    pub fn orders(&self) -> &[Orders] {
        &self.orders
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::hysteresis::CellState;
    use crate::agent::params::MS;
    use crate::agent::place::NR_RINGS;
    use crate::agent::testing::{Machine, large_machines};
    use proptest::prelude::*;

    /// A CPU that is busy since the start, with so many tasks waiting.
    fn busy(nr_queued: u32) -> Sample {
        Sample {
            updated_ns: MS,
            run_since_ns: MS,
            nr_queued,
            ..Sample::default()
        }
    }

    #[test]
    fn a_machine_may_shrink_and_grow_between_rounds() {
        let map = |cores| {
            let (nodes, llcs, smt) = (1, 1, 1);
            let machine = Machine {
                nodes,
                llcs,
                cores,
                smt,
            };
            machine.map()
        };
        let (small, large) = (map(2), map(4));
        let mut controller = Controller::new(&large, Params::default());
        let mut expires_ns = 0;
        for (round, map) in [&large, &small, &large].into_iter().enumerate() {
            controller.set_map(map);
            let samples = vec![busy(1); map.cells().len()];
            let next_ns = controller.round(map, &samples, (round as u64 + 1) * 10 * MS);
            assert!(next_ns > expires_ns);
            assert_eq!(controller.orders().len(), map.cells().len());
            expires_ns = next_ns;
        }
        assert_eq!(controller.totals().rounds, 3);
    }

    #[test]
    fn rounds_turn_readings_into_orders() {
        let map = Machine {
            nodes: 2,
            llcs: 1,
            cores: 2,
            smt: 1,
        }
        .map();
        let mut controller = Controller::new(&map, Params::default());
        let samples = [busy(2), busy(2), busy(0), busy(0)];
        let mut expires_ns = 0;
        for round in 1..5 {
            let next_ns = controller.round(&map, &samples, round * 10 * MS);
            assert!(next_ns > expires_ns);
            expires_ns = next_ns;
        }
        let orders = controller.orders();
        assert_eq!(orders[0].state, CellState::Saturated);
        // Half of node 0's excess of two tasks.
        assert_eq!(orders.iter().filter(|o| o.fair.is_some()).count(), 1);
        let totals = controller.totals();
        assert_eq!((totals.rounds, totals.push_tokens), (4, 0));
        assert_eq!(totals.fair_tokens, 4);
    }

    #[test]
    fn a_machine_that_has_nothing_left_to_do_is_soon_looked_at_less_often() {
        let map = Machine {
            nodes: 1,
            llcs: 1,
            cores: 2,
            smt: 1,
        }
        .map();
        let mut controller = Controller::new(&map, Params::default());
        let mut now_ns = 0;
        let mut pass = |samples: [Sample; 2]| {
            now_ns += controller.period_ns();
            controller.round(&map, &samples, now_ns);
            controller.period_ns()
        };
        (0..4).for_each(|_| _ = pass([busy(4), busy(0)]));
        let idle = Sample {
            updated_ns: 40 * MS,
            busy_ns: 40 * MS,
            idle_since_ns: 40 * MS,
            ..Sample::default()
        };
        let windows = (1..).find(|_| pass([idle, idle]) == 100 * MS);
        assert!(windows <= Some(8), "after {windows:?} windows");
        // One CPU is enough to look closely again.
        let begins = Sample {
            run_since_ns: 40 * MS,
            idle_since_ns: 0,
            ..idle
        };
        pass([begins, idle]);
        assert_eq!(pass([begins, idle]), 10 * MS);
    }

    /// Readings that make no sense, of a cell and a window.
    fn noise(salt: u64, cell: usize, window: u64) -> Sample {
        let bits = |of: u64| {
            salt.wrapping_mul(2 * (cell as u64 + window) + of)
                .rotate_left(29)
        };
        Sample {
            updated_ns: bits(1) % (window * 10 * MS),
            busy_ns: bits(3) % (window * 10 * MS),
            queue_integral_ns: bits(5) >> (bits(7) % 64),
            vclock_ns: bits(19) >> (bits(21) % 64),
            light_ns: bits(23) >> (bits(25) % 64),
            run_since_ns: bits(9) % 2 * MS,
            idle_since_ns: bits(11) % 2 * MS,
            nr_queued: (bits(13) >> (32 + bits(15) % 32)) as u32,
            flags: (bits(17) % 16) as u32,
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        /// BPF bounds what it reads; it does not have to.
        #[test]
        fn orders_are_valid_whatever_was_read(map in large_machines(), salt: u64) {
            let params = Params::default();
            let mut controller = Controller::new(&map, params);
            let cpus: Vec<u16> = map.cells().iter().map(|place| place.cpu).collect();
            for window in 1..5 {
                let nr = map.cells().len();
                let samples: Vec<_> = (0..nr).map(|cell| noise(salt, cell, window)).collect();
                let until_ns = controller.round(&map, &samples, window * 10 * MS);
                prop_assert!(until_ns > controller.now_ns());
                prop_assert_eq!(controller.orders().len(), nr);
                for (orders, cpu) in controller.orders().iter().zip(&cpus) {
                    let mut stops = orders.route.stops().to_vec();
                    let grants = [orders.push, orders.fair];
                    let ends = grants.iter().flatten().map(|grant| grant.cpu);
                    let others = |end: u16| end != *cpu && cpus.contains(&end);
                    prop_assert!(stops.iter().copied().chain(ends).all(others));
                    prop_assert!(grants.iter().flatten().all(|g| (1..=64).contains(&g.tokens)));
                    stops.sort_unstable();
                    prop_assert!(stops.is_sorted_by(|a, b| a < b));
                    let slices_ns = params.min_slice_ns..=params.long_slice_ns;
                    prop_assert!(slices_ns.contains(&orders.slice_ns.into()));
                    prop_assert!(usize::from(orders.idle_lvl) <= NR_RINGS);
                }
            }
        }
    }

    #[test]
    fn other_parameters_take_effect_in_the_next_round() {
        let map = Machine {
            nodes: 1,
            llcs: 1,
            cores: 1,
            smt: 1,
        }
        .map();
        let mut controller = Controller::new(&map, Params::default());
        controller.round(&map, &[busy(0)], 10 * MS);
        let params = Params {
            slice_ns: 7 * MS,
            period_ns: 20 * MS,
            ..Params::default()
        };
        controller.set_params(params);
        assert_eq!(controller.period_ns(), 20 * MS);
        controller.round(&map, &[busy(0)], 30 * MS);
        assert_eq!(u64::from(controller.orders()[0].slice_ns), 7 * MS);
    }
}
