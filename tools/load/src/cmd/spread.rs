// SPDX-License-Identifier: GPL-2.0-only
//! `spread`: how fast does work that starts on one CPU reach the others?

use std::collections::HashMap;
use std::fmt;
use std::thread;
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

/// Let N burners that share one CPU use all; print how long they took to spread.
#[derive(clap::Args)]
pub struct Args {
    /// Number of threads.
    #[arg(value_parser = clap::value_parser!(u32).range(1..=10_000))]
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
    /// Until that many CPUs ran threads; null if they never did.
    pub spread_us: Option<f64>,
    /// Until the CPUs were level; null if they never were.
    pub level_us: Option<f64>,
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
        match self.level_us {
            Some(us) => write!(f, ", level after {us:.0} us")?,
            None => write!(f, ", never level")?,
        }
        writeln!(
            f,
            "; in {:.3} s {} CPUs used to {:.1} % of {target}, {} moves, Jain index {:.4}",
            self.seconds, self.used_cpus, self.used_percent, self.moves, self.jain
        )
    }
}

/// How long all of them burn on the first CPU before they are let out.
const CROWDED: Duration = Duration::from_millis(20);

/// Runs the load. All times are since the first thread was let out.
///
/// # Errors
/// When a thread can't be started or bound.
pub fn run(args: &Args) -> Result<SpreadReport> {
    measure(args.count, args.duration)
}

/// Lets out `threads` burners, and watches them for `duration`.
///
/// # Errors
/// Those of [`run`].
pub fn measure(threads: u32, duration: Duration) -> Result<SpreadReport> {
    let run = Run::prepare()?;
    let allowed = sys::affinity().context("read the CPUs this process may use")?;
    let birthplace = allowed.iter().next().unwrap_or(0);
    let farthest = allowed.iter().last().unwrap_or(birthplace);
    // Not this thread: it would wait for a turn among them when it is to let them out. Its
    // CPU is the one that nobody can be sent to: it has to look for work itself.
    let pin = |_| sys::set_affinity(0, &CpuSet::single(birthplace)).context("pin a thread");
    let let_out = |tids: &[libc::pid_t]| {
        sys::set_affinity(0, &CpuSet::single(farthest)).context("pin the main thread")?;
        thread::sleep(CROWDED);
        let start_ns = sys::now_ns();
        // The last first: they have hardly run, so no scheduler knows yet how long they will.
        for tid in tids.iter().rev() {
            match sys::set_affinity(*tid, &allowed) {
                // It has ended: whoever frees them got no CPU until the end.
                Err(_) if run.over() => break,
                freed => freed.context("free a thread from its first CPU")?,
            }
        }
        sys::set_affinity(0, &allowed).context("free the main thread")?;
        run.wait();
        Ok((start_ns, sys::now_ns() - start_ns))
    };
    let count = threads as usize;
    let body = |_| burn_and_track(&run, birthplace);
    let during = duration + CROWDED;
    let ((start_ns, elapsed_ns), tracks) = run_team(&run, count, during, pin, body, let_out)?;
    let target = count.min(allowed.len());
    let crowded_ns = start_ns - run.started_ns();
    let cpu_ns: Vec<u64> = tracks.iter().map(|t| t.cpu_ns).collect();
    // Where others run as well, the birthplace was not theirs alone.
    let spread_ns = cpu_ns.iter().sum::<u64>().saturating_sub(crowded_ns);
    let since_start = |t: u64| us(t.saturating_sub(start_ns));
    let spread = first_time(&tracks, birthplace, |on| nr_used(on) >= target);
    let level = first_time(&tracks, birthplace, |on| is_level(on, &allowed));
    let all_stops = tracks.iter().flat_map(|t| &t.stops);
    let used: CpuSet = all_stops.fold(CpuSet::single(birthplace), |mut set, &(_, cpu)| {
        set.insert(cpu);
        set
    });
    Ok(SpreadReport {
        load: "spread",
        threads,
        seconds: secs(elapsed_ns),
        target_cpus: target,
        spread_us: spread.map(since_start),
        level_us: level.map(since_start),
        used_cpus: used.len(),
        used_percent: 100.0 * spread_ns as f64 / (target as f64 * elapsed_ns as f64),
        moves: tracks.iter().map(|t| t.stops.len()).sum(),
        jain: jain(&cpu_ns),
    })
}

/// Where one thread ran.
struct Track {
    /// (CLOCK_MONOTONIC ns, CPU) of every CPU after the first.
    stops: Vec<(u64, usize)>,
    cpu_ns: u64,
}

fn burn_and_track(run: &Run, birthplace: usize) -> Track {
    let mut stops = Vec::new();
    let mut here = birthplace;
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

/// The first time, CLOCK_MONOTONIC ns, at which numbers of threads by their last
/// known CPU fulfil `is_so`.
fn first_time(
    tracks: &[Track],
    birthplace: usize,
    is_so: impl Fn(&HashMap<usize, usize>) -> bool,
) -> Option<u64> {
    let mut stops: Vec<(u64, usize, usize)> = Vec::new();
    for (thread, track) in tracks.iter().enumerate() {
        stops.extend(track.stops.iter().map(|&(time, cpu)| (time, thread, cpu)));
    }
    stops.sort_unstable();
    let mut place = vec![birthplace; tracks.len()];
    let mut threads_on = HashMap::from([(birthplace, tracks.len())]);
    for (time, thread, cpu) in stops {
        let old = std::mem::replace(&mut place[thread], cpu);
        *threads_on.entry(old).or_default() -= 1;
        *threads_on.entry(cpu).or_default() += 1;
        if is_so(&threads_on) {
            return Some(time);
        }
    }
    None
}

/// CPUs with a thread.
fn nr_used(threads_on: &HashMap<usize, usize>) -> usize {
    threads_on.values().filter(|nr| **nr > 0).count()
}

/// Whether the CPUs of `allowed` differ by one thread or less.
fn is_level(threads_on: &HashMap<usize, usize>, allowed: &CpuSet) -> bool {
    let counts = || {
        allowed
            .iter()
            .map(|cpu| threads_on.get(&cpu).copied().unwrap_or(0))
    };
    counts().max().unwrap_or(0) <= counts().min().unwrap_or(0) + 1
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

    fn time_to_occupy(tracks: &[Track], target: usize) -> Option<u64> {
        first_time(tracks, 0, |on| nr_used(on) >= target)
    }

    #[test]
    fn occupied_when_the_last_cpus_differ() {
        let tracks = [track(&[(9, 2)]), track(&[(5, 1)]), track(&[])];
        assert_eq!(time_to_occupy(&tracks, 2), Some(5));
        assert_eq!(time_to_occupy(&tracks, 3), Some(9));
        assert_eq!(time_to_occupy(&tracks, 4), None);
    }

    #[test]
    fn two_threads_that_swap_occupy_no_third_cpu() {
        let tracks = [track(&[(3, 1)]), track(&[(2, 1), (4, 0)])];
        assert_eq!(time_to_occupy(&tracks, 3), None);
    }

    #[test]
    fn level_when_all_cpus_have_about_as_many() {
        let mut allowed = CpuSet::single(0);
        allowed.insert(1);
        let tracks = [track(&[]), track(&[]), track(&[(7, 1)]), track(&[])];
        let level = |tracks: &[Track]| first_time(tracks, 0, |on| is_level(on, &allowed));
        assert_eq!(level(&tracks[..3]), Some(7));
        assert_eq!(level(&tracks), None);
    }
}
