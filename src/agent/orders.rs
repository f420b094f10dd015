// SPDX-License-Identifier: GPL-2.0-only
//! Orders: what the agent asks of each cell, from the states of all.

use super::automaton::{Cell, States};
use super::hysteresis::CellState;
use super::matching::{Grant, Matching};
use super::params::Params;
use super::place::{Map, NR_RINGS, Ring};
use super::route::{Route, Saturated};

/// What `struct signal` tells a CPU, but for its sequence number and expiry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Orders {
    pub state: CellState,
    /// The smallest [`Ring`] in which a search for an idle CPU is worth it,
    /// [`NR_RINGS`]: none.
    pub idle_lvl: u8,
    /// How many tracks of the LLC to try before the route.
    pub scan_k: u8,
    /// Time slice in nanoseconds.
    pub slice_ns: u32,
    /// Tasks to send to another CPU instead of queueing them.
    pub push: Option<Grant>,
    /// Tasks to pull from another CPU when a slice ends.
    pub fair: Option<Grant>,
    /// Where to look for work; a saturated cell has no stop, as it has work.
    pub route: Route,
}

impl Orders {
    /// What a cell is told before the first window.
    const NONE: Orders = Orders {
        state: CellState::Balanced,
        idle_lvl: NR_RINGS as u8,
        scan_k: 0,
        slice_ns: 0,
        push: None,
        fair: None,
        route: Route::NONE,
    };
}

/// How many tracks of its LLC a cell tries, by its state: each try takes the
/// lock of another CPU's queue. A hungry cell pays with time that nobody wants,
/// and the more heads it compares the better the one it takes. A saturated cell
/// delays its own queue by looking, and is the one that others look at; two
/// choices have most of the gain of many.
const SCAN_K: [u8; 3] = [8, 4, 2];

/// One hungry cell may be taken by the time a task gets there.
const ENOUGH_HUNGRY: u16 = 2;

/// Turns states into orders. Keeps its buffers from one window to the next;
/// nothing in them carries over but what [`Matching`] remembers.
#[derive(Clone, Debug, Default)]
pub struct Planner {
    saturated: Saturated,
    hungry: Hungry,
    matching: Matching,
}

impl Planner {
    /// Fills `orders` with the orders of each cell, in the order of
    /// [`Map::cells`]. Costs what [`Matching::fill`] does.
    ///
    /// # Panics
    /// When `states` is not of the size of `map`.
    pub fn plan(&mut self, map: &Map, params: &Params, states: &States, orders: &mut Vec<Orders>) {
        assert_eq!(states.cells.len(), map.cells().len());
        let is = |state| move |cell: usize| states.cells[cell].state == state;
        self.saturated.fill(map, is(CellState::Saturated));
        self.hungry.fill(map, is(CellState::Hungry));
        self.matching.fill(map, params.dwell, states);
        orders.resize(states.cells.len(), Orders::NONE);
        for (index, (cell, orders)) in states.cells.iter().zip(orders).enumerate() {
            orders.state = cell.state;
            orders.idle_lvl = self.hungry.idle_lvl(map, index, cell.state);
            orders.scan_k = scan_k(map, index, cell.state);
            orders.slice_ns = slice_ns(params, cell, self.nobody_waits(map, index));
            orders.push = self.matching.push(index);
            orders.fair = self.matching.fair(index);
            match cell.state {
                // It has work of its own: to look elsewhere is for the others.
                CellState::Saturated => orders.route = Route::NONE,
                _ => self.saturated.route(map, index, &mut orders.route),
            }
        }
    }

    /// Is the neighbourhood of this cell hungry? Some CPU of its LLC idles, and
    /// none has a queue to speak of: who wakes up there runs at once, and no
    /// slice has to end for it. Nor for a pull from elsewhere, which is granted
    /// for the end of a slice.
    fn nobody_waits(&self, map: &Map, cell: usize) -> bool {
        let llc = map.cells()[cell].llc as usize;
        let hungry = self.hungry.llcs[llc] > 0 && !self.saturated.any_in(llc);
        hungry && self.matching.fair(cell).is_none()
    }
}

/// There are no more tracks to try than the LLC has other CPUs.
fn scan_k(map: &Map, cell: usize, state: CellState) -> u8 {
    let peers = map.llcs()[map.cells()[cell].llc as usize].cells.len() - 1;
    SCAN_K[state as usize].min(peers.min(u8::MAX.into()) as u8)
}

