// SPDX-License-Identifier: GPL-2.0-only
//! Gets a BPF half to schedule: loads and attaches it, or takes over the one that
//! is pinned.

#![allow(unsafe_code)]

use std::mem::MaybeUninit;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result};
use libbpf_rs::skel::Skel;
use libbpf_rs::{Link, MapCore, OpenObject};
use scx_utils::{
    NR_CPU_IDS, compat, scx_ops_attach, scx_ops_load, scx_ops_open, try_set_rlimit_infinity,
};
use tracing::{info, warn};

use crate::adopt;
use crate::agent::memory::{Memory, Tunables};
use crate::agent::params::Params;
use crate::agent::place::{MAX_CPUS, Map};
use crate::agent::roster::Roster;
use crate::agent::{price, sysfs};
use crate::bpf_skel::{BpfSkel, BpfSkelBuilder, OpenBpfSkel};
use crate::cli::Options;
use crate::hotplug::write_places;
use crate::objects;
use crate::pins::{Claim, FOLDER, Pins};
use crate::pmu::{self, Counters};
use crate::service::schedules;
use crate::verified;
use crate::watchdog;

/// A BPF half by which the kernel schedules.
pub struct Loaded<'a> {
    pub skel: BpfSkel<'a>,
    pub hold: Hold,
    pub memory: Memory,
    pub roster: Roster,
    /// Of the CPUs that are online.
    pub map: Map,
    /// CPU ids that its tables have room for.
    pub nr_cpu_ids: usize,
    /// When it was attached.
    pub since: Instant,
    /// What is counted for footprints.
    pub counters: Option<Counters>,
}

/// What keeps the kernel scheduling by it. Dropped, it ends that, unless it is pinned and
/// the agent panicked, or took it over and did not come up.
pub struct Hold {
    pub link: Link,
    pub pins: Option<Pins>,
}

impl Hold {
    /// The agent is up. Until then, one that was taken over stays what it was.
    pub fn own(&mut self) {
        if let Some(pins) = &mut self.pins {
            pins.own();
        }
    }

    /// Leaves the scheduler to another agent. False, and nothing has changed, if it is
    /// not pinned.
    pub fn leave(&mut self) -> bool {
        let pins = self.pins.take();
        let pinned = pins.is_some();
        if let Some(pins) = pins {
            pins.leave();
        }
        pinned
    }

    /// Lets the kernel's default scheduler take over, which it has when this returns.
    pub fn detach(self) {
        drop(self.pins);
        if let Err(error) = self.link.detach() {
            warn!("can't detach: {error}");
        }
    }
}

/// Loads the program, with the machine's map written into it, and attaches it, or
/// with `--pin` takes over the one that is pinned. It goes by `params`.
///
/// # Errors
/// The topology can't be read, the kernel refuses the program, another scheduler is
/// attached, or the pinned one is not what was asked for.
pub fn start<'a>(
    options: &Options,
    params: &Params,
    open: &'a mut MaybeUninit<OpenObject>,
) -> Result<Loaded<'a>> {
    try_set_rlimit_infinity();
    let watchdog_ms = options.watchdog_ms.unwrap_or_else(watchdog::patience_ms);
    let event = options.pmu.0.as_ref().filter(|event| pmu::usable(event));
    let counts = event.is_some();
    let mut loaded = match options.pin {
        false => load(options, params, watchdog_ms, open, counts, None)?,
        true => {
            let claim = Claim::take(Path::new(FOLDER))?;
            let found = adopt::find(&claim, options, watchdog_ms)?;
            match found.fits(options.replace)? {
                true => adopt::adopt(options, params, open, counts, claim)?,
                false => load(options, params, watchdog_ms, open, counts, Some(claim))?,
            }
        }
    };
    if let Some(event) = event {
        let counters = Counters::start(event, &mut loaded.skel, loaded.roster.cpus());
        loaded.counters = Some(counters?);
    }
    info!("scheduling {}", loaded.map.size());
    if options.watchdog_ms.is_none() {
        watchdog::explain(watchdog_ms);
    }
    Ok(loaded)
}

