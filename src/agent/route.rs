// SPDX-License-Identifier: GPL-2.0-only
//! Routes: at which saturated cells a cell looks for work, best first.
//!
//! The CPUs of its own LLC are not on it, the bitmap of waiting tracks finds
//! those. Nor are those without work: each stop is verified live before it is
//! believed, but a wrong one costs a look at a far cache line.
//!
//! Cells begin at different stops of the same lists: if all went to the most
//! loaded cell first they would herd there, worse than at random.

use std::ops::Range;

use super::picks::Picks;
use super::place::Map;

/// Stops of a route.
pub const ROUTE_LEN: usize = 12;
/// Stops in the cell's node, and stops beyond it.
const NODE_STOPS: usize = 6;
const FAR_STOPS: usize = ROUTE_LEN - NODE_STOPS;
/// Other nodes among which the cells of a node spread. A route visits six at
/// most; on a machine of hundreds of nodes the rest would only cost time.
const FAR_NODES: usize = 16;

/// CPUs to look at for work, best first.
#[derive(Clone, Copy, Debug, Eq)]
pub struct Route {
    stops: [u16; ROUTE_LEN],
    len: usize,
}

/// What is behind the last stop tells nothing.
impl PartialEq for Route {
    fn eq(&self, other: &Route) -> bool {
        self.stops() == other.stops()
    }
}

impl Route {
    /// No stop.
    pub const NONE: Route = Route {
        stops: [0; ROUTE_LEN],
        len: 0,
    };

    /// The stops, as CPU ids.
    pub fn stops(&self) -> &[u16] {
        &self.stops[..self.len]
    }

    /// Appends CPUs until the route has `len` stops.
    fn extend(&mut self, cpus: &[u16], len: usize) {
        // They are so few that a call of memcpy would cost more.
        for (cpu, stop) in cpus.iter().zip(&mut self.stops[self.len..len]) {
            *stop = *cpu;
            self.len += 1;
        }
    }
}

/// The saturated cells of a machine, sorted so that the route of a cell is a
/// matter of a few steps: O(cells + nodes²) to fill, a constant for each route.
#[derive(Clone, Debug, Default)]
pub struct Saturated {
    /// CPU ids of saturated cells in the order of the map: those of an LLC, and
    /// of a node, are a range.
    cpus: Picks<u16>,
    llcs: Vec<Range<usize>>,
    nodes: Vec<Range<usize>>,
    /// For each node, the other nodes with saturated cells, nearest first.
    far: Vec<Vec<(u32, u16)>>,
}

impl Saturated {
    /// Lists the cells that `is_saturated` says are.
    pub fn fill(&mut self, map: &Map, is_saturated: impl Fn(usize) -> bool) {
        self.cpus.start(map.cells().len());
        self.llcs.clear();
        self.nodes.clear();
        for llc in map.llcs() {
            let start = self.cpus.list().len();
            for cell in llc.cells.clone() {
                self.cpus.offer(map.cells()[cell].cpu, is_saturated(cell));
            }
            self.llcs.push(start..self.cpus.list().len());
        }
        for node in map.nodes() {
            let (first, last) = (node.llcs.start, node.llcs.end - 1);
            self.nodes.push(self.llcs[first].start..self.llcs[last].end);
        }
        self.far.resize_with(map.nodes().len(), Vec::new);
        for (node, far) in map.nodes().iter().zip(&mut self.far) {
            let has_work = |other: &&(u32, u16)| !self.nodes[other.1 as usize].is_empty();
            far.clear();
            far.reserve(node.others.len().min(FAR_NODES));
            far.extend(node.others.iter().filter(has_work).take(FAR_NODES));
        }
    }

    /// Makes `route` that of `cell`: up to six cells of other LLCs of its node,
    /// then up to six of other nodes, the nearest nodes first. In place, since to
    /// copy what was written in small pieces stalls until they are in the cache.
    ///
    /// # Panics
    /// When [`Saturated::fill`] did not see `map`, or `map` has no such cell.
    pub fn route(&self, map: &Map, cell: usize, route: &mut Route) {
        route.len = 0;
        let all = self.cpus.list();
        if all.is_empty() {
            return;
        }
        let place = &map.cells()[cell];
        for cpus in self.in_node(place.node as usize, place.llc as usize, cell) {
            route.extend(cpus, NODE_STOPS);
        }
        let len = route.len + FAR_STOPS;
        for tier in self.far[place.node as usize].chunk_by(|a, b| a.0 == b.0) {
            let (turn, first) = (cell / tier.len(), cell % tier.len());
            // Each of these nodes has a saturated cell, so few are visited.
            for (_, node) in rotated(tier, first).into_iter().flatten() {
                if route.len == len {
                    return;
                }
                let cpus = &all[self.nodes[*node as usize].clone()];
                for cpus in rotated(cpus, turn % cpus.len()) {
                    route.extend(cpus, len);
                }
            }
        }
    }

    /// Saturated CPUs of `node` outside `llc`, beginning at a stop of `cell`'s own.
    fn in_node(&self, node: usize, llc: usize, cell: usize) -> [&[u16]; 3] {
        let (all, own) = (&self.nodes[node], &self.llcs[llc]);
        let (before, after) = (
            &self.cpus.list()[all.start..own.start],
            &self.cpus.list()[own.end..all.end],
        );
        let first = cell.checked_rem(before.len() + after.len()).unwrap_or(0);
        if first < before.len() {
            let [from, until] = rotated(before, first);
            [from, after, until]
        } else {
            let [from, until] = rotated(after, first - before.len());
            [from, before, until]
        }
    }
}

