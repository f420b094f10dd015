// SPDX-License-Identifier: GPL-2.0-only
//! Scopes: the groups of cells that are matched, and the parts of each.

use std::ops::Range;

use crate::agent::place::Map;

/// A group of cells that give work to each other.
#[derive(Clone, Copy, Debug)]
pub(super) enum Scope {
    /// The cells of an LLC, which has no parts.
    Llc(usize),
    /// The cells of a node, by LLCs.
    Node(usize),
    /// All cells, by nodes.
    Machine,
}

impl Scope {
    /// Are its cells those of one LLC?
    pub fn is_llc(self) -> bool {
        matches!(self, Scope::Llc(_))
    }

    /// How many parts it has; an LLC is one.
    pub fn nr_parts(self, map: &Map) -> usize {
        match self {
            Scope::Llc(_) => 1,
            Scope::Node(node) => map.nodes()[node].llcs.len(),
            Scope::Machine => map.nodes().len(),
        }
    }

    /// The cells of a part.
    pub fn cells(self, map: &Map, part: usize) -> Range<usize> {
        match self {
            Scope::Llc(llc) => map.llcs()[llc].cells.clone(),
            Scope::Node(node) => {
                let llc = map.nodes()[node].llcs.start + part;
                map.llcs()[llc].cells.clone()
            }
            Scope::Machine => map.nodes()[part].cells.clone(),
        }
    }

    /// The part that `cell`, one of its cells, is in.
    pub fn part_of(self, map: &Map, cell: usize) -> usize {
        let place = &map.cells()[cell];
        match self {
            Scope::Llc(_) => 0,
            Scope::Node(node) => place.llc as usize - map.nodes()[node].llcs.start,
            Scope::Machine => place.node.into(),
        }
    }
}
