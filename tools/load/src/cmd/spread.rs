// SPDX-License-Identifier: GPL-2.0-only
//! `spread`: how fast does work that starts on one CPU reach the others?

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use anyhow::{Context, Result};
use serde::Serialize;

use crate::burn;
use crate::cpuset::CpuSet;
use crate::report::{Report, secs, us};
use crate::run::Run;
use crate::stats::jain;
use crate::sys;
use crate::team::run_team;

/// Start N burners on one CPU; print how long they took to spread.
#[derive(clap::Args)]
pub struct Args {
    /// Number of threads.
    #[arg(value_parser = clap::value_parser!(u32).range(1..))]
    count: u32,
    /// How long, such as 2s or 500ms.
    #[arg(long = "for", default_value = "2s", value_parser = humantime::parse_duration)]
    duration: Duration,
}

/// What `spread` found.
#[derive(Debug, Serialize)]
pub struct SpreadReport {
    load: &'static str,
    threads: u32,
    seconds: f64,
    /// CPUs that could be busy at once: the threads or the CPUs, whichever is less.
    target_cpus: usize,
    /// From the start until that many CPUs ran threads; null if they never did.
    spread_us: Option<f64>,
    /// CPUs that ran a thread at any time.
    used_cpus: usize,
    /// CPU time used, of `target_cpus` CPUs, percent.
    used_percent: f64,
    /// Times that a thread found itself on another CPU.
    moves: usize,
    /// Jain's fairness index of the threads' CPU time.
    jain: f64,
}

impl Report for SpreadReport {}

impl fmt::Display for SpreadReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let target = self.target_cpus;
        match self.spread_us {
            Some(us) => write!(
                f,
                "{} threads on {target} CPUs after {us:.0} us",
                self.threads
            )?,
            None => write!(f, "{} threads never on {target} CPUs at once", self.threads)?,
        }
        writeln!(
            f,
            "; in {:.3} s {} CPUs used to {:.1} % of {target}, {} moves, Jain index {:.4}",
            self.seconds, self.used_cpus, self.used_percent, self.moves, self.jain
        )
    }
}

/// Runs the load.
///
/// # Errors
/// When a thread can't be started or bound.
pub fn run(args: &Args) -> Result<SpreadReport> {
    let run = Run::prepare()?;
    let allowed = sys::affinity().context("read the CPUs this process may use")?;
    let birthplace = allowed.iter().next().unwrap_or(0);
    // Threads inherit this, so all of them are born here; each then frees itself.
    sys::set_affinity(0, &CpuSet::single(birthplace)).context("pin the main thread")?;
    let free = |_| sys::set_affinity(0, &allowed).context("free a thread from its first CPU");
    let watch = |_: &[libc::pid_t]| {
        run.wait();
        Ok(sys::now_ns() - run.started_ns())
    };
    let count = args.count as usize;
    let body = |_| burn_and_track(&run);
    let (elapsed_ns, tracks) = run_team(&run, count, args.duration, free, body, watch)?;
    let target = count.min(allowed.len());
    let cpu_ns: Vec<u64> = tracks.iter().map(|t| t.cpu_ns).collect();
    let spread_ns = time_to_occupy(&tracks, target).map(|t| t - run.started_ns());
    let all_stops = tracks.iter().flat_map(|t| &t.stops);
    let used: CpuSet = all_stops.fold(CpuSet::default(), |mut set, &(_, cpu)| {
        set.insert(cpu);
        set
    });
    Ok(SpreadReport {
        load: "spread",
        threads: args.count,
        seconds: secs(elapsed_ns),
        target_cpus: target,
        spread_us: spread_ns.map(us),
        used_cpus: used.len(),
        used_percent: 100.0 * cpu_ns.iter().sum::<u64>() as f64
            / (target as f64 * elapsed_ns as f64),
        moves: tracks.iter().map(|t| t.stops.len() - 1).sum(),
        jain: jain(&cpu_ns),
    })
}

/// Where one thread ran.
struct Track {
    /// (CLOCK_MONOTONIC ns, CPU) of the first and of every later CPU.
    stops: Vec<(u64, usize)>,
    cpu_ns: u64,
}

fn burn_and_track(run: &Run) -> Track {
    let mut stops = vec![(sys::now_ns(), sys::current_cpu())];
    let mut here = stops[0].1;
    while !run.over() {
        burn::spin(burn::CHUNK);
        let cpu = sys::current_cpu();
        if cpu != here {
            stops.push((sys::now_ns(), cpu));
            here = cpu;
        }
    }
    let cpu_ns = sys::thread_cpu_ns();
    Track { stops, cpu_ns }
}

/// The first time at which the threads' last known CPUs were `target` different
/// ones, CLOCK_MONOTONIC ns.
fn time_to_occupy(tracks: &[Track], target: usize) -> Option<u64> {
    let mut stops: Vec<(u64, usize, usize)> = Vec::new();
    for (thread, track) in tracks.iter().enumerate() {
        stops.extend(track.stops.iter().map(|&(time, cpu)| (time, thread, cpu)));
    }
    stops.sort_unstable();
    let mut place: HashMap<usize, usize> = HashMap::new();
    let mut threads_on: HashMap<usize, usize> = HashMap::new();
    for (time, thread, cpu) in stops {
        if let Some(old) = place.insert(thread, cpu)
            && let Some(n) = threads_on.get_mut(&old)
        {
            *n -= 1;
            if *n == 0 {
                threads_on.remove(&old);
            }
        }
        *threads_on.entry(cpu).or_default() += 1;
        if threads_on.len() >= target {
            return Some(time);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn track(stops: &[(u64, usize)]) -> Track {
        Track {
            stops: stops.to_vec(),
            cpu_ns: 0,
        }
    }

    #[test]
    fn occupied_when_the_last_cpus_differ() {
        let tracks = [
            track(&[(1, 0), (9, 2)]),
            track(&[(2, 0), (5, 1)]),
            track(&[(3, 0)]),
        ];
        assert_eq!(time_to_occupy(&tracks, 2), Some(5));
        assert_eq!(time_to_occupy(&tracks, 3), Some(9));
        assert_eq!(time_to_occupy(&tracks, 4), None);
    }

    #[test]
    fn two_threads_that_swap_occupy_no_third_cpu() {
        let tracks = [track(&[(1, 0), (3, 1)]), track(&[(2, 1), (4, 0)])];
        assert_eq!(time_to_occupy(&tracks, 3), None);
    }
}