/// All of `items`, beginning with that at `first`.
fn rotated<T>(items: &[T], first: usize) -> [&[T]; 2] {
    let (until, from) = items.split_at(first);
    [from, until]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::place::{NodeSpec, Ring};
    use crate::agent::testing::{Machine, cpu, machines};
    use proptest::prelude::*;

    fn saturated(map: &Map, is_saturated: impl Fn(usize) -> bool) -> Saturated {
        let mut list = Saturated::default();
        list.fill(map, is_saturated);
        list
    }

    /// The cells that the route of `cell` stops at.
    fn stops(map: &Map, list: &Saturated, cell: usize) -> Vec<usize> {
        let mut route = Route::NONE;
        list.route(map, cell, &mut route);
        route
            .stops()
            .iter()
            .map(|cpu| map.cell_of(*cpu as usize).unwrap())
            .collect()
    }

    #[test]
    fn six_of_the_node_and_six_of_the_machine() {
        let map = Machine {
            nodes: 2,
            llcs: 4,
            cores: 8,
            smt: 1,
        }
        .map();
        let stops = stops(&map, &saturated(&map, |_| true), 9);
        assert_eq!(stops.len(), ROUTE_LEN);
        assert!(
            stops[..6]
                .iter()
                .all(|stop| map.ring(9, *stop) == Ring::Node)
        );
        assert!(
            stops[6..]
                .iter()
                .all(|stop| map.ring(9, *stop) == Ring::Machine)
        );
    }

    #[test]
    fn few_near_stops_do_not_make_more_far_ones() {
        let map = Machine {
            nodes: 2,
            llcs: 2,
            cores: 8,
            smt: 1,
        }
        .map();
        // One saturated cell in the other LLC of node 0, all of node 1.
        let stops = stops(&map, &saturated(&map, |cell| cell == 12 || cell >= 16), 0);
        assert_eq!(stops.len(), 7);
        assert_eq!(stops[0], 12);
    }

    #[test]
    fn nothing_saturated_is_no_route() {
        let map = Machine {
            nodes: 2,
            llcs: 2,
            cores: 2,
            smt: 1,
        }
        .map();
        let nothing = saturated(&map, |_| false);
        assert!(stops(&map, &nothing, 0).is_empty());
    }

    #[test]
    fn near_nodes_come_before_far_ones() {
        let specs: Vec<_> = (0..12).map(|id| cpu(id, id, id / 4, id / 4)).collect();
        let row = |id, distance: [u32; 3]| NodeSpec {
            id,
            distance: distance.to_vec(),
        };
        let nodes = [
            row(0, [10, 40, 20]),
            row(1, [40, 10, 20]),
            row(2, [20, 20, 10]),
        ];
        let map = Map::new(&specs, &nodes).unwrap();
        let stops = stops(&map, &saturated(&map, |_| true), 1);
        assert_eq!(stops.len(), 6);
        assert!(
            stops[..4].iter().all(|stop| (8..12).contains(stop)),
            "{stops:?}"
        );
        assert!(
            stops[4..].iter().all(|stop| (4..8).contains(stop)),
            "{stops:?}"
        );
    }

    #[test]
    fn cells_do_not_herd() {
        // Node 0 looks for work; nodes 1 to 3 have it, as has LLC 1 of node 0.
        let map = Machine {
            nodes: 4,
            llcs: 2,
            cores: 16,
            smt: 1,
        }
        .map();
        let list = saturated(&map, |cell| cell >= 16);
        let mut first_near = vec![0; map.cells().len()];
        let mut first_far = vec![0; map.cells().len()];
        for cell in 0..16 {
            let stops = stops(&map, &list, cell);
            first_near[stops[0]] += 1;
            first_far[stops[6]] += 1;
        }
        assert_eq!(first_near.iter().max(), Some(&1));
        assert_eq!(first_far.iter().max(), Some(&1));
        // The far ones are spread over all three nodes at equal distance.
        for node in 1..4 {
            assert!(first_far[node * 32..(node + 1) * 32].contains(&1), "{node}");
        }
    }

    proptest! {
        #[test]
        fn routes_are_sound(map in machines(), salt: u64) {
            let is_saturated = |cell: usize| salt.rotate_left(cell as u32) & 3 == 0;
            let list = saturated(&map, is_saturated);
            for cell in 0..map.cells().len() {
                let stops = stops(&map, &list, cell);
                let rings: Vec<_> = stops.iter().map(|stop| map.ring(cell, *stop)).collect();
                prop_assert!(rings.is_sorted());
                prop_assert!(rings.iter().all(|ring| *ring >= Ring::Node));
                prop_assert!(stops.iter().all(|stop| is_saturated(*stop)));
                let mut unique = stops.clone();
                unique.sort_unstable();
                unique.dedup();
                prop_assert_eq!(unique.len(), stops.len());
                // Nobody is left out while there is room.
                for ring in [Ring::Node, Ring::Machine] {
                    let all = (0..map.cells().len())
                        .filter(|other| map.ring(cell, *other) == ring && is_saturated(*other));
                    let nr = rings.iter().filter(|stop| **stop == ring).count();
                    prop_assert_eq!(nr, all.count().min(6));
                }
            }
        }
    }
}
