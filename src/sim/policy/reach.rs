// SPDX-License-Identifier: GPL-2.0-only
//! Rings as ranges of cells, and the searches of them that policies share.

use std::ops::Range;

use crate::agent::place::Ring;
use crate::sim::engine::bits::Bits;
use crate::sim::engine::machine::Machine;

/// The rings a search widens over.
pub const RINGS: [Ring; 3] = [Ring::Llc, Ring::Node, Ring::Machine];

/// The cells that are no farther from `cpu` than `ring`.
pub fn cells_within(machine: &Machine, cpu: usize, ring: Ring) -> Range<usize> {
    let map = &machine.map;
    match ring {
        Ring::SelfCpu => cpu..cpu + 1,
        Ring::Smt | Ring::Llc => map.llcs()[machine.llc(cpu)].cells.clone(),
        Ring::Node => map.nodes()[machine.node(cpu)].cells.clone(),
        Ring::Machine => 0..map.cells().len(),
    }
}

/// Claims an idle CPU no farther than `ring`, any of them with the same chance.
pub fn claim_within(machine: &mut Machine, cpu: usize, ring: Ring) -> Option<usize> {
    machine.search(ring);
    let cells = cells_within(machine, cpu, ring);
    let from = machine.rng.usize(cells.clone());
    machine.idle.claim_in(&cells, from)
}

/// Claims `cpu` if it is idle, else the nearest idle CPU.
pub fn claim_nearest(machine: &mut Machine, cpu: usize) -> Option<usize> {
    if machine.idle.claim(cpu) {
        return Some(cpu);
    }
    RINGS
        .into_iter()
        .find_map(|ring| claim_within(machine, cpu, ring))
}

/// A CPU whose bit is set, as near to `cpu` as there is one.
pub fn nearest(machine: &mut Machine, bits: &Bits, cpu: usize) -> Option<usize> {
    for ring in RINGS {
        machine.search(ring);
        let cells = cells_within(machine, cpu, ring);
        let from = machine.rng.usize(cells.clone());
        if let Some(found) = bits.next(&cells, from) {
            return Some(found);
        }
    }
    None
}
