// SPDX-License-Identifier: GPL-2.0-only
//! The roster: all CPUs that were online at some time since the program was
//! loaded, under numbers that do not change while CPUs come and go.
//!
//! sysfs tells of online CPUs only, and numbers LLCs and cores by what it tells.
//! An LLC keeps the number that it had at load, which is its index in BPF's memory.

use anyhow::{Context, Result};

use super::place::{CpuSpec, Map, NodeSpec};

/// What was ever known of CPUs.
#[derive(Clone, Debug)]
pub struct Roster {
    specs: Vec<CpuSpec>,
    nodes: Vec<NodeSpec>,
}

/// Where a CPU is that was offline at load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Newcomer {
    pub cpu: u32,
    /// A CPU of the same LLC that was known before.
    pub peer: u32,
    /// What it has in common with the other CPUs of its core.
    pub core: u32,
}

impl Roster {
    /// The roster of the CPUs that are online at load.
    ///
    /// # Errors
    /// Those of [`Map::new`].
    pub fn new(mut specs: Vec<CpuSpec>, nodes: Vec<NodeSpec>) -> Result<Roster> {
        let map = Map::new(&specs, &nodes)?;
        for spec in &mut specs {
            let cell = map.cell_of(spec.cpu as usize);
            let place = &map.cells()[cell.context("the map lacks a CPU")?];
            (spec.llc, spec.core) = (place.llc.into(), place.core.into());
        }
        Ok(Roster { specs, nodes })
    }

    /// A roster that another agent kept: `specs` are numbered as BPF has them.
    pub fn resume(specs: Vec<CpuSpec>, nodes: Vec<NodeSpec>) -> Roster {
        Roster { specs, nodes }
    }

    /// The ids of all CPUs on it.
    pub fn cpus(&self) -> impl Iterator<Item = usize> {
        self.specs.iter().map(|spec| spec.cpu as usize)
    }

    /// Whether `cpu` is on it.
    pub fn knows(&self, cpu: usize) -> bool {
        self.cpus().any(|known| known == cpu)
    }

    fn spec(&self, cpu: u32) -> Option<&CpuSpec> {
        self.specs.iter().find(|spec| spec.cpu == cpu)
    }

    /// Takes up `cpu`, of which `now` tells with all other online CPUs. `None` if
    /// it does not, or names no CPU of its LLC that is on the roster.
    pub fn adopt(&mut self, cpu: usize, now: &[CpuSpec]) -> Option<Newcomer> {
        let new = now.iter().find(|spec| spec.cpu as usize == cpu)?;
        let llc = now
            .iter()
            .filter(|spec| (spec.node, spec.llc) == (new.node, new.llc));
        let peers = || llc.clone().filter_map(|spec| self.spec(spec.cpu));
        let peer = *peers().next()?;
        let siblings = llc.clone().filter(|spec| spec.core == new.core);
        let mut siblings = siblings.filter_map(|spec| self.spec(spec.cpu));
        let core = siblings.next().map_or(new.cpu, |sibling| sibling.core);
        self.specs.push(CpuSpec {
            cpu: new.cpu,
            core,
            ..peer
        });
        Some(Newcomer {
            cpu: new.cpu,
            peer: peer.cpu,
            core,
        })
    }

    /// The map of those that are online. The [ids](super::place::Llc::id) of its
    /// LLCs are their indices at load.
    ///
    /// # Errors
    /// None is.
    pub fn map(&self, is_online: impl Fn(usize) -> bool) -> Result<Map> {
        let online = self.specs.iter().copied();
        let online: Vec<_> = online.filter(|spec| is_online(spec.cpu as usize)).collect();
        Map::new(&online, &self.nodes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::testing::{Machine, cpu};

    /// CPUs 0 and 1 share a core, so do 2 and 3; two LLCs of two cores each.
    fn specs() -> Vec<CpuSpec> {
        let machine = Machine {
            nodes: 1,
            llcs: 2,
            cores: 2,
            smt: 2,
        };
        machine.specs()
    }

    fn without(gone: &[u32]) -> Vec<CpuSpec> {
        let all = specs().into_iter();
        all.filter(|spec| !gone.contains(&spec.cpu)).collect()
    }

    #[test]
    fn an_llc_keeps_its_number_while_another_is_away() {
        let roster = Roster::new(specs(), Vec::new()).unwrap();
        let map = roster.map(|cpu| cpu >= 4).unwrap();
        assert_eq!((map.llcs().len(), map.llcs()[0].id), (1, 1));
        assert_eq!((map.llc_with_id(1), map.llc_with_id(0)), (Some(0), None));
        assert!(roster.map(|_| false).is_err());
    }

    #[test]
    fn a_newcomer_joins_its_core_and_llc_whatever_sysfs_calls_them() {
        let mut roster = Roster::new(without(&[3, 5, 6]), Vec::new()).unwrap();
        // The first LLC is away, so sysfs numbers anew.
        let now = [cpu(4, 0, 0, 0), cpu(5, 0, 0, 0), cpu(6, 1, 0, 0)];
        let five = roster.adopt(5, &now).unwrap();
        assert_eq!((five.peer, five.core), (4, 4));
        assert_eq!(roster.adopt(6, &now).unwrap().core, 6);
        let map = roster.map(|_| true).unwrap();
        let llc = &map.llcs()[map.llc_with_id(1).unwrap()];
        assert_eq!(llc.cells.len(), 4);
    }

    #[test]
    fn an_llc_that_nobody_knows_has_no_place() {
        let mut roster = Roster::new(without(&[4, 5, 6, 7]), Vec::new()).unwrap();
        assert_eq!(roster.adopt(4, &specs()), None);
        assert_eq!(roster.adopt(9, &specs()), None);
        assert!(!roster.knows(4));
    }
}
