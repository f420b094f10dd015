// SPDX-License-Identifier: GPL-2.0-only
//! `haunt`: on which CPUs threads spend their time, and how often they change sides.

use std::fmt;
use std::time::Duration;

use anyhow::Result;
use serde::Serialize;

use crate::burn;
use crate::cpuset::CpuSet;
use crate::report::Report;
use crate::run::Run;
use crate::sys;
use crate::team::run_team;

/// Burn CPU with N threads; print the share of their time on the CPUs LIST and
/// how often each went from those to others or back.
#[derive(clap::Args)]
pub struct Args {
    /// Number of threads.
    #[arg(value_parser = clap::value_parser!(u32).range(1..=10_000))]
    count: u32,
    /// The CPUs of one side, such as 0-3,8.
    #[arg(long, value_name = "LIST")]
    cpus: CpuSet,
    /// How long, such as 5s or 500ms.
    #[arg(long = "for", default_value = "2s", value_parser = humantime::parse_duration)]
    duration: Duration,
    /// How long to run before looking.
    #[arg(long, default_value = "0s", value_parser = humantime::parse_duration)]
    after: Duration,
    /// CPU time between two sleeps; 0: never sleep.
    #[arg(long, default_value = "0s", value_parser = humantime::parse_duration)]
    burst: Duration,
    /// Length of a sleep.
    #[arg(long, default_value = "1ms", value_parser = humantime::parse_duration)]
    pause: Duration,
}

/// What `haunt` found.
#[derive(Debug, Serialize)]
pub struct HauntReport {
    load: &'static str,
    /// Share of the threads' time on the CPUs of the list, percent.
    inside_percent: f64,
    /// How often each thread changed sides.
    crossings: Vec<u64>,
    /// The largest of them.
    crossings_max: u64,
}

impl Report for HauntReport {}

impl fmt::Display for HauntReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} threads: {:.1} % of their time inside, changed sides {:?} times",
            self.crossings.len(),
            self.inside_percent,
            self.crossings
        )
    }
}

/// CPU time of one thread on either side, ns, and changes of side.
#[derive(Clone, Copy, Default)]
struct Tally {
    inside_ns: u64,
    outside_ns: u64,
    crossings: u64,
    side: Option<bool>,
}

impl Tally {
    fn note(&mut self, inside: bool, ran_ns: u64) {
        self.crossings += u64::from(self.side.is_some_and(|side| side != inside));
        self.side = Some(inside);
        match inside {
            true => self.inside_ns += ran_ns,
            false => self.outside_ns += ran_ns,
        }
    }
}

/// Runs the load.
///
/// # Errors
/// When a thread can't be started.
pub fn run(args: &Args) -> Result<HauntReport> {
    let run = Run::prepare()?;
    let total = args.duration.saturating_add(args.after);
    let watch = |_: &[libc::pid_t]| {
        run.wait();
        Ok(())
    };
    let body = |_| haunt(&run, args);
    let ((), tallies) = run_team(&run, args.count as usize, total, |_| Ok(()), body, watch)?;
    let sum = |side: fn(&Tally) -> u64| tallies.iter().map(side).sum::<u64>() as f64;
    let (inside, outside) = (sum(|t| t.inside_ns), sum(|t| t.outside_ns));
    let crossings: Vec<_> = tallies.iter().map(|tally| tally.crossings).collect();
    Ok(HauntReport {
        load: "haunt",
        inside_percent: 100.0 * inside / (inside + outside).max(1.0),
        crossings_max: crossings.iter().copied().max().unwrap_or(0),
        crossings,
    })
}

fn haunt(run: &Run, args: &Args) -> Tally {
    let look_ns = run.started_ns() + args.after.as_nanos() as u64;
    let burst_ns = args.burst.as_nanos() as u64;
    let mut tally = Tally::default();
    let mut last_ns = sys::thread_cpu_ns();
    let mut burst_from_ns = last_ns;
    while !run.over() {
        burn::spin(burn::CHUNK);
        let now_ns = sys::thread_cpu_ns();
        if sys::now_ns() >= look_ns {
            tally.note(args.cpus.contains(sys::current_cpu()), now_ns - last_ns);
        }
        last_ns = now_ns;
        if burst_ns > 0 && now_ns - burst_from_ns >= burst_ns {
            sys::sleep_until(sys::now_ns() + args.pause.as_nanos() as u64);
            burst_from_ns = now_ns;
        }
    }
    tally
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(cpus: &str) -> Args {
        Args {
            count: 2,
            cpus: cpus.parse().unwrap(),
            duration: Duration::from_millis(50),
            after: Duration::from_millis(10),
            burst: Duration::from_millis(5),
            pause: Duration::from_millis(1),
        }
    }

    #[test]
    fn all_cpus_are_inside_and_no_cpu_is_outside() {
        let all = run(&args("0-1023")).unwrap();
        assert_eq!((all.inside_percent, all.crossings_max), (100.0, 0));
        assert_eq!(run(&args("1023")).unwrap().inside_percent, 0.0);
    }

    #[test]
    fn sides_are_told_apart() {
        let mut tally = Tally::default();
        for inside in [true, true, false, true] {
            tally.note(inside, 5);
        }
        assert_eq!(
            (tally.inside_ns, tally.outside_ns, tally.crossings),
            (15, 5, 2)
        );
    }
}
