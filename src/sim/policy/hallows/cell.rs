// SPDX-License-Identifier: GPL-2.0-only
//! Cells: what each CPU tells the others and the agent about itself.

use crate::agent::window::Sample;

/// `struct cell`, as far as it is modelled.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cell {
    pub run_since_ns: u64,
    pub idle_since_ns: u64,
    pub vclock_ns: u64,
    pub pace_ns: u64,
    pub preempted_ns: u64,
    pub avg_run_ns: u64,
    pub curr_avg_ns: u64,
    pub express_ns: u64,
    pub nr_queued: u32,
    pub hog: bool,
    /// What it runs may leave for its home in another LLC.
    pub away: bool,
    pub declined: u64,
    updated_ns: u64,
    busy_ns: u64,
    queue_integral_ns: u64,
}

impl Cell {
    /// Integrates the queue length, and the time that a task runs, up to `now_ns`.
    pub fn sample(&mut self, nr_queued: u32, now_ns: u64) {
        if self.updated_ns > 0 {
            let elapsed = now_ns - self.updated_ns;
            let both = u64::from(self.nr_queued) + u64::from(nr_queued);
            self.queue_integral_ns += both * elapsed / 2;
            if self.run_since_ns > 0 {
                self.busy_ns += elapsed;
            }
        }
        self.nr_queued = nr_queued;
        self.updated_ns = now_ns;
    }

    /// A run begins.
    pub fn runs(&mut self, avg_burst_ns: u64, hog: bool, nr_queued: u32, now_ns: u64) {
        if self.idle_since_ns > 0 {
            // Nothing waited while it idled, whatever waits now.
            self.updated_ns = now_ns;
        }
        self.idle_since_ns = 0;
        self.run_since_ns = now_ns;
        self.curr_avg_ns = avg_burst_ns;
        self.hog = hog;
        self.sample(nr_queued, now_ns);
    }

    /// A run of `ran_ns` ends.
    pub fn stops(&mut self, ran_ns: u64, now_ns: u64) {
        self.sample(self.nr_queued, now_ns);
        self.run_since_ns = 0;
        self.avg_run_ns = ewma(self.avg_run_ns, ran_ns);
    }

    /// The CPU goes idle.
    pub fn goes_idle(&mut self, nr_queued: u32, now_ns: u64) {
        (self.hog, self.away) = (false, false);
        self.idle_since_ns = now_ns;
        self.pace_ns = 0;
        self.sample(nr_queued, now_ns);
    }

    /// What the agent reads.
    pub fn reading(&self) -> Sample {
        Sample {
            updated_ns: self.updated_ns,
            busy_ns: self.busy_ns,
            queue_integral_ns: self.queue_integral_ns,
            vclock_ns: self.vclock_ns,
            light_ns: 0,
            run_since_ns: self.run_since_ns,
            idle_since_ns: self.idle_since_ns,
            nr_queued: self.nr_queued,
            flags: 0,
        }
    }
}

/// EWMA with alpha 1/4.
pub fn ewma(avg: u64, sample: u64) -> u64 {
    avg - (avg >> 2) + (sample.min(1 << 30) >> 2)
}