/// A saturated cell goes round its queue within the target latency, as far as
/// the shortest slice allows. Where nobody waits, the end of a slice is a dispatch
/// for nothing; BPF cuts a long slice when somebody comes to wait all the same.
fn slice_ns(params: &Params, cell: &Cell, nobody_waits: bool) -> u32 {
    let mut slice_ns = params.slice_ns;
    if cell.state == CellState::Saturated {
        let round = params.target_latency_ns as f64 / (1.0 + cell.average.q);
        slice_ns = (round as u64).max(params.min_slice_ns).min(params.slice_ns);
    } else if nobody_waits {
        slice_ns = params.long_slice_ns;
    }
    slice_ns.min(u32::MAX.into()) as u32
}

/// Numbers of hungry cells by core, LLC and node, and what follows from them.
#[derive(Clone, Debug, Default)]
struct Hungry {
    cores: Vec<u16>,
    llcs: Vec<u16>,
    nodes: Vec<u16>,
    /// By LLC, the smallest ring beyond the core with enough hungry cells: for a
    /// cell that is not hungry, and for one that is.
    beyond_core: Vec<[u8; 2]>,
}

impl Hungry {
    fn fill(&mut self, map: &Map, is_hungry: impl Fn(usize) -> bool) {
        for (counts, len) in [
            (&mut self.cores, map.core_sizes().len()),
            (&mut self.llcs, map.llcs().len()),
            (&mut self.nodes, map.nodes().len()),
        ] {
            counts.clear();
            counts.resize(len, 0);
        }
        for (index, llc) in map.llcs().iter().enumerate() {
            for cell in llc.cells.clone() {
                let hungry = u16::from(is_hungry(cell));
                self.cores[map.core_of(cell)] += hungry;
                self.llcs[index] += hungry;
            }
            self.nodes[llc.node as usize] += self.llcs[index];
        }
        let all = self.nodes.iter().sum();
        self.beyond_core.clear();
        self.beyond_core
            .extend(map.llcs().iter().zip(&self.llcs).map(|(llc, hungry)| {
                let node = llc.node as usize;
                let rings = [
                    (Ring::Llc, *hungry, llc.cells.len()),
                    (Ring::Node, self.nodes[node], map.nodes()[node].cells.len()),
                    (Ring::Machine, all, map.cells().len()),
                ];
                [0, 1].map(|own| {
                    let enough = rings.iter().find(|ring| is_enough(ring.1, own, ring.2));
                    enough.map_or(NR_RINGS as u8, |(ring, ..)| *ring as u8)
                })
            }));
    }

    /// The smallest ring around `cell` with enough hungry cells besides itself.
    fn idle_lvl(&self, map: &Map, cell: usize, state: CellState) -> u8 {
        let core = map.core_of(cell);
        let own = u16::from(state == CellState::Hungry);
        if is_enough(self.cores[core], own, map.core_sizes()[core].into()) {
            return Ring::Smt as u8;
        }
        self.beyond_core[map.cells()[cell].llc as usize][usize::from(own)]
    }
}

