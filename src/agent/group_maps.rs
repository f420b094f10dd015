// SPDX-License-Identifier: GPL-2.0-only
//! What BPF tells of groups, and what it is told: two maps, a system call each.

#![allow(unsafe_code)]

use std::os::fd::{AsFd, AsRawFd};
use std::ptr;

use anyhow::{Context, Result, ensure};
use libbpf_rs::libbpf_sys::{bpf_map_batch_opts, bpf_map_lookup_and_delete_batch};
use libbpf_rs::{ErrorKind, MapCore, MapFlags, MapHandle};

use super::group::{Home, Usage};
use super::params::MS;
use super::place::Map;
use crate::bpf_intf::{group_key, hallows_limits_MAX_OCCUPANCY, home};
use crate::bpf_skel::BpfSkel;

/// Entries of the map of run times: as many as there can be are read at a time.
const MAX_OCCUPANCY: usize = hallows_limits_MAX_OCCUPANCY as usize;
/// A home outlives the agent for so long.
const LIFETIME_NS: u64 = 500 * MS;
/// Homes that did not change are published again after so long.
const REFRESH_NS: u64 = 200 * MS;

/// The two maps, what was last written, and buffers that are kept from window to
/// window.
pub struct GroupMaps {
    occupancy: MapHandle,
    keys: Box<[group_key; MAX_OCCUPANCY]>,
    ran_ns: Box<[u64; MAX_OCCUPANCY]>,
    homes: MapHandle,
    published: Vec<Home>,
    published_ns: u64,
    home_keys: Vec<u8>,
    home_values: Vec<u8>,
}

impl GroupMaps {
    /// Opens the maps of a loaded skeleton.
    ///
    /// # Errors
    /// The process is out of file descriptors, or the skeleton is another one's.
    pub fn of(skel: &BpfSkel<'_>) -> Result<GroupMaps> {
        let open = "open the maps of process groups";
        let occupancy = MapHandle::try_from(&skel.maps.occupancy).context(open)?;
        // What the kernel writes has to fit into the buffers.
        ensure!(
            occupancy.key_size() as usize == size_of::<group_key>()
                && occupancy.value_size() as usize == size_of::<u64>(),
            "the BPF object has another map of run times than this program: build it again"
        );
        let homes = MapHandle::try_from(&skel.maps.homes).context(open)?;
        // Those of an agent before this one have expired, and nobody else would
        // remove them.
        for tgid in homes.keys().collect::<Vec<_>>() {
            homes.delete(&tgid).context("forget old homes")?;
        }
        Ok(GroupMaps {
            occupancy,
            keys: Box::new([group_key { tgid: 0, llc: 0 }; MAX_OCCUPANCY]),
            ran_ns: Box::new([0; MAX_OCCUPANCY]),
            homes,
            published: Vec::new(),
            published_ns: 0,
            home_keys: Vec::new(),
            home_values: Vec::new(),
        })
    }

    /// Empties BPF's account of which process ran where; what ran in LLCs that
    /// `map` does not have is dropped.
    ///
    /// # Errors
    /// The map can't be read in batches.
    pub fn take_usages<'a>(&'a mut self, map: &'a Map) -> Result<impl Iterator<Item = Usage> + 'a> {
        let nr = self.take().context("read which process ran where")?;
        let entries = self.keys[..nr].iter().zip(&self.ran_ns[..nr]);
        Ok(entries.filter_map(move |(key, ran_ns)| {
            Some(Usage {
                tgid: key.tgid,
                llc: map.llc_with_id(key.llc)?.try_into().ok()?,
                ran_ns: *ran_ns,
            })
        }))
    }

    /// Moves the entries of the map into the buffers and says how many they are.
    /// What does not fit, since BPF goes on adding, is there in the next window.
    ///
    /// [`MapCore::lookup_and_delete_batch`] would allocate both buffers each
    /// time, and every key and value in them once more; and it takes a failure
    /// for the end of the map.
    fn take(&mut self) -> Result<usize, libbpf_rs::Error> {
        let options = bpf_map_batch_opts {
            sz: size_of::<bpf_map_batch_opts>() as _,
            ..Default::default()
        };
        let (mut nr, mut next) = (hallows_limits_MAX_OCCUPANCY, 0u32);
        // SAFETY: the kernel writes at most `nr` keys and values of the sizes that
        // `of` has checked, for which both buffers have room, and the number of a
        // bucket into `next`, for a hash map an u32. Without `in_batch` it begins
        // at the first bucket. All pointers outlive the call, which keeps none.
        let status = unsafe {
            bpf_map_lookup_and_delete_batch(
                self.occupancy.as_fd().as_raw_fd(),
                ptr::null_mut(),
                (&raw mut next).cast(),
                self.keys.as_mut_ptr().cast(),
                self.ran_ns.as_mut_ptr().cast(),
                &raw mut nr,
                &raw const options,
            )
        };
        if status < 0 {
            let error = libbpf_rs::Error::from_raw_os_error(-status);
            // That is the end of the map, with all before it read.
            if error.kind() != ErrorKind::NotFound {
                return Err(error);
            }
        }
        Ok((nr as usize).min(MAX_OCCUPANCY))
    }

    /// Tells BPF where processes should run, if that changed or was told long
    /// ago; `homes` are LLCs of `map`, sorted by tgid, `now_ns` is on the cells'
    /// clock. After a change of the map all have to be taken back first.
    ///
    /// # Errors
    /// The kernel refuses to write the map.
    ///
    /// # Panics
    /// When `map` has no such LLC.
    pub fn publish(&mut self, map: &Map, homes: &[Home], now_ns: u64) -> Result<()> {
        if homes == self.published && now_ns.saturating_sub(self.published_ns) < REFRESH_NS {
            return Ok(());
        }
        let written = self
            .forget(homes)
            .and_then(|()| self.write(map, homes, now_ns));
        // If a write failed, the next one does not rely on what is in the map.
        self.published.clear();
        written?;
        self.published.extend_from_slice(homes);
        self.published_ns = now_ns;
        Ok(())
    }

    /// Removes what was published and is not in `homes` any more.
    fn forget(&self, homes: &[Home]) -> Result<()> {
        let is_kept = |tgid| homes.binary_search_by_key(&tgid, |home| home.tgid).is_ok();
        for home in self.published.iter().filter(|home| !is_kept(home.tgid)) {
            match self.homes.delete(&home.tgid.to_ne_bytes()) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    return Err(error).context("tell BPF which processes may run anywhere");
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Writes all of `homes`.
    fn write(&mut self, map: &Map, homes: &[Home], now_ns: u64) -> Result<()> {
        if homes.is_empty() {
            return Ok(());
        }
        let (keys, values) = (&mut self.home_keys, &mut self.home_values);
        keys.clear();
        values.clear();
        for home in homes {
            keys.extend_from_slice(&home.tgid.to_ne_bytes());
            let llc = map.llcs()[usize::from(home.llc)].id;
            values.extend_from_slice(&value(llc, now_ns + LIFETIME_NS));
        }
        let nr = homes.len() as u32;
        self.homes
            .update_batch(keys, values, nr, MapFlags::ANY, MapFlags::ANY)
            .context("tell BPF where processes should run")
    }
}

/// `struct home`, as bytes.
fn value(llc: u32, expires_ns: u64) -> [u8; size_of::<home>()] {
    let mut bytes = [0; size_of::<home>()];
    bytes[..8].copy_from_slice(&expires_ns.to_ne_bytes());
    bytes[8..12].copy_from_slice(&llc.to_ne_bytes());
    bytes
}
