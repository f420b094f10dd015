// SPDX-License-Identifier: GPL-2.0-only
//! Counters of the hardware, by which BPF sees what a task misses after a move
//! (`--pmu`). Counted is on each CPU, whoever runs there; BPF reads the counter at
//! each switch. Many machines, virtual ones most of all, have none: a chase of
//! pointers has to show first that it counts.

#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use anyhow::{Context, Result, bail};
use libbpf_rs::{MapCore, MapFlags};
use rustix::io::{Errno, read};
use scx_utils::perf::bindings::perf_event_attr;
use scx_utils::perf::{PerfEventSpec, parse_perf_event, perf_event_open};
use tracing::{info, warn};

use crate::bpf_skel::BpfSkel;

/// What `auto` counts: the generic event for misses of the last cache.
const USUAL: &str = "cache-misses";

/// Cache lines that are chased through, 128 MiB: more than caches have.
const LINES: usize = 1 << 21;

/// Steps of the chase.
const STEPS: usize = 200_000;

/// What to count, if anything.
#[derive(Clone, Debug)]
pub struct Pmu(pub Option<PerfEventSpec>);

/// What `--pmu` takes: `off`, `auto`, the name of an event, or its raw number in hex.
///
/// # Errors
/// The words after "invalid value", if it is nothing of these.
pub fn parse(text: &str) -> Result<Pmu, String> {
    let name = match text {
        "off" => return Ok(Pmu(None)),
        "auto" => USUAL,
        name => name,
    };
    match parse_perf_event(name) {
        Ok(event) if event.event_id != 0 => Ok(Pmu(Some(event))),
        _ => Err(format!(
            "neither auto nor off nor an event, such as {USUAL}, LLC-load-misses or 0x412e"
        )),
    }
}

/// The event, if it counts here. Says so, or why not.
pub fn usable(event: &PerfEventSpec) -> bool {
    let name = &event.display_name;
    match probe(event) {
        Ok(0) => warn!("no use of the PMU: {name} counts nothing while memory is read at random"),
        Err(error) => warn!("no use of the PMU: {error:#}"),
        Ok(count) => {
            info!("footprints by {name}: {count} in {STEPS} steps through memory");
            return true;
        }
    }
    false
}

/// What `event` counts in a chase through memory that caches do not hold.
fn probe(event: &PerfEventSpec) -> Result<u64> {
    // Built first: the counter runs from its opening on.
    let lines = cycle(LINES);
    let counter = open(event, Whom::Myself)?;
    std::hint::black_box(chase(&lines, STEPS));
    let mut count = [0; 8];
    read(&counter, &mut count).with_context(|| format!("read {}", event.display_name))?;
    Ok(u64::from_ne_bytes(count))
}

/// A cache line that leads to another one.
#[repr(align(64))]
#[derive(Clone, Copy)]
struct Line {
    next: u32,
}

/// Lines in one random cycle, by Sattolo's algorithm.
fn cycle(nr: usize) -> Vec<Line> {
    let mut random = fastrand::Rng::with_seed(1);
    let mut lines: Vec<Line> = (0..nr as u32).map(|next| Line { next }).collect();
    for at in (1..nr).rev() {
        lines.swap(at, random.usize(..at));
    }
    lines
}

/// Where `steps` from the first line lead.
fn chase(lines: &[Line], steps: usize) -> usize {
    (0..steps).fold(0, |at, _| lines[at].next as usize)
}

/// Who is counted.
enum Whom {
    Myself,
    Cpu(usize),
}

