// SPDX-License-Identifier: GPL-2.0-only
//! Machines to simulate: regular cache trees.

use std::fmt;
use std::str::FromStr;

use anyhow::{Context, Result, ensure};

use crate::agent::place::{CpuSpec, Map};

/// The largest machine, in CPUs.
pub const MAX_SIM_CPUS: u32 = 4096;

/// So many nodes, LLCs per node, cores per LLC and threads per core. CPUs are
/// numbered in that order, so the id of a CPU is the index of its cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Topology {
    nodes: u32,
    llcs: u32,
    cores: u32,
    smt: u32,
}

impl Topology {
    /// Number of CPUs.
    pub fn cpus(self) -> u32 {
        self.nodes * self.llcs * self.cores * self.smt
    }

    /// Its cache tree.
    pub fn map(self) -> Map {
        let specs: Vec<CpuSpec> = (0..self.cpus())
            .map(|cpu| {
                let core = cpu / self.smt;
                let llc = core / self.cores;
                CpuSpec {
                    cpu,
                    core,
                    llc,
                    node: llc / self.llcs,
                }
            })
            .collect();
        match Map::new(&specs, &[]) {
            Ok(map) => map,
            Err(error) => unreachable!("ids are distinct and at most {MAX_SIM_CPUS}: {error}"),
        }
    }
}

impl FromStr for Topology {
    type Err = anyhow::Error;

    /// Parses "nodes x LLCs per node x cores per LLC x threads per core".
    fn from_str(text: &str) -> Result<Topology> {
        let shape = || format!("'{text}' is not NODESxLLCSxCORESxSMT, such as 2x4x16x2");
        let numbers: Vec<u32> = text
            .split('x')
            .map(str::parse)
            .collect::<Result<_, _>>()
            .with_context(shape)?;
        let [nodes, llcs, cores, smt] = numbers[..] else {
            anyhow::bail!(shape());
        };
        let cpus = numbers
            .iter()
            .try_fold(1u32, |cpus, nr| cpus.checked_mul(*nr));
        ensure!(
            cpus.is_some_and(|cpus| (1..=MAX_SIM_CPUS).contains(&cpus)),
            "'{text}' has not between 1 and {MAX_SIM_CPUS} CPUs"
        );
        Ok(Topology {
            nodes,
            llcs,
            cores,
            smt,
        })
    }
}

impl fmt::Display for Topology {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Topology {
            nodes,
            llcs,
            cores,
            smt,
        } = self;
        write!(f, "{nodes}x{llcs}x{cores}x{smt}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_numbers_make_a_machine() {
        let topology: Topology = "2x4x16x2".parse().unwrap();
        let map = topology.map();
        assert_eq!((topology.cpus(), map.cells().len()), (256, 256));
        assert_eq!((map.nodes().len(), map.llcs().len()), (2, 8));
        assert_eq!(map.core_sizes(), [2; 128]);
        assert!(
            map.cells()
                .iter()
                .enumerate()
                .all(|(at, cell)| at == cell.cpu as usize)
        );
        assert_eq!(topology.to_string(), "2x4x16x2");
        assert_eq!(
            "4x32x16x2".parse::<Topology>().unwrap().map().cells().len(),
            4096
        );
    }

    #[test]
    fn others_are_refused_in_a_line() {
        for (text, says) in [
            ("", "NODESxLLCSxCORESxSMT"),
            ("2x4x16", "NODESxLLCSxCORESxSMT"),
            ("2x4x16x-2", "NODESxLLCSxCORESxSMT"),
            ("0x1x1x1", "between 1 and 4096"),
            ("2x4x1024x1", "between 1 and 4096"),
            ("65536x65536x1x1", "between 1 and 4096"),
        ] {
            let error = text.parse::<Topology>().unwrap_err().to_string();
            assert!(error.contains(says) && !error.contains('\n'), "{error}");
        }
    }
}
