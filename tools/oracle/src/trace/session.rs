// SPDX-License-Identifier: GPL-2.0-only
//! A recording from start to end.

use std::ffi::OsString;
use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};

use super::command::{self, Signals};
use super::decode::{Decoder, END_MARK, READY_MARK};
use super::merge::{Merge, Source};
use super::ring::Stream;
use super::snapshot;
use super::tracefs::Instance;
use crate::event::{Event, Initial};
use crate::mask::CpuMask;

/// How long CPUs may take to show what they run.
const VISIT_PATIENCE: Duration = Duration::from_secs(2);
/// Largest and smallest buffer of a CPU by default.
const MAX_BUFFER_KIB: u64 = 256 << 10;
const MIN_BUFFER_KIB: u64 = 1 << 10;

/// What to record.
#[derive(Debug, Clone)]
pub struct Plan {
    /// For how long at most; `None`: until the command ends or a signal comes.
    pub duration: Option<Duration>,
    /// What to run meanwhile; empty: nothing.
    pub command: Vec<OsString>,
    /// Size of all buffers together, MiB; `None`: a quarter of the free memory.
    pub buffer_mib: Option<u64>,
    /// Whether the command's standard output goes to ours on stderr.
    pub quiet_stdout: bool,
}

/// A finished recording, still in the kernel's buffers.
#[derive(Debug)]
pub struct Recording {
    /// What is known besides the events.
    pub initial: Initial,
    /// Why the trace can't prove the absence of violations; empty when it can.
    pub lost: Vec<String>,
    instance: Instance,
}

/// Records as planned.
///
/// # Errors
/// When the kernel lacks something, refuses something, or the command can't run.
pub fn record(plan: &Plan) -> Result<Recording> {
    let signals = Signals::block()?;
    let possible = snapshot::cpus("possible")?;
    let buffer_kib = buffer_kib(plan.buffer_mib, &snapshot::cpus("online")?)?;
    let instance = Instance::create(possible, buffer_kib)?;
    instance.record(true)?;
    let initial = snapshot::take(possible)?;
    snapshot::visit_cpus(&initial.online, VISIT_PATIENCE)?;
    instance.mark(READY_MARK)?;
    let over = || {
        // Full buffers refuse the mark; a trace without it is inconclusive anyway.
        let _ = instance.mark(END_MARK);
        instance.record(false)
    };
    let failure = command::run(
        &plan.command,
        plan.duration,
        plan.quiet_stdout,
        &signals,
        over,
    )?;
    let mut lost: Vec<String> = failure.into_iter().collect();
    for cpu in possible.iter() {
        let events = instance.lost_events(cpu)?;
        if events > 0 {
            lost.push(format!(
                "CPU {cpu} lost {events} events: use a larger --buffer-mib or a shorter run"
            ));
        }
    }
    Ok(Recording {
        initial,
        lost,
        instance,
    })
}

/// Size of each CPU's buffer.
fn buffer_kib(all_mib: Option<u64>, online: &CpuMask) -> Result<u64> {
    let cpus = u64::from(online.len()).max(1);
    match all_mib {
        Some(mib) => Ok((mib << 10) / cpus),
        None => Ok((free_memory_kib()? / 4 / cpus).clamp(MIN_BUFFER_KIB, MAX_BUFFER_KIB)),
    }
}

fn free_memory_kib() -> Result<u64> {
    let text = fs::read_to_string("/proc/meminfo").context("read /proc/meminfo")?;
    let mut lines = text.lines();
    let line = lines.find_map(|line| line.strip_prefix("MemAvailable:"));
    let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    number.context("no MemAvailable in /proc/meminfo")
}

impl Recording {
    /// Takes the events out of the kernel, in order.
    ///
    /// # Errors
    /// When a buffer can't be read or understood, or `take` fails.
    pub fn for_each_event(&self, mut take: impl FnMut(&Event) -> Result<()>) -> Result<()> {
        let decoder = self.instance.decoder()?;
        let layout = self.instance.layout()?;
        let streams = self.instance.possible().iter().map(|cpu| {
            let stream = Stream::open(&self.instance, cpu, layout)?;
            let decoder = &decoder;
            Ok(CpuSource { stream, decoder })
        });
        let mut merge = Merge::new(streams.collect::<Result<Vec<_>>>()?)?;
        while let Some(event) = merge.next_event()? {
            take(&event)?;
        }
        Ok(())
    }
}

struct CpuSource<'a> {
    stream: Stream,
    decoder: &'a Decoder,
}

impl Source for CpuSource<'_> {
    fn next_event(&mut self) -> Result<Option<Event>> {
        self.stream.next(self.decoder)
    }

    fn lossy(&self) -> bool {
        self.stream.lossy
    }
}
