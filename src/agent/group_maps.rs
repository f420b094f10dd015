// SPDX-License-Identifier: GPL-2.0-only
//! What BPF tells of groups, and what it is told: two maps, a system call each.

use std::collections::HashSet;

use anyhow::{Context, Result};
use libbpf_rs::{ErrorKind, MapCore, MapFlags, MapHandle};

use super::group::{Home, Usage};
use super::params::MS;
use crate::bpf_intf as intf;
use crate::bpf_skel::BpfSkel;

/// A home outlives the agent for so long.
const LIFETIME_NS: u64 = 500 * MS;
/// Homes that did not change are published again after so long.
const REFRESH_NS: u64 = 200 * MS;

/// The two maps, and what was last written.
pub struct GroupMaps {
    occupancy: MapHandle,
    homes: MapHandle,
    published: Vec<Home>,
    published_ns: u64,
}

impl GroupMaps {
    /// Opens the maps of a loaded skeleton.
    ///
    /// # Errors
    /// The process is out of file descriptors.
    pub fn of(skel: &BpfSkel<'_>) -> Result<GroupMaps> {
        let open = "open the maps of process groups";
        Ok(GroupMaps {
            occupancy: MapHandle::try_from(&skel.maps.occupancy).context(open)?,
            homes: MapHandle::try_from(&skel.maps.homes).context(open)?,
            published: Vec::new(),
            published_ns: 0,
        })
    }

    /// Empties BPF's account of which process ran where.
    ///
    /// # Errors
    /// The map can't be read in batches.
    pub fn take_usages(&self) -> Result<Vec<Usage>> {
        let all = intf::hallows_limits_MAX_OCCUPANCY;
        let entries = self
            .occupancy
            .lookup_and_delete_batch(all, MapFlags::ANY, MapFlags::ANY)
            .context("read which process ran where")?;
        Ok(entries
            .filter_map(|(key, value)| {
                Some(Usage {
                    tgid: word(&key, 0)?,
                    llc: word(&key, 4)?.try_into().ok()?,
                    ran_ns: u64::from_ne_bytes(value.get(..8)?.try_into().ok()?),
                })
            })
            .collect())
    }

    /// Tells BPF where processes should run, if that changed or was told long
    /// ago; `now_ns` is on the cells' clock.
    ///
    /// # Errors
    /// The kernel refuses to write the map.
    pub fn publish(&mut self, homes: &[Home], now_ns: u64) -> Result<()> {
        if homes == self.published && now_ns.saturating_sub(self.published_ns) < REFRESH_NS {
            return Ok(());
        }
        // If a write fails, the next one does not rely on what is in the map.
        let before = std::mem::take(&mut self.published);
        self.forget(&before, homes)?;
        if !homes.is_empty() {
            let expires_ns = now_ns + LIFETIME_NS;
            let keys: Vec<u8> = homes.iter().flat_map(|h| h.tgid.to_ne_bytes()).collect();
            let values: Vec<u8> = homes.iter().flat_map(|h| value(h, expires_ns)).collect();
            self.homes
                .update_batch(
                    &keys,
                    &values,
                    homes.len() as u32,
                    MapFlags::ANY,
                    MapFlags::ANY,
                )
                .context("tell BPF where processes should run")?;
        }
        self.published.extend_from_slice(homes);
        self.published_ns = now_ns;
        Ok(())
    }

    /// Removes those of `before` that are not in `homes` any more.
    fn forget(&self, before: &[Home], homes: &[Home]) -> Result<()> {
        let kept: HashSet<u32> = homes.iter().map(|home| home.tgid).collect();
        for home in before.iter().filter(|home| !kept.contains(&home.tgid)) {
            match self.homes.delete(&home.tgid.to_ne_bytes()) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    return Err(error).context("tell BPF which processes may run anywhere");
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// `struct home`, as bytes.
fn value(home: &Home, expires_ns: u64) -> [u8; size_of::<intf::home>()] {
    let mut bytes = [0; size_of::<intf::home>()];
    bytes[..8].copy_from_slice(&expires_ns.to_ne_bytes());
    bytes[8..12].copy_from_slice(&u32::from(home.llc).to_ne_bytes());
    bytes
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}
