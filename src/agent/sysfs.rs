// SPDX-License-Identifier: GPL-2.0-only
//! Reads the machine's [`Map`] from sysfs, by way of `scx_utils`.

use anyhow::{Context, Result};
use scx_utils::Topology;

use super::place::{CpuSpec, Map, NodeSpec};

/// The map of the CPUs that are online now.
///
/// # Errors
/// sysfs can't be read, or [`Map::new`] refuses what it says.
pub fn read_map() -> Result<Map> {
    let (cpus, nodes) = read()?;
    Map::new(&cpus, &nodes)
}

/// The CPUs that are online now, and all nodes.
///
/// # Errors
/// sysfs can't be read.
pub fn read() -> Result<(Vec<CpuSpec>, Vec<NodeSpec>)> {
    let topology = Topology::new().context("read the CPU topology from /sys/devices/system/cpu")?;
    let cpus = topology
        .all_cpus
        .values()
        .map(|cpu| CpuSpec {
            cpu: cpu.id as u32,
            core: cpu.core_id as u32,
            llc: cpu.llc_id as u32,
            node: cpu.node_id as u32,
        })
        .collect();
    let nodes = topology
        .nodes
        .values()
        .map(|node| NodeSpec {
            id: node.id as u32,
            distance: node.distance.iter().map(|slit| *slit as u32).collect(),
        })
        .collect();
    Ok((cpus, nodes))
}
