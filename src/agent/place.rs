// SPDX-License-Identifier: GPL-2.0-only
//! Where each CPU is: the cache tree whose leaves are the automaton's cells.
//!
//! A [`Map`] is built from plain data, so that tests and the reader of sysfs
//! share one constructor. It numbers things densely: *cells* 0..n are the CPUs
//! sorted by node, LLC and CPU id, so the cells of an LLC, and the LLCs of a
//! node, are ranges. CPU ids may be sparse; a CPU that is not listed does not
//! exist.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};

/// CPU ids that the scheduler's memory has room for. A [`Map`] may have more:
/// what writes that memory asks [`Map::fits_memory`] first.
pub const MAX_CPUS: usize = 1024;
/// Stands for "no CPU" and "no LLC" in 16-bit ids.
pub const NO_CPU: u16 = 0xffff;
/// Stops of an LLC's static route.
pub const DETOUR_LEN: usize = 16;
/// Stops of it kept for LLCs of other nodes: a node with more LLCs than stops
/// would otherwise never look outside while the agent is stopped.
const DETOUR_REMOTE: usize = 4;

/// Distance of a node to itself in the SLIT.
const SLIT_LOCAL: u32 = 10;
/// Distance between nodes whose firmware does not tell.
pub const SLIT_REMOTE: u32 = 20;

/// Number of [`Ring`]s; as a ring, "none".
pub const NR_RINGS: usize = 5;

/// Distance between two CPUs in the cache tree, nearest first.
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ring {
    /// The CPU itself.
    SelfCpu,
    /// Another thread of the same core.
    Smt,
    /// Another core of the same LLC.
    Llc,
    /// Another LLC of the same node.
    Node,
    /// Another node.
    Machine,
}

/// A CPU as the operating system describes it. Core and LLC ids need to be
/// unique only within their node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CpuSpec {
    pub cpu: u32,
    pub core: u32,
    pub llc: u32,
    pub node: u32,
}

/// A NUMA node, with or without CPUs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeSpec {
    pub id: u32,
    /// SLIT distance to each listed node, in the order of the list.
    pub distance: Vec<u32>,
}

/// Where a CPU is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The operating system's id of the CPU.
    pub cpu: u16,
    /// Dense LLC index.
    pub llc: u16,
    /// Dense node index.
    pub node: u16,
    /// Index in the LLC.
    pub slot: u16,
    /// Lowest CPU id of the core.
    pub core: u16,
}

/// CPUs that share a last-level cache.
#[derive(Clone, Debug)]
pub struct Llc {
    /// The id that it was described by.
    pub id: u32,
    /// Dense node index.
    pub node: u16,
    /// Its cells, in slot order.
    pub cells: Range<usize>,
    /// Other LLCs (dense index), nearest first, at most [`DETOUR_LEN`].
    pub detour: Vec<u16>,
}

/// A NUMA node that has CPUs.
#[derive(Clone, Debug)]
pub struct Node {
    /// The operating system's id.
    pub id: u16,
    /// Its cells.
    pub cells: Range<usize>,
    /// Its LLCs (dense indices).
    pub llcs: Range<usize>,
    /// The other nodes as (SLIT distance, dense index), nearest first, those
    /// at equal distance in an order that differs from node to node.
    pub others: Vec<(u32, u16)>,
}

/// The machine.
#[derive(Clone, Debug)]
pub struct Map {
    cells: Vec<Place>,
    cell_of: Vec<u16>,
    core_of: Vec<u16>,
    core_sizes: Vec<u16>,
    llcs: Vec<Llc>,
    nodes: Vec<Node>,
}

