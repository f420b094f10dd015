// SPDX-License-Identifier: GPL-2.0-only
//! The tests of `scx_hallows bench`: each runs a load once, on the CPUs that this
//! process may use, under whatever scheduler there is, and returns figures.
//!
//! A test expects a process of its own: some bind its main thread or fork it.

mod build;
mod crew;
mod fair;
mod fan_out;
mod jobs;
mod messaging;
pub mod program;
mod quiet;
mod requests;
mod sleepers;
mod storm;
mod token;

use std::time::Duration;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::program::which;
use crate::{burn, sys};

/// How long a test measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scale {
    /// Half a second.
    Quick,
    /// Two seconds.
    Normal,
    /// Five seconds.
    Full,
}

impl Scale {
    /// How long a test that measures by time does so.
    pub const fn duration(self) -> Duration {
        Duration::from_millis(match self {
            Scale::Quick => 500,
            Scale::Normal => 2_000,
            Scale::Full => 5_000,
        })
    }

    /// One of three values.
    fn pick<T>(self, quick: T, normal: T, full: T) -> T {
        match self {
            Scale::Quick => quick,
            Scale::Normal => normal,
            Scale::Full => full,
        }
    }
}

/// Under what a test runs.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// CPUs that the test may use.
    pub cpus: u32,
    /// Iterations of [`burn::spin`] that count as a microsecond of work, so that
    /// work is the same in each run whatever else the machine did.
    pub per_us: u64,
    /// How long to measure.
    pub scale: Scale,
}

/// Which values of a figure are good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Better {
    /// The small ones.
    Lower,
    /// The large ones.
    Higher,
}

/// One number that a test came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// What it is, in a word or two; empty where the test's name says it.
    pub name: String,
    /// Its unit.
    pub unit: String,
    /// Which values are good.
    pub better: Better,
    /// The smallest difference that means something, in the unit.
    pub resolution: f64,
    /// The number.
    pub value: f64,
}

impl Figure {
    fn lower(name: impl Into<String>, unit: &str, resolution: f64, value: f64) -> Figure {
        Figure {
            name: name.into(),
            unit: unit.into(),
            better: Better::Lower,
            resolution,
            value,
        }
    }

    fn higher(name: impl Into<String>, unit: &str, resolution: f64, value: f64) -> Figure {
        Figure {
            better: Better::Higher,
            ..Figure::lower(name, unit, resolution, value)
        }
    }
}

/// What one run of a test found.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Measurement {
    /// Its figures, in the same order in each run.
    pub figures: Vec<Figure>,
    /// Latencies at [`QUANTILES`], us, where the test measures latencies.
    pub latencies_us: Vec<f64>,
    /// Time that the test took, with starting and ending its tasks.
    pub seconds: f64,
    /// Context switches of the test's tasks.
    pub switches: u64,
}

/// The quantiles of a distribution that is kept: dense at its upper end.
pub const QUANTILES: [f64; 19] = [
    0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999,
    0.9999, 1.0,
];

impl Measurement {
    fn of(figures: Vec<Figure>) -> Measurement {
        Measurement {
            figures,
            ..Measurement::default()
        }
    }

    /// Keeps the distribution of latencies in ns, in any order.
    fn with_latencies(mut self, mut latencies_ns: Vec<u64>) -> Measurement {
        latencies_ns.sort_unstable();
        self.latencies_us = QUANTILES
            .iter()
            .map(|&quantile| crate::report::us(crate::stats::nearest_rank(&latencies_ns, quantile)))
            .collect();
        self
    }
}

/// A test.
#[derive(Clone, Copy, Debug)]
pub struct Test {
    /// Letters, digits and hyphens; no other test has it.
    pub name: &'static str,
    /// What it does; n is the number of CPUs.
    pub about: &'static str,
    /// The program that it runs, which may not be installed.
    pub needs: Option<&'static str>,
    run: fn(&Setting) -> Result<Measurement>,
}

const fn test(
    name: &'static str,
    about: &'static str,
    run: fn(&Setting) -> Result<Measurement>,
) -> Test {
    Test {
        name,
        about,
        needs: None,
        run,
    }
}

/// A test that runs a program of others.
const fn of_program(program: &'static str, test: Test) -> Test {
    Test {
        needs: Some(program),
        ..test
    }
}

