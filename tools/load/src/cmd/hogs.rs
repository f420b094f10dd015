// SPDX-License-Identifier: GPL-2.0-only
//! `hogs`: CPU burners and how evenly they were served.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use anyhow::{Context, Result};
use libc::pid_t;
use serde::Serialize;

use super::HOUR_US;
use crate::burn;
use crate::cpuset::CpuSet;
use crate::report::{Report, secs};
use crate::run::Run;
use crate::stats::jain;
use crate::sys;
use crate::team::run_team;

/// Burn CPU with N threads; print each one's CPU time and Jain's index.
#[derive(clap::Args)]
pub struct Args {
    /// Number of threads.
    #[arg(value_parser = clap::value_parser!(u32).range(1..=10_000))]
    count: u32,
    /// How long, such as 5s or 500ms.
    #[arg(long = "for", default_value = "5s", value_parser = humantime::parse_duration)]
    duration: Duration,
    /// Nice level of every thread.
    #[arg(long, allow_negative_numbers = true, value_parser = clap::value_parser!(i32).range(-20..=19))]
    nice: Option<i32>,
    /// CPUs the threads may use, such as 0-3,8.
    #[arg(long, value_name = "LIST")]
    cpu: Option<CpuSet>,
    /// CPU time between two naps or yields, us, calibrated at the start.
    #[arg(long, requires = "pause", value_parser = clap::value_parser!(u64).range(1..=HOUR_US))]
    work_us: Option<u64>,
    /// Sleep so long after each --work-us, us: a hog that wants a part of a CPU only.
    #[arg(long, requires = "work_us", group = "pause", value_parser = clap::value_parser!(u64).range(1..=HOUR_US))]
    nap_us: Option<u64>,
    /// Call sched_yield() after each --work-us, as who spins on a lock does.
    #[arg(long, requires = "work_us", group = "pause")]
    yields: bool,
}

/// How a hog burns CPU time.
#[derive(Clone, Copy)]
pub struct Pattern {
    /// Iterations of [`burn::spin`] between two pauses.
    work_iterations: u64,
    pause: Pause,
}

/// What a hog does between two stretches of work.
#[derive(Clone, Copy)]
enum Pause {
    None,
    /// Sleeps so long.
    NapNs(u64),
    Yield,
}

/// Without a pause.
pub const STEADY: Pattern = Pattern {
    work_iterations: burn::CHUNK,
    pause: Pause::None,
};

/// What `hogs` found.
#[derive(Debug, Serialize)]
pub struct HogsReport {
    load: &'static str,
    /// Length of the measured window.
    seconds: f64,
    /// CPU time of each thread inside the window.
    cpu_seconds: Vec<f64>,
    /// Sum of `cpu_seconds`.
    total_cpu_seconds: f64,
    /// Jain's fairness index of `cpu_seconds`.
    jain: f64,
}

impl Report for HogsReport {}

impl fmt::Display for HogsReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, cpu) in self.cpu_seconds.iter().enumerate() {
            writeln!(f, "hog {index}: {cpu:.3} s")?;
        }
        writeln!(
            f,
            "{} hogs: {:.3} s of CPU time in {:.3} s, Jain index {:.4}",
            self.cpu_seconds.len(),
            self.total_cpu_seconds,
            self.seconds,
            self.jain
        )
    }
}

/// Runs the load.
///
/// # Errors
/// When a thread can't get its nice level or CPUs, or can't be started.
pub fn run(args: &Args) -> Result<HogsReport> {
    let setup = |_| {
        if let Some(cpus) = &args.cpu {
            sys::set_affinity(0, cpus).with_context(|| format!("use CPUs {cpus}"))?;
        }
        if let Some(nice) = args.nice {
            sys::set_nice(nice).with_context(|| format!("set nice {nice}"))?;
        }
        Ok(())
    };
    let pattern = match args.work_us {
        Some(work_us) => Pattern {
            work_iterations: work_us * burn::iterations_per_us(),
            pause: args
                .nap_us
                .map_or(Pause::Yield, |us| Pause::NapNs(us * 1000)),
        },
        None => STEADY,
    };
    let used = measure(args.count as usize, args.duration, pattern, setup)?;
    Ok(HogsReport {
        load: "hogs",
        seconds: secs(used.window_ns),
        cpu_seconds: used.cpu_ns.iter().copied().map(secs).collect(),
        total_cpu_seconds: secs(used.cpu_ns.iter().sum()),
        jain: jain(&used.cpu_ns),
    })
}

