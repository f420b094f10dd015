// SPDX-License-Identifier: GPL-2.0-only
//! Reads the machine's [`Map`] from sysfs, by way of `scx_utils`.

use std::fs;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use scx_utils::Topology;

use super::place::{CpuSpec, Map, NodeSpec};

/// CPUs that go offline take their files along, under whoever is reading them.
const TRIES: u32 = 10;

/// Longer than the kernel needs for one CPU.
const PAUSE: Duration = Duration::from_millis(20);

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
    let topology =
        patiently(Topology::new).context("read the CPU topology from /sys/devices/system/cpu")?;
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

/// Whether cores may get a second thread while this machine runs, as far as the kernel says.
pub fn may_have_smt() -> bool {
    let control = fs::read_to_string("/sys/devices/system/cpu/smt/control");
    control.is_ok_and(|word| matches!(word.trim(), "on" | "off"))
}

/// What `read` gives at last, or its last error.
fn patiently<T>(mut read: impl FnMut() -> Result<T>) -> Result<T> {
    for _ in 1..TRIES {
        if let Ok(value) = read() {
            return Ok(value);
        }
        thread::sleep(PAUSE);
    }
    read()
}

#[cfg(test)]
mod tests {
    use anyhow::bail;

    use super::{TRIES, patiently};

    #[test]
    fn files_that_go_while_they_are_read_are_read_again() {
        let mut tries = 0;
        let third = patiently(|| {
            tries += 1;
            if tries < 3 {
                bail!("cpu{tries} is gone");
            }
            Ok(tries)
        });
        assert_eq!(third.unwrap(), 3);
        let mut tries = 0;
        let never = patiently::<()>(|| {
            tries += 1;
            bail!("try {tries} failed")
        });
        assert_eq!(
            never.unwrap_err().to_string(),
            format!("try {TRIES} failed")
        );
    }
}
