// SPDX-License-Identifier: GPL-2.0-only
//! Machines and what runs on them, for the benchmark of the agent and the test
//! that it does not allocate.

use fastrand::Rng;
use scx_hallows::agent::group::Usage;
use scx_hallows::agent::params::MS;
use scx_hallows::agent::place::{CpuSpec, Map};
use scx_hallows::agent::window::Sample;

/// Length of a window.
pub const WINDOW_NS: u64 = 10 * MS;

/// A machine of 64 CPUs, or 256, or else 1024: 1, 4 or 8 nodes of 4, 4 or 8
/// LLCs, each of 8 cores with 2 threads.
pub fn machine(cpus: u32) -> Map {
    let llcs_per_node = if cpus < 1024 { 4 } else { 8 };
    let specs: Vec<_> = (0..cpus)
        .map(|cpu| CpuSpec {
            cpu,
            core: cpu / 2,
            llc: cpu / 16,
            node: cpu / 16 / llcs_per_node,
        })
        .collect();
    Map::new(&specs, &[]).expect("a regular machine")
}

/// What the CPUs do.
#[derive(Clone, Copy, Debug)]
pub enum Load {
    /// Every CPU runs a task, and none waits.
    Balanced,
    /// Each CPU idles or has up to eight tasks, and others in each window.
    Mixed,
    /// One half of the machine has four tasks a CPU, the other idles.
    Halves,
}

/// Readings of all cells, window by window.
pub struct Cells {
    load: Load,
    samples: Vec<Sample>,
    now_ns: u64,
    rng: Rng,
}

impl Cells {
    /// So many CPUs that did nothing yet and will be balanced.
    pub fn new(cpus: usize) -> Cells {
        Cells {
            load: Load::Balanced,
            samples: vec![Sample::default(); cpus],
            now_ns: WINDOW_NS,
            rng: Rng::with_seed(1),
        }
    }

    /// From now on the CPUs do something else.
    pub fn turn_to(&mut self, load: Load) {
        self.load = load;
    }

    /// A window later: the readings of then, and the time.
    pub fn next_window(&mut self) -> (&[Sample], u64) {
        self.now_ns += WINDOW_NS;
        let half = self.samples.len() / 2;
        for (cell, sample) in self.samples.iter_mut().enumerate() {
            let tasks = match self.load {
                Load::Balanced => 1,
                Load::Mixed => [0, 0, 0, 1, 1, 2, 3, 8][self.rng.usize(..8)],
                Load::Halves if cell < half => 4,
                Load::Halves => 0,
            };
            sample.updated_ns = self.now_ns;
            sample.nr_queued = u32::saturating_sub(tasks, 1);
            sample.busy_ns += WINDOW_NS * u64::from(tasks > 0);
            sample.queue_integral_ns += WINDOW_NS * u64::from(sample.nr_queued);
            sample.run_since_ns = 0;
            sample.idle_since_ns = if tasks > 0 { 0 } else { self.now_ns };
        }
        (&self.samples, self.now_ns)
    }
}

/// Fills `usages` with what so many processes did in a window of a machine of 64
/// LLCs of 16 CPUs that is nearly full: each ran in up to four LLCs, mostly in
/// one, more or less long.
pub fn usages(rng: &mut Rng, groups: u32, usages: &mut Vec<Usage>) {
    let share_ns = 1024 * WINDOW_NS / u64::from(groups);
    usages.clear();
    for tgid in 0..groups {
        for (llc, percent) in [(0, 70), (1, 10), (7, 8), (31, 7)] {
            usages.push(Usage {
                tgid,
                llc: ((tgid * 11 + llc) % 64) as u16,
                ran_ns: share_ns * percent / 100 * rng.u64(50..150) / 100,
            });
        }
    }
    rng.shuffle(usages);
}