/// CPU time that threads used in one common window.
pub struct Usage {
    /// Length of the window, ns.
    pub window_ns: u64,
    /// CPU time per thread, ns, in the order of their indices.
    pub cpu_ns: Vec<u64>,
}

/// Runs `count` hogs of a `pattern`, each set up by `setup`, and measures their CPU
/// time over one window of `duration`, the same for all.
///
/// # Errors
/// When a thread can't be started or set up, or the measuring thread itself got
/// no CPU for seconds after the window.
pub fn measure(
    count: usize,
    duration: Duration,
    pattern: Pattern,
    setup: impl Fn(usize) -> Result<()> + Sync,
) -> Result<Usage> {
    // The hogs go on past the window, so that each is still there to be measured
    // when the window ends, however late this thread wakes up.
    const OVERTIME: Duration = Duration::from_secs(10);
    let run = Run::prepare()?;
    let hog = |_| {
        while !run.over() {
            burn::spin(pattern.work_iterations);
            match pattern.pause {
                Pause::None => {}
                Pause::NapNs(ns) => sys::sleep_until(sys::now_ns() + ns),
                Pause::Yield => std::thread::yield_now(),
            }
        }
    };
    let watch = |tids: &[pid_t]| {
        let (start, before) = (sys::now_ns(), cpu_times(tids)?);
        run.wait_until(run.started_ns().saturating_add(duration.as_nanos() as u64));
        let (end, after) = (sys::now_ns(), cpu_times(tids)?);
        Ok(Usage {
            window_ns: end - start,
            cpu_ns: after.iter().zip(&before).map(|(a, b)| a - b).collect(),
        })
    };
    let total = duration.saturating_add(OVERTIME);
    let (usage, _) = run_team(&run, count, total, setup, hog, watch)?;
    Ok(usage)
}

/// What hogs did while something else was measured.
pub struct Burned {
    /// Length of that time, ns.
    pub window_ns: u64,
    /// Iterations of [`burn::spin`], all hogs together.
    pub iterations: u64,
}

/// Runs `during` beside `count` hogs, from `settle` after their start on.
///
/// # Errors
/// When a hog can't be started, and those of `during`.
pub fn beside<R>(
    count: usize,
    settle: Duration,
    during: impl FnOnce() -> Result<R>,
) -> Result<(R, Burned)> {
    // Until `during` has returned.
    const FOREVER: Duration = Duration::from_secs(86_400);
    let run = Run::prepare()?;
    let chunks: Vec<AtomicU64> = (0..count).map(|_| AtomicU64::new(0)).collect();
    let hog = |index: usize| {
        while !run.over() {
            burn::spin(burn::CHUNK);
            chunks[index].fetch_add(1, Relaxed);
        }
    };
    let sum = || chunks.iter().map(|it| it.load(Relaxed)).sum::<u64>();
    let watch = |_: &[pid_t]| {
        run.wait_until(run.started_ns().saturating_add(settle.as_nanos() as u64));
        let (start, before) = (sys::now_ns(), sum());
        let outcome = during()?;
        let burned = Burned {
            window_ns: sys::now_ns() - start,
            iterations: (sum() - before) * burn::CHUNK,
        };
        Ok((outcome, burned))
    };
    let (outcome, _) = run_team(&run, count, FOREVER, |_| Ok(()), hog, watch)?;
    Ok(outcome)
}

fn cpu_times(tids: &[pid_t]) -> Result<Vec<u64>> {
    tids.iter()
        .map(|&tid| {
            sys::cpu_ns_of(tid).context("read a hog's CPU time: was this thread starved for 10 s?")
        })
        .collect()
}