impl Map {
    /// Builds the map of the CPUs in `cpus`, in any order.
    ///
    /// An LLC or a core that spans nodes is split at the node's border. A SLIT
    /// distance that is missing, or below that of a node to itself, counts as
    /// [`SLIT_REMOTE`]: firmware without a SLIT is common.
    ///
    /// # Errors
    /// No CPU, a CPU listed twice, or an id that does not fit into 16 bits.
    pub fn new(cpus: &[CpuSpec], nodes: &[NodeSpec]) -> Result<Map> {
        check(cpus)?;
        let mut cpus = cpus.to_vec();
        cpus.sort_unstable_by_key(|c| (c.node, c.llc, c.cpu));
        let mut map = Map {
            cells: Vec::with_capacity(cpus.len()),
            cell_of: vec![NO_CPU; cpus.iter().map(|c| c.cpu as usize + 1).max().unwrap_or(0)],
            core_of: Vec::with_capacity(cpus.len()),
            core_sizes: Vec::new(),
            llcs: Vec::new(),
            nodes: Vec::new(),
        };
        for llc in cpus.chunk_by(|a, b| (a.node, a.llc) == (b.node, b.llc)) {
            map.push_llc(llc);
        }
        let distances = Distances::new(nodes);
        for node in 0..map.nodes.len() {
            map.nodes[node].others = map.others(node, &distances);
        }
        for llc in 0..map.llcs.len() {
            map.llcs[llc].detour = map.detour(llc);
        }
        Ok(map)
    }

    /// Appends the CPUs of an LLC, sorted by id, and its node if it is new.
    fn push_llc(&mut self, cpus: &[CpuSpec]) {
        let (first, llc, id) = (self.cells.len(), self.llcs.len(), cpus[0].node as u16);
        if self.nodes.last().is_none_or(|node| node.id != id) {
            let (cells, llcs) = (first..first, llc..llc);
            self.nodes.push(Node {
                id,
                cells,
                llcs,
                others: Vec::new(),
            });
        }
        let node = self.nodes.len() - 1;
        let mut cores = BTreeMap::new();
        for (slot, spec) in cpus.iter().enumerate() {
            let (core, lowest) = *cores.entry(spec.core).or_insert_with(|| {
                self.core_sizes.push(0);
                (self.core_sizes.len() - 1, spec.cpu as u16)
            });
            self.core_sizes[core] += 1;
            self.core_of.push(core as u16);
            self.cell_of[spec.cpu as usize] = self.cells.len() as u16;
            self.cells.push(Place {
                cpu: spec.cpu as u16,
                llc: llc as u16,
                node: node as u16,
                slot: slot as u16,
                core: lowest,
            });
        }
        let end = self.cells.len();
        self.nodes[node].cells.end = end;
        self.nodes[node].llcs.end = llc + 1;
        self.llcs.push(Llc {
            id: cpus[0].llc,
            node: node as u16,
            cells: first..end,
            detour: Vec::new(),
        });
    }

    /// The nodes other than `node`, nearest first, equals rotated by its index.
    fn others(&self, node: usize, distances: &Distances) -> Vec<(u32, u16)> {
        let id = self.nodes[node].id;
        let nr = self.nodes.len();
        let mut others: Vec<_> = (node + 1..node + nr)
            .map(|other| other % nr)
            .map(|other| (distances.between(id, self.nodes[other].id), other as u16))
            .collect();
        others.sort_by_key(|(distance, _)| *distance);
        others
    }

    /// The static route of `llc`: LLCs of its node, starting after itself,
    /// then those of other nodes by distance. LLCs at equal distance are
    /// rotated by the index of `llc`, lest all rush to the same one.
    fn detour(&self, llc: usize) -> Vec<u16> {
        let home = &self.nodes[self.llcs[llc].node as usize];
        let nr = home.llcs.len();
        let near = (1..nr).map(|i| (home.llcs.start + (llc - home.llcs.start + i) % nr) as u16);
        let mut far = Vec::new();
        for tier in home.others.chunk_by(|a, b| a.0 == b.0) {
            let start = far.len();
            far.extend(
                tier.iter()
                    .flat_map(|(_, node)| self.nodes[*node as usize].llcs.clone()),
            );
            let len = far.len() - start;
            far[start..].rotate_left(llc % len);
        }
        let keep = DETOUR_LEN - far.len().min(DETOUR_REMOTE);
        let stops = near.take(keep).chain(far.into_iter().map(|llc| llc as u16));
        stops.take(DETOUR_LEN).collect()
    }

