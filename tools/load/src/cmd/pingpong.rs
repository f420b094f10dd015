// SPDX-License-Identifier: GPL-2.0-only
//! `pingpong`: pairs of threads that wake each other in turn.

#![allow(unsafe_code)]

use std::fmt;
use std::fs::File;
use std::io::{PipeReader, PipeWriter, Read, Write, pipe};
use std::os::fd::FromRawFd;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::*};
use std::time::Duration;

use anyhow::{Context, Result};
use serde::Serialize;

use super::HOUR_US;
use crate::burn;
use crate::report::{Report, secs};
use crate::run::Run;
use crate::stats::jain;
use crate::sys;
use crate::team::run_team;

/// Pass a token back and forth in pairs of threads; print round trips per second.
#[derive(clap::Args)]
pub struct Args {
    /// Number of pairs.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pairs: u32,
    /// How long, such as 3s or 500ms.
    #[arg(long = "for", default_value = "3s", value_parser = humantime::parse_duration)]
    duration: Duration,
    #[command(flatten)]
    medium: MediumArgs,
    /// CPU time before each pass, us, calibrated at the start.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u64).range(..=HOUR_US))]
    work_us: u64,
}

#[derive(clap::Args)]
#[group(multiple = false)]
struct MediumArgs {
    /// Pass one byte through a pipe (the default).
    #[arg(long)]
    pipe: bool,
    /// Pass a word by futex(2).
    #[arg(long)]
    futex: bool,
    /// Pass a count through an eventfd(2).
    #[arg(long)]
    eventfd: bool,
}

/// What `pingpong` found.
#[derive(Debug, Serialize)]
pub struct PingpongReport {
    load: &'static str,
    medium: &'static str,
    pairs: u32,
    seconds: f64,
    /// All pairs together.
    round_trips: u64,
    /// All pairs together.
    pub round_trips_per_second: f64,
    /// Jain's fairness index of the pairs' round trips.
    jain: f64,
}

impl Report for PingpongReport {}

impl fmt::Display for PingpongReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} {} pairs: {:.0} round trips/s ({} in {:.3} s), Jain index {:.4}",
            self.pairs,
            self.medium,
            self.round_trips_per_second,
            self.round_trips,
            self.seconds,
            self.jain
        )
    }
}

/// Runs the load.
///
/// # Errors
/// When a pipe, eventfd or thread can't be had, or passing a token fails.
pub fn run(args: &Args) -> Result<PingpongReport> {
    let work_iterations = match args.work_us {
        0 => 0,
        us => us * burn::iterations_per_us(),
    };
    play(
        args.medium.name(),
        args.pairs,
        args.duration,
        work_iterations,
    )
}

/// Lets `pairs` pairs pass tokens through `medium`, which is `pipe`, `futex` or
/// `eventfd`.
///
/// # Errors
/// Those of [`run`].
pub fn measure(medium: &'static str, pairs: u32, duration: Duration) -> Result<PingpongReport> {
    play(medium, pairs, duration, 0)
}

/// As [`measure`], with so many iterations of [`burn::spin`] before each pass.
fn play(
    medium: &'static str,
    nr_pairs: u32,
    duration: Duration,
    work_iterations: u64,
) -> Result<PingpongReport> {
    let pairs = (0..nr_pairs)
        .map(|_| Pair::new(medium, work_iterations))
        .collect::<Result<Vec<_>>>()?;
    let run = Run::prepare()?;
    let player = |index: usize| {
        let pair = &pairs[index / 2];
        match index % 2 {
            0 => pair.ping(&run),
            _ => pair.pong(),
        }
    };
    let watch = |_: &[libc::pid_t]| {
        run.wait();
        Ok(sys::now_ns() - run.started_ns())
    };
    let players = 2 * pairs.len();
    let (elapsed_ns, outcomes) = run_team(&run, players, duration, |_| Ok(()), player, watch)?;
    outcomes.into_iter().collect::<Result<()>>()?;
    let trips: Vec<u64> = pairs.iter().map(|p| p.trips.load(Relaxed)).collect();
    let round_trips = trips.iter().sum();
    Ok(PingpongReport {
        load: "pingpong",
        medium,
        pairs: nr_pairs,
        seconds: secs(elapsed_ns),
        round_trips,
        round_trips_per_second: round_trips as f64 / secs(elapsed_ns),
        jain: jain(&trips),
    })
}

