// SPDX-License-Identifier: GPL-2.0-only
//! Machines for tests.

use proptest::prelude::*;

use super::place::{CpuSpec, Map};

/// A CPU by its id, core, LLC and node.
pub fn cpu(cpu: u32, core: u32, llc: u32, node: u32) -> CpuSpec {
    CpuSpec {
        cpu,
        core,
        llc,
        node,
    }
}

/// A regular machine: so many nodes, LLCs per node, cores per LLC and threads
/// per core, with CPUs numbered in that order.
#[derive(Clone, Copy, Debug)]
pub struct Machine {
    pub nodes: u32,
    pub llcs: u32,
    pub cores: u32,
    pub smt: u32,
}

impl Machine {
    pub fn specs(self) -> Vec<CpuSpec> {
        let cpus = self.nodes * self.llcs * self.cores * self.smt;
        let core = |id: u32| id / self.smt;
        let llc = |id: u32| core(id) / self.cores;
        (0..cpus)
            .map(|id| cpu(id, core(id), llc(id), llc(id) / self.llcs))
            .collect()
    }

    pub fn map(self) -> Map {
        Map::new(&self.specs(), &[]).unwrap()
    }
}

/// Machines of up to 96 CPUs with gaps in their ids, some CPUs offline.
pub fn machines() -> impl Strategy<Value = Map> {
    shaped((1..=4u32, 1..=3u32, 1..=4u32, 1..=2u32), 96)
}

/// The same of up to 1024 CPUs. For tests of few cases.
pub fn large_machines() -> impl Strategy<Value = Map> {
    shaped((1..=8u32, 1..=8u32, 1..=8u32, 1..=2u32), 1024)
}

fn shaped(
    shape: impl Strategy<Value = (u32, u32, u32, u32)>,
    most: usize,
) -> impl Strategy<Value = Map> {
    let gaps = (
        1..=3u32,
        prop::collection::vec(prop::bool::weighted(0.8), most - 1),
    );
    (shape, gaps).prop_map(|((nodes, llcs, cores, smt), (stride, online))| {
        let mut specs = Machine {
            nodes,
            llcs,
            cores,
            smt,
        }
        .specs();
        // The first CPU never goes offline, so that one is left.
        specs.retain(|spec| spec.cpu == 0 || online[spec.cpu as usize - 1]);
        specs.iter_mut().for_each(|spec| spec.cpu *= stride);
        Map::new(&specs, &[]).unwrap()
    })
}