fn load<'a>(
    options: &Options,
    params: &Params,
    watchdog_ms: u32,
    open: &'a mut MaybeUninit<OpenObject>,
    counts: bool,
    claim: Option<Claim>,
) -> Result<Loaded<'a>> {
    let builder = BpfSkelBuilder::default();
    let libbpf = options.libbpf.clone().into_bpf_open_opts();
    let mut skel = scx_ops_open!(builder, open, hallows_ops, libbpf)?;
    // After the open, which notes the hotplug sequence: if CPUs come or go from
    // here on until BPF hears of that itself, the kernel restarts us.
    let (cpus, nodes) = sysfs::read()?;
    let roster = Roster::new(cpus, nodes)?;
    let map = roster.map(|_| true)?;
    map.fits_memory()?;
    let nr_cpu_ids = nr_cpu_ids(&map);
    configure(&mut skel, &map, options, watchdog_ms, nr_cpu_ids)?;
    skel.progs.hallows_refill.set_autoload(counts);
    let mut skel = scx_ops_load!(skel, hallows_ops, uei)?;
    verified::log(skel.object());
    // SAFETY: the memory goes into the same struct as the skeleton.
    let memory = unsafe { Memory::of(&mut skel)? };
    memory.tune(&Tunables::new(params, &price::static_ns(&map, params)));
    let pins = match claim {
        None => None,
        Some(claim) => Some(pin_maps(&mut skel, claim)?),
    };
    let mut link = scx_ops_attach!(skel, hallows_ops)?;
    if let Some(pins) = &pins {
        let pin = "pin what keeps the kernel scheduling";
        if let Some(link) = &mut skel.links.hallows_sched_switch {
            let path = pins.claim().path("sched_switch".as_ref());
            link.pin(path).context(pin)?;
        }
        link.pin(pins.claim().link()).context(pin)?;
    }
    Ok(Loaded {
        skel,
        hold: Hold { link, pins },
        memory,
        roster,
        map,
        nr_cpu_ids,
        since: Instant::now(),
        counters: None,
    })
}

/// Pins the maps of a loaded skeleton. A pinned scheduler that this one replaces ends only
/// now, for the kernel's own to have the tasks no longer than it takes to pin and attach.
fn pin_maps(skel: &mut BpfSkel<'_>, claim: Claim) -> Result<Pins> {
    if schedules(Path::new("/")) {
        claim.end().context("end the scheduler that is pinned")?;
    }
    let pins = claim.renew()?;
    for mut map in skel.object_mut().maps_mut() {
        let path = pins.claim().path(map.name());
        map.pin(&path)
            .with_context(|| format!("pin {}", path.display()))?;
    }
    Ok(pins)
}

/// Writes what is fixed while the program is loaded.
fn configure(
    skel: &mut OpenBpfSkel<'_>,
    map: &Map,
    options: &Options,
    watchdog_ms: u32,
    nr_cpu_ids: usize,
) -> Result<()> {
    set_flags(skel, options);
    skel.struct_ops.hallows_ops_mut().timeout_ms = watchdog_ms;
    let rodata = skel
        .maps
        .rodata_data
        .as_deref_mut()
        .context("the BPF object has no .rodata")?;
    rodata.debug = options.debug;
    rodata.partial = options.partial;
    rodata.laid_out = objects::is_laid_out();
    rodata.watchdog_ms = watchdog_ms;
    rodata.nr_cpu_ids = nr_cpu_ids as u32;
    rodata.nr_llcs = map.llcs().len() as u32;
    rodata.many_nodes = map.nodes().len() > 1;
    let threads = map.core_sizes().iter().max();
    rodata.has_smt = sysfs::may_have_smt() || threads.is_some_and(|most| *most > 1);
    write_places(skel, map)
}

/// CPU ids that there may ever be, as far as there is memory for them.
fn nr_cpu_ids(map: &Map) -> usize {
    let online = map.cells().iter().map(|place| usize::from(place.cpu) + 1);
    online.max().unwrap_or(1).max(*NR_CPU_IDS).min(MAX_CPUS)
}

/// Kernels from 6.19 on deprecate `cpu_release` and let a tracepoint do its work.
fn set_flags(skel: &mut OpenBpfSkel<'_>, options: &Options) {
    let from_anywhere = compat::ksym_exists("scx_bpf_reenqueue_local___v2").unwrap_or(false)
        || compat::ksym_exists("scx_bpf_dsq_reenq").unwrap_or(false);
    let ops = skel.struct_ops.hallows_ops_mut();
    ops.exit_dump_len = options.exit_dump_len;
    ops.flags = *compat::SCX_OPS_ENQ_EXITING
        | *compat::SCX_OPS_ENQ_LAST
        | *compat::SCX_OPS_ENQ_MIGRATION_DISABLED
        | *compat::SCX_OPS_ALLOW_QUEUED_WAKEUP
        | *compat::SCX_OPS_KEEP_BUILTIN_IDLE;
    if options.partial {
        ops.flags |= *compat::SCX_OPS_SWITCH_PARTIAL;
    }
    if from_anywhere {
        ops.cpu_release = std::ptr::null_mut();
        ops.cpu_acquire = std::ptr::null_mut();
    }
    skel.progs.hallows_cpu_release.set_autoload(!from_anywhere);
    skel.progs.hallows_cpu_acquire.set_autoload(!from_anywhere);
    skel.progs.hallows_sched_switch.set_autoload(from_anywhere);
}
