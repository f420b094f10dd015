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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Route {
    stops: [u16; ROUTE_LEN],
    len: usize,
}

impl Route {
    /// The stops, as CPU ids.
    pub fn stops(&self) -> &[u16] {
        &self.stops[..self.len]
    }

    /// Appends CPUs until the route has `len` stops.
    fn extend(&mut self, cpus: impl Iterator<Item = u16>, len: usize) {
        for cpu in cpus.take(len - self.len) {
            self.stops[self.len] = cpu;
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
    cpus: Vec<u16>,
    llcs: Vec<Range<usize>>,
    nodes: Vec<Range<usize>>,
    /// For each node, the other nodes with saturated cells, nearest first.
    far: Vec<Vec<(u32, u16)>>,
}

impl Saturated {
    /// Lists the cells that `is_saturated` says are.
    pub fn fill(&mut self, map: &Map, is_saturated: impl Fn(usize) -> bool) {
        self.cpus.clear();
        self.llcs.clear();
        self.nodes.clear();
        for llc in map.llcs() {
            let start = self.cpus.len();
            let cells = llc.cells.clone().filter(|cell| is_saturated(*cell));
            self.cpus.extend(cells.map(|cell| map.cells()[cell].cpu));
            self.llcs.push(start..self.cpus.len());
        }
        for node in map.nodes() {
            let (first, last) = (node.llcs.start, node.llcs.end - 1);
            self.nodes.push(self.llcs[first].start..self.llcs[last].end);
        }
        self.far.resize_with(map.nodes().len(), Vec::new);
        for (node, far) in map.nodes().iter().zip(&mut self.far) {
            let has_work = |other: &&(u32, u16)| !self.nodes[other.1 as usize].is_empty();
            far.clear();
            far.extend(node.others.iter().filter(has_work).take(FAR_NODES));
        }
    }

    /// Has LLC `llc` a saturated cell?
    ///
    /// # Panics
    /// When [`Saturated::fill`] did not see a map with such an LLC.
    pub fn any_in(&self, llc: usize) -> bool {
        !self.llcs[llc].is_empty()
    }

    /// The route of `cell`: up to six cells of other LLCs of its node, then up
    /// to six of other nodes, the nearest nodes first.
    ///
    /// # Panics
    /// When [`Saturated::fill`] did not see `map`, or `map` has no such cell.
    pub fn route(&self, map: &Map, cell: usize) -> Route {
        let place = &map.cells()[cell];
        let mut route = Route::default();
        let near = self.in_node(place.node as usize, place.llc as usize, cell);
        route.extend(near, NODE_STOPS);
        let len = route.len + FAR_STOPS;
        for tier in self.far[place.node as usize].chunk_by(|a, b| a.0 == b.0) {
            // Each of these nodes has a saturated cell, so few are visited.
            for step in 0..tier.len().min(FAR_STOPS) {
                let (_, node) = tier[(cell + step) % tier.len()];
                let cpus = &self.cpus[self.nodes[node as usize].clone()];
                route.extend(
                    rotated(cpus.len(), cell / tier.len()).map(|at| cpus[at]),
                    len,
                );
            }
            if route.len == len {
                break;
            }
        }
        route
    }

    /// Saturated CPUs of `node` outside `llc`, beginning at a stop of `cell`'s own.
    fn in_node(&self, node: usize, llc: usize, cell: usize) -> impl Iterator<Item = u16> {
        let (all, own) = (&self.nodes[node], &self.llcs[llc]);
        let before = own.start - all.start;
        let cpus = &self.cpus;
        rotated(all.len() - own.len(), cell).map(move |at| {
            let at = if at < before { at } else { at + own.len() };
            cpus[all.start + at]
        })
    }
}

/// 0..len, beginning at `start` modulo `len`.
fn rotated(len: usize, start: usize) -> impl Iterator<Item = usize> {
    (0..len).map(move |at| (at + start % len) % len)
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
        let route = list.route(map, cell);
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
        assert!(saturated(&map, |_| false).route(&map, 0).stops().is_empty());
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
