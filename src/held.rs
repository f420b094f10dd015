// SPDX-License-Identifier: GPL-2.0-only
//! Looks for CPUs that a real-time or deadline task holds for long, and names it:
//! who is bound there waits for it, whatever the scheduler does.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use libbpf_rs::ProgramInput;
use tracing::{info, warn};

use crate::agent::held::{Holds, News};
use crate::agent::memory::Memory;
use crate::agent::window::CellClock;
use crate::bpf_skel::BpfSkel;

/// How often it looks.
const EVERY: Duration = Duration::from_millis(100);

/// At most so many lines at a time; a machine may have a thousand such CPUs.
const LINES: usize = 8;

/// What is known of held CPUs.
#[derive(Debug)]
pub struct HeldCpus {
    started: Instant,
    looked: Option<Instant>,
    clock: CellClock,
    holds: Holds,
}

impl HeldCpus {
    /// Nothing is known yet. Any moment before the first look will do for
    /// `started`.
    pub fn new(started: Instant) -> HeldCpus {
        HeldCpus {
            started,
            looked: None,
            clock: CellClock::default(),
            holds: Holds::default(),
        }
    }

    /// Looks at `cpus`, if it is time, and logs what changed.
    pub fn look(&mut self, skel: &BpfSkel<'_>, memory: &Memory, cpus: impl Iterator<Item = usize>) {
        if self.looked.is_none_or(|at| at.elapsed() >= EVERY) {
            self.look_now(skel, memory, cpus);
        }
    }

    /// The same, whether it is time or not.
    pub fn look_now(
        &mut self,
        skel: &BpfSkel<'_>,
        memory: &Memory,
        cpus: impl Iterator<Item = usize>,
    ) {
        self.looked = Some(Instant::now());
        let (mut newest_ns, mut holds) = (0, Vec::new());
        for cpu in cpus {
            newest_ns = newest_ns.max(memory.cell(cpu).updated_ns);
            holds.extend(memory.hold(cpu));
        }
        let now_ns = self.started.elapsed().as_nanos() as u64;
        let now_ns = self.clock.now_ns(now_ns, newest_ns);
        let news = self.holds.observe(holds, now_ns);
        for it in news.iter().take(LINES) {
            match it {
                News::Held(hold) => {
                    let (cpu, told) = (hold.cpu, hold.told(now_ns));
                    warn!("CPU {cpu} is {told}: {}", waiting(nr_bound(skel, cpu)));
                }
                News::Back(hold, age) => info!("CPU {} is back after {age}", hold.cpu),
            }
        }
        if news.len() > LINES {
            warn!("so it is with {} more CPUs", news.len() - LINES);
        }
    }

    /// The CPUs that were held lately, a line each.
    pub fn lately(&self) -> Vec<String> {
        let mut lately = self.holds.lately();
        lately.truncate(LINES);
        lately
    }

    /// The CPUs that were held for long when this last looked, a line each.
    pub fn long(&self) -> Vec<String> {
        self.holds.long()
    }
}

/// How many tasks wait on the track of `cpu` that can't leave it.
fn nr_bound(skel: &BpfSkel<'_>, cpu: usize) -> Result<u32> {
    // `struct held_track`
    let mut at = (cpu as u32).to_ne_bytes();
    let input = ProgramInput {
        context_in: Some(&mut at),
        ..ProgramInput::default()
    };
    let outcome = skel.progs.hallows_look.test_run(input);
    Ok(outcome.context("cannot look who waits there")?.return_value)
}

fn waiting(nr_bound: Result<u32>) -> String {
    match nr_bound {
        Ok(0) => "nobody who is bound to it waits".into(),
        Ok(1) => "1 task that is bound to it waits".into(),
        Ok(nr) => format!("{nr} tasks that are bound to it wait"),
        Err(error) => format!("{error:#}"),
    }
}