/// Are there enough hungry cells among `size`, `own` of them being the one that
/// asks? Two, or one if there is only one other CPU.
fn is_enough(hungry: u16, own: u16, size: usize) -> bool {
    let others = (size - 1).min(ENOUGH_HUNGRY.into()) as u16;
    others > 0 && hungry.saturating_sub(own) >= others
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::automaton::step;
    use crate::agent::testing::{Machine, machines};
    use crate::agent::window::Window;
    use CellState::{Balanced, Hungry as HungryState, Saturated as SaturatedState};
    use proptest::prelude::*;

    /// States that show `state(cell)`, with a mean queue of `q`.
    fn states(map: &Map, q: f64, state: impl Fn(usize) -> CellState) -> States {
        let mut states = States::new(map);
        for (index, cell) in states.cells.iter_mut().enumerate() {
            cell.state = state(index);
            cell.average = Window::new(q, 1.0);
        }
        states
    }

    fn plan(map: &Map, params: &Params, states: &States) -> Vec<Orders> {
        let mut orders = Vec::new();
        Planner::default().plan(map, params, states, &mut orders);
        orders
    }

    fn idle_lvls(map: &Map, hungry: &[usize]) -> Vec<u8> {
        let state = |cell| {
            if hungry.contains(&cell) {
                HungryState
            } else {
                Balanced
            }
        };
        let orders = plan(map, &Params::default(), &states(map, 0.0, state));
        orders.iter().map(|orders| orders.idle_lvl).collect()
    }

    #[test]
    fn idle_lvl_is_the_smallest_ring_with_two_hungry_cells() {
        let map = Machine {
            nodes: 2,
            llcs: 2,
            cores: 2,
            smt: 2,
        }
        .map();
        assert_eq!(idle_lvls(&map, &[]), [5; 16]);
        // One hungry cell is enough for its sibling alone.
        assert_eq!(idle_lvls(&map, &[1])[..4], [1, 5, 5, 5]);
        // Two of an LLC serve it, its node and the machine, one by one.
        let two = idle_lvls(&map, &[2, 3]);
        assert_eq!(two, [2, 2, 1, 1, 3, 3, 3, 3, 4, 4, 4, 4, 4, 4, 4, 4]);
        // A cell does not count itself.
        assert_eq!(idle_lvls(&map, &[0, 4])[..2], [5, 1]);
        assert_eq!(idle_lvls(&map, &[0, 4])[2], 3);
    }

    #[test]
    fn one_hungry_cell_is_enough_for_a_pair_only() {
        let pair = Machine {
            nodes: 1,
            llcs: 1,
            cores: 2,
            smt: 1,
        }
        .map();
        assert_eq!(idle_lvls(&pair, &[1]), [2, 5]);
        let single = Machine {
            nodes: 1,
            llcs: 1,
            cores: 1,
            smt: 1,
        }
        .map();
        assert_eq!(idle_lvls(&single, &[0]), [5]);
        let three = Machine {
            nodes: 1,
            llcs: 1,
            cores: 3,
            smt: 1,
        }
        .map();
        assert_eq!(idle_lvls(&three, &[1]), [5, 5, 5]);
    }

    #[test]
    fn saturated_cells_have_short_slices() {
        let map = Machine {
            nodes: 1,
            llcs: 1,
            cores: 4,
            smt: 1,
        }
        .map();
        let params = Params::default();
        let slice =
            |q, state: CellState| plan(&map, &params, &states(&map, q, |_| state))[0].slice_ns;
        assert_eq!(slice(0.5, SaturatedState), 3_000_000);
        assert_eq!(slice(2.0, SaturatedState), 2_000_000);
        assert_eq!(slice(5.0, SaturatedState), 1_000_000);
        assert_eq!(slice(99.0, SaturatedState), 500_000);
        assert_eq!(slice(99.0, Balanced), 3_000_000);
        // Nobody waits where all are hungry.
        assert_eq!(slice(0.0, HungryState), 20_000_000);
    }

    #[test]
    fn slices_are_long_where_some_are_hungry_and_none_is_saturated() {
        let map = Machine {
            nodes: 1,
            llcs: 3,
            cores: 2,
            smt: 1,
        }
        .map();
        let state = |cell| {
            [
                HungryState,
                Balanced,
                HungryState,
                SaturatedState,
                Balanced,
                Balanced,
            ][cell]
        };
        let orders = plan(&map, &Params::default(), &states(&map, 2.0, state));
        let slices: Vec<u32> = orders
            .iter()
            .map(|orders| orders.slice_ns / 1_000)
            .collect();
        assert_eq!(slices, [20_000, 20_000, 3_000, 2_000, 3_000, 3_000]);
    }

    #[test]
    fn scan_k_follows_the_state_and_the_size_of_the_llc() {
        let big = Machine {
            nodes: 1,
            llcs: 1,
            cores: 16,
            smt: 1,
        }
        .map();
        let small = Machine {
            nodes: 1,
            llcs: 1,
            cores: 4,
            smt: 1,
        }
        .map();
        let single = Machine {
            nodes: 1,
            llcs: 1,
            cores: 1,
            smt: 1,
        }
        .map();
        let scan = |map: &Map, state| {
            plan(map, &Params::default(), &states(map, 1.0, |_| state))[0].scan_k
        };
        assert_eq!(
            [HungryState, Balanced, SaturatedState].map(|s| scan(&big, s)),
            [8, 4, 2]
        );
        assert_eq!(
            [HungryState, Balanced, SaturatedState].map(|s| scan(&small, s)),
            [3, 3, 2]
        );
        assert_eq!(scan(&single, HungryState), 0);
    }

    #[test]
    fn a_plan_leaves_nothing_behind() {
        let map = Machine {
            nodes: 2,
            llcs: 2,
            cores: 4,
            smt: 2,
        }
        .map();
        let params = Params::default();
        let some = states(&map, 2.0, |cell| {
            if cell % 3 == 0 {
                SaturatedState
            } else {
                HungryState
            }
        });
        let none = states(&map, 0.0, |_| Balanced);
        let (mut planner, mut orders) = (Planner::default(), Vec::new());
        planner.plan(&map, &params, &some, &mut orders);
        planner.plan(&map, &params, &none, &mut orders);
        assert_eq!(orders, plan(&map, &params, &none));
    }

    /// The definition of `idle_lvl`, cell by cell.
    fn slow_idle_lvl(map: &Map, states: &States, cell: usize) -> u8 {
        let around = |ring: Ring| {
            let cells = 0..map.cells().len();
            cells.filter(move |other| *other != cell && map.ring(cell, *other) <= ring)
        };
        [Ring::Smt, Ring::Llc, Ring::Node, Ring::Machine]
            .into_iter()
            .find(|ring| {
                let (size, hungry) = (around(*ring).count(), around(*ring));
                let hungry = hungry
                    .filter(|other| states.cells[*other].state == HungryState)
                    .count();
                size > 0 && hungry >= size.min(2)
            })
            .map_or(NR_RINGS as u8, |ring| ring as u8)
    }

    fn random_state(salt: u64, cell: usize) -> CellState {
        let bits = salt
            .wrapping_mul(2 * cell as u64 + 1)
            .rotate_left(cell as u32 & 63);
        [HungryState, Balanced, Balanced, SaturatedState][(bits & 3) as usize]
    }

    proptest! {
        #[test]
        fn orders_meet_their_definition(map in machines(), salt: u64, q in 0.0..40.0) {
            let params = Params::default();
            let states = states(&map, q, |cell| random_state(salt, cell));
            for (cell, orders) in plan(&map, &params, &states).iter().enumerate() {
                prop_assert_eq!(orders.state, states.cells[cell].state);
                prop_assert_eq!(orders.idle_lvl, slow_idle_lvl(&map, &states, cell));
                let around = map.llcs()[map.cells()[cell].llc as usize].cells.clone();
                let has = |state| around.clone().any(|cell| states.cells[cell].state == state);
                let slice = u64::from(orders.slice_ns);
                if has(HungryState) && !has(SaturatedState) && orders.fair.is_none() {
                    prop_assert_eq!(slice, params.long_slice_ns);
                } else {
                    prop_assert!((params.min_slice_ns..=params.slice_ns).contains(&slice));
                }
            }
        }
    }

    #[test]
    fn a_thousand_cpus() {
        let map = Machine {
            nodes: 8,
            llcs: 8,
            cores: 8,
            smt: 2,
        }
        .map();
        assert_eq!(map.cells().len(), 1024);
        let params = Params::default();
        let windows: Vec<_> = (0..1024)
            .map(|cell| match random_state(0x9e37_79b9_7f4a_7c15, cell) {
                HungryState => Window::new(0.0, 0.1),
                Balanced => Window::new(0.2, 1.0),
                SaturatedState => Window::new(5.0, 1.0),
            })
            .collect();
        let (mut prev, mut next) = (States::new(&map), States::new(&map));
        for _ in 0..3 {
            step(&map, &params, &prev, &windows, &mut next);
            std::mem::swap(&mut prev, &mut next);
        }
        let orders = plan(&map, &params, &prev);
        let mut stops = vec![0; 1024];
        for (cell, orders) in orders.iter().enumerate() {
            assert_eq!(orders.state, random_state(0x9e37_79b9_7f4a_7c15, cell));
            assert_eq!(orders.idle_lvl, slow_idle_lvl(&map, &prev, cell));
            let is_saturated = orders.state == SaturatedState;
            assert_eq!(
                orders.route.stops().len(),
                if is_saturated { 0 } else { 12 }
            );
            orders
                .route
                .stops()
                .iter()
                .for_each(|stop| stops[*stop as usize] += 1);
        }
        // 12 x 768 stops over about 256 saturated cells: 36 each, were it even.
        assert!(
            *stops.iter().max().unwrap() <= 108,
            "{}",
            stops.iter().max().unwrap()
        );
    }
}
