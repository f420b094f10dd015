// SPDX-License-Identifier: GPL-2.0-only
//! `fifo`: a real-time hog that takes a CPU away from the scheduler under test.

use std::fmt;
use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};
use serde::Serialize;

use crate::burn;
use crate::cpuset::{CpuSet, MAX_CPUS};
use crate::report::{Report, secs, us};
use crate::run::Run;
use crate::sys;
use crate::team::run_team;

/// Below this part of the CPU something else ran on it: RT throttling or the
/// deadline servers that reserve time for lower classes.
const WHOLE_CPU_PERCENT: f64 = 99.0;

/// Burn one CPU as SCHED_FIFO; print how much of it the hog got.
///
/// Kernels let a real-time task have 95 % of a CPU by default: by RT throttling,
/// or by the deadline servers that replaced it. To get the whole CPU, write -1
/// to /proc/sys/kernel/sched_rt_runtime_us and 0 to the `runtime` files under
/// /sys/kernel/debug/sched/{fair,ext}_server/cpu*. The report says whether the
/// hog was held back.
#[derive(clap::Args)]
pub struct Args {
    /// The CPU to take.
    #[arg(long, value_parser = clap::value_parser!(u32).range(..MAX_CPUS as i64))]
    cpu: u32,
    /// Real-time priority.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(i32).range(1..=99))]
    prio: i32,
    /// How long, such as 8s or 500ms.
    #[arg(long = "for", default_value = "8s", value_parser = humantime::parse_duration)]
    duration: Duration,
}

/// What `fifo` found.
#[derive(Debug, Serialize)]
pub struct FifoReport {
    load: &'static str,
    cpu: u32,
    prio: i32,
    seconds: f64,
    /// Part of the CPU that the hog got, percent.
    cpu_percent: f64,
    /// Longest time for which it did not run.
    longest_gap_us: f64,
    /// Whether it got clearly less than the whole CPU.
    held_back: bool,
    /// /proc/sys/kernel/sched_rt_runtime_us; null when it can't be read.
    rt_runtime_us: Option<i64>,
    /// /proc/sys/kernel/sched_rt_period_us; null when it can't be read.
    rt_period_us: Option<i64>,
}

impl Report for FifoReport {}

impl fmt::Display for FifoReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let held_back = if self.held_back { ", held back" } else { "" };
        let limit = |us: Option<i64>| us.map_or("unknown".into(), |us| us.to_string());
        writeln!(
            f,
            "FIFO {} on CPU {}: {:.2} % of {:.3} s{held_back}, longest gap {:.0} us, \
             RT limit {} of {} us",
            self.prio,
            self.cpu,
            self.cpu_percent,
            self.seconds,
            self.longest_gap_us,
            limit(self.rt_runtime_us),
            limit(self.rt_period_us),
        )
    }
}

/// Runs the load.
///
/// # Errors
/// When the thread can't get the CPU or the real-time priority.
pub fn run(args: &Args) -> Result<FifoReport> {
    let run = Run::prepare()?;
    let setup = |_| {
        let (cpu, prio) = (args.cpu, args.prio);
        sys::set_affinity(0, &CpuSet::single(cpu as usize))
            .with_context(|| format!("pin the hog to CPU {cpu}"))?;
        sys::set_fifo(prio).with_context(|| format!("become SCHED_FIFO {prio}"))
    };
    let watch = |_: &[libc::pid_t]| {
        run.wait();
        Ok(())
    };
    let ((), hogs) = run_team(&run, 1, args.duration, setup, |_| hog(&run), watch)?;
    let hog = hogs.first().context("the hog returned nothing")?;
    let cpu_percent = 100.0 * hog.cpu_ns as f64 / hog.elapsed_ns.max(1) as f64;
    Ok(FifoReport {
        load: "fifo",
        cpu: args.cpu,
        prio: args.prio,
        seconds: secs(hog.elapsed_ns),
        cpu_percent,
        longest_gap_us: us(hog.longest_gap_ns),
        held_back: cpu_percent < WHOLE_CPU_PERCENT,
        rt_runtime_us: kernel_setting("sched_rt_runtime_us"),
        rt_period_us: kernel_setting("sched_rt_period_us"),
    })
}

struct HogTimes {
    elapsed_ns: u64,
    cpu_ns: u64,
    longest_gap_ns: u64,
}

fn hog(run: &Run) -> HogTimes {
    let cpu_start = sys::thread_cpu_ns();
    let start = sys::now_ns();
    let (mut last, mut shortest_ns, mut longest_ns) = (start, u64::MAX, 0);
    while !run.over() {
        burn::spin(burn::CHUNK);
        let now = sys::now_ns();
        shortest_ns = shortest_ns.min(now - last);
        longest_ns = longest_ns.max(now - last);
        last = now;
    }
    HogTimes {
        elapsed_ns: last - start,
        cpu_ns: sys::thread_cpu_ns() - cpu_start,
        // What the longest chunk took over the shortest is time not run.
        longest_gap_ns: longest_ns.saturating_sub(shortest_ns),
    }
}

fn kernel_setting(name: &str) -> Option<i64> {
    let text = fs::read_to_string(format!("/proc/sys/kernel/{name}")).ok()?;
    text.trim().parse().ok()
}
