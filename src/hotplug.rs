// SPDX-License-Identifier: GPL-2.0-only
//! Follows CPUs that come and go, and tells BPF where those are that were offline
//! when it was loaded. What BPF does by itself is in `src/bpf/hotplug.bpf.h`.

use anyhow::{Context, Result, ensure};
use libbpf_rs::ProgramInput;
use tracing::info;

use crate::agent::memory::Memory;
use crate::agent::place::{CpuSpec, Map};
use crate::agent::roster::{Newcomer, Roster};
use crate::agent::sysfs;
use crate::bpf_skel::{BpfSkel, OpenBpfSkel};

/// Which CPUs there are, as far as the agent knows.
pub struct Hotplug {
    roster: Roster,
    /// CPU ids that BPF's tables have room for.
    nr_cpu_ids: usize,
    /// BPF's count of events when this looked last.
    seen: u64,
}

impl Hotplug {
    /// Nothing happened yet to the CPUs of `roster`.
    pub fn new(roster: Roster, nr_cpu_ids: usize) -> Hotplug {
        Hotplug {
            roster,
            nr_cpu_ids,
            seen: 0,
        }
    }

    /// All CPUs that were online at some time.
    pub fn cpus(&self) -> impl Iterator<Item = usize> {
        self.roster.cpus()
    }

    /// The map to go by instead of `old`, if CPUs came or went since the last
    /// call; one line of the log tells which.
    ///
    /// # Errors
    /// A CPU came that BPF's tables have no place for, or sysfs does not tell
    /// where it is.
    pub fn follow(
        &mut self,
        skel: &BpfSkel<'_>,
        memory: &Memory,
        old: &Map,
    ) -> Result<Option<Map>> {
        let events = memory.hotplugs();
        if events == self.seen {
            return Ok(None);
        }
        self.seen = events;
        let is_online = |cpu: usize| memory.cell(cpu).offline == 0;
        let is_new = |cpu: &usize| is_online(*cpu) && !self.roster.knows(*cpu);
        let newcomers: Vec<_> = (0..self.nr_cpu_ids).filter(is_new).collect();
        if !newcomers.is_empty() {
            let (specs, _) = sysfs::read()?;
            for cpu in newcomers {
                match self.roster.adopt(cpu, &specs) {
                    Some(newcomer) => place(skel, newcomer)?,
                    // If it left again, that is the next event.
                    None => ensure!(
                        !is_online(cpu),
                        "CPU {cpu} shares its cache with none that was online before"
                    ),
                }
            }
        }
        let map = self.roster.map(is_online)?;
        tell(old, &map);
        Ok(Some(map))
    }
}

/// Lets BPF take up a CPU.
fn place(skel: &BpfSkel<'_>, newcomer: Newcomer) -> Result<()> {
    // `struct newcomer`
    let mut words = Vec::with_capacity(12);
    for word in [newcomer.cpu, newcomer.peer, newcomer.core] {
        words.extend_from_slice(&word.to_ne_bytes());
    }
    let input = ProgramInput {
        context_in: Some(&mut words),
        ..ProgramInput::default()
    };
    let outcome = skel.progs.hallows_place.test_run(input);
    let outcome = outcome.with_context(|| format!("tell BPF where CPU {} is", newcomer.cpu))?;
    ensure!(
        outcome.return_value == 0,
        "BPF has no place for CPU {}",
        newcomer.cpu
    );
    Ok(())
}

/// Says who is in one of two maps only.
fn tell(old: &Map, new: &Map) {
    let missing = |of: &Map, from: &Map| {
        let all = from.cells().iter().map(|place| place.cpu);
        let missing = all.filter(|cpu| of.cell_of((*cpu).into()).is_none());
        let ids: Vec<_> = missing.map(|cpu| cpu.to_string()).collect();
        ids.join(", ")
    };
    let (gone, come) = (missing(new, old), missing(old, new));
    let gone = (!gone.is_empty()).then(|| format!("CPU {gone} went offline; "));
    let come = (!come.is_empty()).then(|| format!("CPU {come} came online; "));
    info!(
        "{}{}scheduling {}",
        gone.unwrap_or_default(),
        come.unwrap_or_default(),
        new.size()
    );
}

/// Writes where CPUs are when the program loads.
///
/// # Errors
/// The object has no memory for that.
pub fn write_places(skel: &mut OpenBpfSkel<'_>, map: &Map) -> Result<()> {
    let bss = skel.maps.bss_data.as_deref_mut();
    let bss = bss.context("the BPF object has no .bss")?;
    for place in bss.cpu_places.iter_mut() {
        place.llc = crate::bpf_intf::hallows_limits_NO_CPU as u16;
    }
    for (cpu, next) in bss.core_next.iter_mut().enumerate() {
        *next = cpu as u16;
    }
    for (index, place) in map.cells().iter().enumerate() {
        let slot = &mut bss.cpu_places[place.cpu as usize];
        slot.llc = place.llc;
        slot.node = place.node;
        slot.slot = place.slot;
        slot.core = place.core;
        bss.llc_cpus[index] = place.cpu;
        // Each joins the ring of its core behind the first.
        bss.core_next.swap(place.cpu.into(), place.core.into());
    }
    for (index, llc) in map.llcs().iter().enumerate() {
        let home = &mut bss.llc_places[index];
        home.first = llc.cells.start as u16;
        home.nr_cpus = llc.cells.len() as u16;
        home.node_id = map.nodes()[usize::from(llc.node)].id;
        home.nr_detour = llc.detour.len() as u16;
        home.detour[..llc.detour.len()].copy_from_slice(&llc.detour);
    }
    let data = skel.maps.data_data.as_deref_mut();
    data.context("the BPF object has no .data")?.nr_placed = map.cells().len() as u32;
    Ok(())
}

/// Where CPUs are by the tables of a program that another agent loaded.
///
/// # Errors
/// The object has no memory for that.
pub fn read_places(skel: &BpfSkel<'_>) -> Result<Vec<CpuSpec>> {
    let bss = skel.maps.bss_data.as_deref();
    let bss = bss.context("the BPF object has no .bss")?;
    let places = bss.cpu_places.iter().enumerate();
    Ok(places
        .filter_map(|(cpu, place)| {
            let home = bss.llc_places.get(usize::from(place.llc))?;
            Some(CpuSpec {
                cpu: cpu as u32,
                core: place.core.into(),
                llc: place.llc.into(),
                node: home.node_id.into(),
            })
        })
        .collect())
}