    /// Does the memory that the scheduler shares with the kernel have room for
    /// these CPUs?
    ///
    /// # Errors
    /// A CPU id of [`MAX_CPUS`] or above.
    pub fn fits_memory(&self) -> Result<()> {
        let last = self.cell_of.len() - 1;
        ensure!(
            last < MAX_CPUS,
            "CPU {last} is above the highest id that scx_hallows handles, {}: boot with \
             nr_cpus={MAX_CPUS}",
            MAX_CPUS - 1
        );
        Ok(())
    }

    /// How many CPUs, LLCs and nodes there are, in words.
    pub fn size(&self) -> String {
        format!(
            "{} CPUs in {} LLCs on {} nodes",
            self.cells.len(),
            self.llcs.len(),
            self.nodes.len()
        )
    }

    /// The cells, sorted by node, LLC and CPU id.
    pub fn cells(&self) -> &[Place] {
        &self.cells
    }

    /// The cell of CPU `cpu`, if there is such a CPU.
    pub fn cell_of(&self, cpu: usize) -> Option<usize> {
        let cell = *self.cell_of.get(cpu)?;
        (cell != NO_CPU).then_some(cell as usize)
    }

    /// The LLCs; their order sorts by node.
    pub fn llcs(&self) -> &[Llc] {
        &self.llcs
    }

    /// The dense index of the LLC that was described by `id`, if it is there and
    /// ids are those of one machine-wide numbering.
    pub fn llc_with_id(&self, id: u32) -> Option<usize> {
        // With all CPUs online an id is the index.
        let is_it = |llc: &Llc| llc.id == id;
        match self.llcs.get(id as usize) {
            Some(llc) if is_it(llc) => Some(id as usize),
            _ => self.llcs.iter().position(is_it),
        }
    }

    /// The nodes that have CPUs, by id.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// Dense index of the core of `cell`.
    ///
    /// # Panics
    /// When there is no such cell.
    pub fn core_of(&self, cell: usize) -> usize {
        self.core_of[cell] as usize
    }

    /// Number of CPUs of each core.
    pub fn core_sizes(&self) -> &[u16] {
        &self.core_sizes
    }

    /// The ring around cell `a` that holds cell `b`.
    ///
    /// # Panics
    /// When there is no such cell.
    pub fn ring(&self, a: usize, b: usize) -> Ring {
        let (pa, pb) = (&self.cells[a], &self.cells[b]);
        match () {
            () if a == b => Ring::SelfCpu,
            () if pa.core == pb.core => Ring::Smt,
            () if pa.llc == pb.llc => Ring::Llc,
            () if pa.node == pb.node => Ring::Node,
            () => Ring::Machine,
        }
    }
}

fn check(cpus: &[CpuSpec]) -> Result<()> {
    ensure!(!cpus.is_empty(), "the machine has no online CPU");
    let mut seen = BTreeSet::new();
    for spec in cpus {
        ensure!(
            spec.cpu < NO_CPU as u32 && spec.node < NO_CPU as u32,
            "CPU {} on node {}: ids above {} are out of range",
            spec.cpu,
            spec.node,
            NO_CPU - 1
        );
        ensure!(seen.insert(spec.cpu), "CPU {} is listed twice", spec.cpu);
    }
    Ok(())
}

/// The SLIT by node id.
struct Distances<'a> {
    nodes: &'a [NodeSpec],
    row_of: BTreeMap<u32, usize>,
}

impl<'a> Distances<'a> {
    fn new(nodes: &'a [NodeSpec]) -> Self {
        let row_of = nodes
            .iter()
            .enumerate()
            .map(|(row, node)| (node.id, row))
            .collect();
        Distances { nodes, row_of }
    }

    fn between(&self, from: u16, to: u16) -> u32 {
        let row = |id: u16| self.row_of.get(&u32::from(id)).copied();
        row(from)
            .zip(row(to))
            .and_then(|(from, to)| self.nodes[from].distance.get(to).copied())
            .filter(|distance| *distance >= SLIT_LOCAL)
            .unwrap_or(SLIT_REMOTE)
    }
}

#[cfg(test)]
mod tests;