/// All tests, in the order of reports.
pub const TESTS: [Test; 28] = [
    test(
        "wakeup",
        "how late 2 sleepers with a period of 4 ms wake up beside n hogs",
        |it| sleepers::wakeup(it, it.cpus),
    ),
    test(
        "wakeup-2n",
        "how late the same sleepers wake up beside 2n hogs",
        |it| sleepers::wakeup(it, 2 * it.cpus),
    ),
    test(
        "frames",
        "frames of 5 ms of work every 16.6 ms beside n hogs: how many are missed",
        |it| sleepers::frames(it, it.cpus),
    ),
    test(
        "frames-4n",
        "frames of 5 ms of work every 16.6 ms beside 4n hogs: how many are missed",
        |it| sleepers::frames(it, 4 * it.cpus),
    ),
    test(
        "mixed",
        "n tasks that wake up every 5 ms for 200 us of work beside 2n hogs: both sides",
        sleepers::mixed,
    ),
    test(
        "messaging-thread-pipe",
        "groups of 20 senders and 20 receivers, threads, over pipes",
        |it| messaging::run(it, crew::How::Threads, messaging::Medium::Pipe),
    ),
    test(
        "messaging-thread-socket",
        "groups of 20 senders and 20 receivers, threads, over sockets",
        |it| messaging::run(it, crew::How::Threads, messaging::Medium::Socket),
    ),
    test(
        "messaging-process-pipe",
        "groups of 20 senders and 20 receivers, processes, over pipes",
        |it| messaging::run(it, crew::How::Processes, messaging::Medium::Pipe),
    ),
    test(
        "messaging-process-socket",
        "groups of 20 senders and 20 receivers, processes, over sockets",
        |it| messaging::run(it, crew::How::Processes, messaging::Medium::Socket),
    ),
    test(
        "pipe-1",
        "a pair of threads that passes a token by pipe",
        |it| token::run(it, "pipe", 1),
    ),
    test(
        "pipe-n",
        "n pairs of threads that pass tokens by pipe",
        |it| token::run(it, "pipe", it.cpus),
    ),
    test("futex-1", "a pair that passes a token by futex", |it| {
        token::run(it, "futex", 1)
    }),
    test("futex-n", "n pairs that pass tokens by futex", |it| {
        token::run(it, "futex", it.cpus)
    }),
    test("eventfd-1", "a pair that passes a token by eventfd", |it| {
        token::run(it, "eventfd", 1)
    }),
    test("eventfd-n", "n pairs that pass tokens by eventfd", |it| {
        token::run(it, "eventfd", it.cpus)
    }),
    test(
        "fan-out",
        "a producer wakes 2n consumers with 50 us of work each, again when all are done",
        fan_out::run,
    ),
    test(
        "requests",
        "2 messengers give requests of 1 ms to n workers each, in schbench's way",
        requests::run,
    ),
    test(
        "fork",
        "n processes that fork one that exits, and wait for it",
        storm::fork,
    ),
    test(
        "exec",
        "n processes that start `true`, and wait for it",
        storm::exec,
    ),
    test(
        "build",
        "12n jobs as of make -j n+1: start `true`, then compute for 2 to 30 ms",
        build::run,
    ),
    test(
        "makespan",
        "until the last of n, n + 1, 1.5n and 2n equal jobs is done, in times of the ideal",
        jobs::makespan,
    ),
    test("fairness", "CPU time of 1.5n equal hogs", fair::jain),
    test(
        "nice",
        "hogs of nice 0, 5 and 10 on one CPU: how far their shares are from their weights",
        fair::nice,
    ),
    test(
        "hot-spot",
        "4n hogs born on one CPU: how soon all CPUs are busy, and level",
        fair::hot_spot,
    ),
    of_program(
        "hackbench",
        test(
            "hackbench",
            "hackbench: 1, 4 and 16 groups of 40 processes that pass messages over sockets",
            program::hackbench,
        ),
    ),
    of_program(
        "stress-ng",
        test(
            "stress-switch",
            "stress-ng --switch n: pairs of processes that switch by pipe",
            |it| program::stress_ng(it, "switch"),
        ),
    ),
    of_program(
        "stress-ng",
        test(
            "stress-futex",
            "stress-ng --futex n: pairs of processes that wake each other",
            |it| program::stress_ng(it, "futex"),
        ),
    ),
    test(
        "idle",
        "nothing runs: what goes on all the same",
        quiet::run,
    ),
];

/// The test of this name.
pub fn find(name: &str) -> Option<&'static Test> {
    TESTS.iter().find(|test| test.name == name)
}

impl Test {
    /// Whether the program that it runs is installed.
    pub fn is_available(&self) -> bool {
        self.needs.is_none_or(|name| which(name).is_some())
    }

    /// Runs it once.
    ///
    /// # Errors
    /// When its tasks can't be started or set up, or fail.
    pub fn run(&self, scale: Scale, per_us: Option<u64>) -> Result<Measurement> {
        let allowed = sys::affinity().context("read the CPUs this process may use")?;
        let context = Setting {
            cpus: u32::try_from(allowed.len()).unwrap_or(u32::MAX),
            per_us: per_us.unwrap_or_else(burn::iterations_per_us),
            scale,
        };
        let (start, before) = (sys::now_ns(), sys::context_switches());
        let measurement = (self.run)(&context)?;
        Ok(Measurement {
            seconds: crate::report::secs(sys::now_ns() - start),
            switches: sys::context_switches() - before,
            ..measurement
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_fit_a_command_line() {
        for (index, test) in TESTS.iter().enumerate() {
            let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            assert!(test.name.chars().all(fits), "{}", test.name);
            assert!(TESTS[..index].iter().all(|other| other.name != test.name));
        }
    }

    #[test]
    fn latencies_are_kept_at_their_quantiles() {
        let kept =
            Measurement::default().with_latencies((1..=10_000).map(|us| us * 1000).collect());
        assert_eq!(kept.latencies_us.len(), QUANTILES.len());
        assert_eq!((kept.latencies_us[0], kept.latencies_us[6]), (1.0, 5_000.0));
        assert_eq!(kept.latencies_us[18], 10_000.0);
    }
}
