// SPDX-License-Identifier: GPL-2.0-only
//! The counters of a program that runs, from its map in the kernel.

use anyhow::{Context, Result, bail};
use libbpf_rs::query::MapInfoIter;
use libbpf_rs::{MapCore, MapFlags, MapHandle};

use crate::profmap::SECTION;

/// The bytes of the one map of counters in this kernel.
///
/// # Errors
/// When no program with counters runs, or more than one does, or the kernel
/// does not let this process read maps (that takes CAP_SYS_ADMIN).
pub fn read() -> Result<Vec<u8>> {
    let maps = MapInfoIter::default().filter(|map| map.name == SECTION);
    let ids: Vec<u32> = maps.map(|map| map.id).collect();
    let id = match ids[..] {
        [id] => id,
        [] => bail!("no map {SECTION}: no instrumented program runs, or this is not root"),
        _ => bail!(
            "{} maps {SECTION}: only one instrumented program may run",
            ids.len()
        ),
    };
    let map = MapHandle::from_map_id(id).context("cannot open the map of counters")?;
    // A section is an array of one value.
    let value = map
        .lookup(&0u32.to_ne_bytes(), MapFlags::ANY)
        .context("cannot read the counters")?;
    value.context("the map of counters is empty")
}
