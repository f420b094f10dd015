// SPDX-License-Identifier: GPL-2.0-only
//! What an act has shown, added up for the summary.

use super::act::Clock;
use super::event::{Event, Scheduler};
use super::stats::Block;

/// How late sleepers woke in one round, us.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Wake {
    /// Median.
    pub p50_us: f64,
    /// 99th percentile.
    pub p99_us: f64,
}

/// What an act has shown so far.
#[derive(Debug)]
pub struct Record {
    /// Which clock its figures are of.
    pub clock: Clock,
    /// CPUs and kernel, once the load runs.
    pub machine: Option<(u32, String)>,
    /// Milliseconds, `state` and name of the first loading.
    pub loaded: Option<(u64, String, String)>,
    /// Milliseconds, `state` and exit status of the last unloading.
    pub unloaded: Option<(u64, String, i32)>,
    /// Every look at the statistics.
    pub blocks: Vec<Block>,
    wakes: Vec<(Scheduler, Wake)>,
}

impl Record {
    /// An act of which nothing has been seen.
    pub fn new(clock: Clock) -> Self {
        Self {
            clock,
            machine: None,
            loaded: None,
            unloaded: None,
            blocks: Vec::new(),
            wakes: Vec::new(),
        }
    }

    /// Takes in what happened next.
    pub fn add(&mut self, event: Event) {
        match event {
            Event::Load { cpus, release } => {
                // Also the first thing after a boot, which starts all over.
                *self = Self::new(self.clock);
                self.machine = Some((cpus, release));
            }
            Event::Loaded { ms, state, name } => {
                self.loaded.get_or_insert((ms, state, name));
            }
            Event::Unloaded { ms, state, status } => self.unloaded = Some((ms, state, status)),
            Event::Wake {
                scheduler,
                p50_us,
                p99_us,
            } => self.wakes.push((scheduler, Wake { p50_us, p99_us })),
            Event::Stats(block) => self.blocks.push(block),
            Event::Text(_) => {}
        }
    }

    /// The rounds of a scheduler, in their order.
    pub fn wakes(&self, scheduler: Scheduler) -> Vec<Wake> {
        let own = self.wakes.iter().filter(|(whose, _)| *whose == scheduler);
        own.map(|(_, wake)| *wake).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{Clock, Event, Record, Scheduler, Wake};

    fn load() -> Event {
        Event::Load {
            cpus: 4,
            release: "6.18.0".into(),
        }
    }

    fn wake(scheduler: Scheduler, p50_us: f64) -> Event {
        Event::Wake {
            scheduler,
            p50_us,
            p99_us: 9.0,
        }
    }

    #[test]
    fn rounds_belong_to_their_scheduler() {
        let mut record = Record::new(Clock::Virtual);
        for event in [
            load(),
            wake(Scheduler::Default, 1.0),
            wake(Scheduler::Hallows, 2.0),
            wake(Scheduler::Default, 3.0),
        ] {
            record.add(event);
        }
        let medians = |scheduler| -> Vec<f64> {
            record
                .wakes(scheduler)
                .iter()
                .map(|wake: &Wake| wake.p50_us)
                .collect()
        };
        assert_eq!(medians(Scheduler::Default), [1.0, 3.0]);
        assert_eq!(medians(Scheduler::Hallows), [2.0]);
    }

    #[test]
    fn a_second_boot_starts_all_over() {
        let mut record = Record::new(Clock::Emulator);
        record.add(load());
        record.add(wake(Scheduler::Default, 1.0));
        record.add(load());
        assert_eq!(record.wakes(Scheduler::Default), []);
        assert_eq!(record.clock, Clock::Emulator);
    }
}