fn open(event: &PerfEventSpec, whom: Whom) -> Result<OwnedFd> {
    let mut attributes = perf_event_attr {
        type_: event.type_,
        config: event.config,
        size: size_of::<perf_event_attr>() as u32,
        ..Default::default()
    };
    let (pid, cpu) = match whom {
        Whom::Myself => (0, -1),
        Whom::Cpu(cpu) => (-1, cpu as i32),
    };
    // SAFETY: the attributes are whole and of the size they name; to count has no
    // effect on memory.
    let fd = unsafe { perf_event_open(&mut attributes, pid, cpu, -1, 0) };
    if fd < 0 {
        let name = &event.display_name;
        let error = io::Error::last_os_error();
        match Errno::from_io_error(&error) {
            Some(Errno::NOENT | Errno::NODEV | Errno::OPNOTSUPP) => {
                bail!("this machine has no counter for {name}")
            }
            _ => return Err(error).with_context(|| format!("count {name}")),
        }
    }
    // SAFETY: the kernel just made this descriptor, and nobody else has it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Counters that run, one for each CPU. Dropped, they stop.
#[derive(Debug)]
pub struct Counters {
    event: PerfEventSpec,
    open: Vec<OwnedFd>,
}

impl Counters {
    /// Counts `event` on `cpus` for BPF, whose program for it is loaded.
    ///
    /// # Errors
    /// The kernel does not let BPF see switches of tasks.
    pub fn start(
        event: &PerfEventSpec,
        skel: &mut BpfSkel<'_>,
        cpus: impl Iterator<Item = usize>,
    ) -> Result<Counters> {
        if skel.links.hallows_refill.is_none() {
            let link = skel.progs.hallows_refill.attach();
            skel.links.hallows_refill = Some(link.context("attach the counters' reader")?);
        }
        let mut counters = Counters {
            event: event.clone(),
            open: Vec::new(),
        };
        counters.cover(skel, cpus);
        Ok(counters)
    }

    /// Counts on `cpus` from now on. Where that can't be, footprints go by memory.
    pub fn cover(&mut self, skel: &BpfSkel<'_>, cpus: impl Iterator<Item = usize>) {
        self.open.clear();
        for cpu in cpus {
            let counter = open(&self.event, Whom::Cpu(cpu)).and_then(|counter| {
                let (key, value) = (cpu as u32, counter.as_raw_fd() as u32);
                skel.maps.refill_events.update(
                    &key.to_ne_bytes(),
                    &value.to_ne_bytes(),
                    MapFlags::ANY,
                )?;
                Ok(counter)
            });
            match counter {
                Ok(counter) => self.open.push(counter),
                Err(error) => {
                    warn!("from CPU {cpu} on nothing is counted: {error:#}");
                    break;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use scx_utils::perf::bindings::{PERF_COUNT_SW_PAGE_FAULTS, PERF_TYPE_SOFTWARE};

    #[test]
    fn a_chase_visits_every_line_once() {
        let lines = cycle(1000);
        let mut seen = vec![false; lines.len()];
        let mut at = 0;
        for _ in 0..lines.len() {
            assert!(!std::mem::replace(&mut seen[at], true));
            at = lines[at].next as usize;
        }
        assert_eq!((at, chase(&lines, lines.len())), (0, 0));
    }

    /// Page faults are counted in software, everywhere: the chase itself causes none.
    #[test]
    fn only_the_chase_is_counted() {
        let event = PerfEventSpec {
            event_id: 1,
            type_: PERF_TYPE_SOFTWARE,
            config: PERF_COUNT_SW_PAGE_FAULTS.into(),
            display_name: "page-faults".into(),
        };
        match probe(&event) {
            Ok(count) => assert!(count < 16, "{count} page faults"),
            Err(error) => eprintln!("skipped: {error:#}"),
        }
    }

    #[test]
    fn events_are_off_auto_or_by_name() {
        assert!(parse("off").unwrap().0.is_none());
        assert_eq!(parse("auto").unwrap().0.unwrap().display_name, USUAL);
        assert_eq!(parse("0x412e").unwrap().0.unwrap().config, 0x412e);
        for bad in ["", "0", "on", "cache-mises"] {
            assert!(
                parse(bad).unwrap_err().contains("neither auto nor off"),
                "{bad}"
            );
        }
    }
}