impl MediumArgs {
    fn name(&self) -> &'static str {
        match self {
            Self { futex: true, .. } => "futex",
            Self { eventfd: true, .. } => "eventfd",
            _ => "pipe",
        }
    }
}

/// Two threads' batons and their score.
struct Pair {
    there: Baton,
    back: Baton,
    /// Before each pass.
    work_iterations: u64,
    done: AtomicBool,
    trips: AtomicU64,
}

impl Pair {
    fn new(medium: &str, work_iterations: u64) -> Result<Self> {
        Ok(Self {
            there: Baton::new(medium)?,
            back: Baton::new(medium)?,
            work_iterations,
            done: AtomicBool::new(false),
            trips: AtomicU64::new(0),
        })
    }

    /// Serves until the run is over, then tells the partner to finish.
    fn ping(&self, run: &Run) -> Result<()> {
        let mut trips = 0;
        while !run.over() {
            burn::spin(self.work_iterations);
            self.there.pass()?;
            self.back.take()?;
            trips += 1;
        }
        self.trips.store(trips, Relaxed);
        self.done.store(true, Release);
        self.there.pass()
    }

    fn pong(&self) -> Result<()> {
        loop {
            self.there.take()?;
            if self.done.load(Acquire) {
                return Ok(());
            }
            burn::spin(self.work_iterations);
            self.back.pass()?;
        }
    }
}

/// A token that one thread passes and another sleeps for.
enum Baton {
    Pipe(PipeReader, PipeWriter),
    Eventfd(File),
    Futex(AtomicU32),
}

impl Baton {
    fn new(medium: &str) -> Result<Self> {
        match medium {
            "futex" => Ok(Self::Futex(AtomicU32::new(0))),
            "eventfd" => Ok(Self::Eventfd(eventfd()?)),
            _ => pipe()
                .map(|(reader, writer)| Self::Pipe(reader, writer))
                .context("make a pipe"),
        }
    }

    fn pass(&self) -> Result<()> {
        match self {
            Self::Pipe(_, writer) => (&mut &*writer).write_all(&[1]).context("write to a pipe"),
            Self::Eventfd(file) => (&mut &*file)
                .write_all(&1_u64.to_ne_bytes())
                .context("write to an eventfd"),
            Self::Futex(word) => {
                word.store(1, Release);
                sys::futex_wake_one(word);
                Ok(())
            }
        }
    }

    fn take(&self) -> Result<()> {
        match self {
            Self::Pipe(reader, _) => (&mut &*reader)
                .read_exact(&mut [0])
                .context("read from a pipe"),
            Self::Eventfd(file) => (&mut &*file)
                .read_exact(&mut [0; 8])
                .context("read from an eventfd"),
            Self::Futex(word) => {
                while word.swap(0, Acquire) == 0 {
                    sys::futex_wait(word, 0);
                }
                Ok(())
            }
        }
    }
}

fn eventfd() -> Result<File> {
    // SAFETY: takes two integers.
    let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC) };
    if fd < 0 {
        return Err(std::io::Error::last_os_error()).context("make an eventfd");
    }
    // SAFETY: the descriptor is new and nobody else's.
    Ok(unsafe { File::from_raw_fd(fd) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_baton_carries_one_token_at_a_time() {
        for medium in ["pipe", "eventfd", "futex"] {
            let baton = Baton::new(medium).unwrap();
            for _ in 0..3 {
                baton.pass().unwrap();
                baton.take().unwrap();
            }
        }
    }
}
