// SPDX-License-Identifier: GPL-2.0-only
//! `periodic`: sleepers that measure how late they wake up.

use std::fmt;
use std::time::Duration;

use anyhow::{Context, Result};
use serde::Serialize;

use super::HOUR_US;
use crate::burn;
use crate::cpuset::CpuSet;
use crate::report::{Report, secs};
use crate::run::Run;
use crate::stats::Summary;
use crate::sys;
use crate::team::run_team;

/// Sleep and work in a fixed rhythm; print how late the threads woke up.
///
/// The threads are SCHED_OTHER and sleep by clock_nanosleep(2) to absolute times
/// with a timer slack of 1 ns. A period that has already begun when the thread
/// is ready for it is skipped and counted.
#[derive(clap::Args)]
pub struct Args {
    /// Time from one wake-up to the next, us, an hour at most.
    #[arg(long, default_value_t = 4000, value_parser = clap::value_parser!(u64).range(1..=HOUR_US))]
    period_us: u64,
    /// CPU time to burn after each wake-up, us, calibrated at the start.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(..=HOUR_US))]
    work_us: u64,
    /// Each Nth wake-up of a thread does the work of --surge-us instead.
    #[arg(long, value_name = "N", requires = "surge_us", value_parser = clap::value_parser!(u32).range(1..))]
    surge_every: Option<u32>,
    /// CPU time to burn after such a wake-up, us.
    #[arg(long, value_name = "US", requires = "surge_every", value_parser = clap::value_parser!(u64).range(..=HOUR_US))]
    surge_us: Option<u64>,
    /// How long, such as 5s or 500ms.
    #[arg(long = "for", default_value = "5s", value_parser = humantime::parse_duration)]
    duration: Duration,
    /// Number of threads; their periods are spread evenly.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    threads: u32,
    /// Nice level of every thread.
    #[arg(long, allow_negative_numbers = true, value_parser = clap::value_parser!(i32).range(-20..=19))]
    nice: Option<i32>,
    /// CPUs the threads may use, such as 0-3,8.
    #[arg(long, value_name = "LIST")]
    cpu: Option<CpuSet>,
}

/// What `periodic` found.
#[derive(Debug, Serialize)]
pub struct PeriodicReport {
    load: &'static str,
    threads: u32,
    period_us: u64,
    work_us: u64,
    seconds: f64,
    /// From the time a thread asked to be woken to the time it ran.
    lateness: Summary,
    /// Periods skipped because the one before lasted too long.
    skipped: u64,
}

impl Report for PeriodicReport {}

impl fmt::Display for PeriodicReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let l = &self.lateness;
        writeln!(
            f,
            "{} threads, period {} us, work {} us, {:.3} s: {} wake-ups, {} periods skipped",
            self.threads, self.period_us, self.work_us, self.seconds, l.count, self.skipped
        )?;
        writeln!(
            f,
            "lateness us: mean {:.1}  p50 {:.1}  p99 {:.1}  p99.9 {:.1}  max {:.1}",
            l.mean_us, l.p50_us, l.p99_us, l.p999_us, l.max_us
        )
    }
}

/// Runs the load.
///
/// # Errors
/// When a thread can't get its timer slack, nice level or CPUs, or can't be
/// started.
pub fn run(args: &Args) -> Result<PeriodicReport> {
    let iterations = |us| match us {
        0 => 0,
        us => us * burn::iterations_per_us(),
    };
    let rhythm = Rhythm {
        threads: args.threads,
        period_ns: args.period_us * 1000,
        work_iterations: iterations(args.work_us),
        surge: args.surge_every.zip(args.surge_us.map(iterations)),
        duration: args.duration,
    };
    let Wakeups {
        elapsed_ns,
        lateness_ns,
        skipped,
    } = measure(&rhythm, || set_up(args))?;
    Ok(PeriodicReport {
        load: "periodic",
        threads: args.threads,
        period_us: args.period_us,
        work_us: args.work_us,
        seconds: secs(elapsed_ns),
        lateness: Summary::of_ns(lateness_ns),
        skipped,
    })
}

fn set_up(args: &Args) -> Result<()> {
    if let Some(cpus) = &args.cpu {
        sys::set_affinity(0, cpus).with_context(|| format!("use CPUs {cpus}"))?;
    }
    if let Some(nice) = args.nice {
        sys::set_nice(nice).with_context(|| format!("set nice {nice}"))?;
    }
    Ok(())
}

/// What sleepers do.
pub struct Rhythm {
    /// Number of threads; their periods are spread evenly.
    pub threads: u32,
    /// Time from one wake-up to the next, ns.
    pub period_ns: u64,
    /// Iterations of [`burn::spin`] after each wake-up.
    pub work_iterations: u64,
    /// Each so many wake-ups, so many iterations instead.
    pub surge: Option<(u32, u64)>,
    /// How long.
    pub duration: Duration,
}

/// How they fared, all threads together.
#[derive(Default)]
pub struct Wakeups {
    /// Length of the run, ns.
    pub elapsed_ns: u64,
    /// From the time a thread asked to be woken to the time it ran, ns.
    pub lateness_ns: Vec<u64>,
    /// Periods skipped because the one before lasted too long.
    pub skipped: u64,
}

/// Lets threads, each set up by `setup`, sleep and work in a rhythm.
///
/// # Errors
/// When a thread can't get its timer slack, can't be set up or started.
pub fn measure(rhythm: &Rhythm, setup: impl Fn() -> Result<()> + Sync) -> Result<Wakeups> {
    let run = Run::prepare()?;
    let sleeper = |index: usize| {
        let phase_ns = rhythm.period_ns * (index as u64 + 1) / u64::from(rhythm.threads);
        sleep_and_work(&run, run.started_ns() + phase_ns, rhythm)
    };
    let watch = |_: &[libc::pid_t]| {
        run.wait();
        Ok(sys::now_ns() - run.started_ns())
    };
    let setup = |_| {
        sys::set_timer_slack_ns(1).context("set the timer slack")?;
        setup()
    };
    let threads = rhythm.threads as usize;
    let (elapsed_ns, results) = run_team(&run, threads, rhythm.duration, setup, sleeper, watch)?;
    let mut all = Wakeups {
        elapsed_ns,
        ..Wakeups::default()
    };
    for (lateness_ns, skipped) in results {
        all.lateness_ns.extend(lateness_ns);
        all.skipped += skipped;
    }
    Ok(all)
}

/// The rhythm of one thread, from its first wake-up at `next_ns`: how late it
/// woke up each time, and the periods it skipped.
fn sleep_and_work(run: &Run, mut next_ns: u64, rhythm: &Rhythm) -> (Vec<u64>, u64) {
    let (mut lateness_ns, mut skipped) = (Vec::new(), 0);
    let work = |nr: usize| match rhythm.surge {
        Some((every, iterations)) if nr.is_multiple_of(every as usize) => iterations,
        _ => rhythm.work_iterations,
    };
    while !run.over() {
        sys::sleep_until(next_ns);
        lateness_ns.push(sys::now_ns().saturating_sub(next_ns));
        burn::spin(work(lateness_ns.len()));
        let behind = sys::now_ns().saturating_sub(next_ns) / rhythm.period_ns;
        skipped += behind;
        next_ns += (behind + 1) * rhythm.period_ns;
    }
    (lateness_ns, skipped)
}
