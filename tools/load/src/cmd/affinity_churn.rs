// SPDX-License-Identifier: GPL-2.0-only
//! `affinity-churn`: threads that keep moving each other about.

use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicI32, AtomicU64, Ordering::*, fence};
use std::time::Duration;

use anyhow::{Context, Result};
use libc::pid_t;
use serde::Serialize;

use super::HOUR_US;
use crate::burn;
use crate::cpuset::{CpuSet, WORDS};
use crate::report::{Report, secs};
use crate::run::Run;
use crate::sys;
use crate::team::run_team;

/// Burn, keep changing affinities, and check that threads run where they may.
///
/// Each thread changes its own or another thread's CPUs to a random subset, and
/// checks with getcpu(2) that it runs inside its own. A CPU outside a mask that
/// was in force for the whole check is a violation (exit status 1), unless the
/// kernel itself widened the mask (hotplug, cpuset change): that is `overridden`.
#[derive(clap::Args)]
pub struct Args {
    /// Number of threads.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..))]
    threads: u32,
    /// How long, such as 10s or 500ms.
    #[arg(long = "for", default_value = "10s", value_parser = humantime::parse_duration)]
    duration: Duration,
    /// Time from one change to the next by the same thread, us.
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u64).range(..=HOUR_US))]
    every_us: u64,
}

/// What `affinity-churn` found.
#[derive(Debug, Serialize)]
pub struct ChurnReport {
    load: &'static str,
    threads: u32,
    seconds: f64,
    /// Changes of a thread's mask by itself or another.
    changes: u64,
    /// Changes that the kernel refused.
    refused: u64,
    /// Times that a thread compared its CPU with its mask.
    checks: u64,
    /// Times that a thread found itself on another CPU than at the check before.
    moves: u64,
    /// Checks that found a thread outside a mask that the kernel had overridden.
    overridden: u64,
    /// Checks that found a thread outside its mask.
    violations: u64,
    /// Times that a thread was outside its mask, over however many checks.
    strays: u64,
    /// The longest of these, from the first such check to the last, us.
    longest_stray_us: u64,
}

impl Report for ChurnReport {
    fn passed(&self) -> bool {
        self.violations == 0
    }
}

impl fmt::Display for ChurnReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} threads, {:.3} s: {} changes ({} refused), {} moves, {} checks, \
             {} overridden by the kernel, {} outside the mask ({} times, {} us at most){}",
            self.threads,
            self.seconds,
            self.changes,
            self.refused,
            self.moves,
            self.checks,
            self.overridden,
            self.violations,
            self.strays,
            self.longest_stray_us,
            if self.passed() { "" } else { ": FAILED" }
        )
    }
}

/// Runs the load.
///
/// # Errors
/// When a thread can't be started or the CPUs of this process can't be read.
pub fn run(args: &Args) -> Result<ChurnReport> {
    let run = Run::prepare()?;
    let allowed = sys::affinity().context("read the CPUs this process may use")?;
    let cpus: Vec<usize> = allowed.iter().collect();
    let seats: Vec<Seat> = (0..args.threads).map(|_| Seat::new(&allowed)).collect();
    let body = |index: usize| churn(&run, &seats, index, &cpus, args.every_us * 1000);
    let watch = |_: &[pid_t]| {
        run.wait();
        Ok(sys::now_ns() - run.started_ns())
    };
    let setup = |index: usize| {
        seats[index].tid.store(sys::gettid(), Release);
        Ok(())
    };
    let (elapsed_ns, tallies) = run_team(&run, seats.len(), args.duration, setup, body, watch)?;
    let sum = |field: fn(&Tally) -> u64| tallies.iter().map(field).sum();
    Ok(ChurnReport {
        load: "affinity-churn",
        threads: args.threads,
        seconds: secs(elapsed_ns),
        changes: sum(|t| t.changes),
        refused: sum(|t| t.refused),
        checks: sum(|t| t.checks),
        moves: sum(|t| t.moves),
        overridden: sum(|t| t.overridden),
        violations: sum(|t| t.violations),
        strays: sum(|t| t.strays),
        longest_stray_us: tallies
            .iter()
            .map(|t| t.longest_stray_ns)
            .max()
            .unwrap_or(0)
            / 1000,
    })
}

#[derive(Default)]
struct Tally {
    changes: u64,
    refused: u64,
    checks: u64,
    moves: u64,
    overridden: u64,
    violations: u64,
    strays: u64,
    longest_stray_ns: u64,
    /// Since when the thread has been outside its mask, if it is.
    outside_since_ns: Option<u64>,
}

impl Tally {
    /// Counts a check that found the thread outside its mask.
    fn outside(&mut self, now_ns: u64) {
        self.violations += 1;
        let since_ns = *self.outside_since_ns.get_or_insert_with(|| {
            self.strays += 1;
            now_ns
        });
        self.longest_stray_ns = self.longest_stray_ns.max(now_ns - since_ns);
    }

    /// Notes a check that found it inside.
    fn inside(&mut self) {
        self.outside_since_ns = None;
    }
}

/// The life of one thread: burn, check, and now and then change a mask.
fn churn(run: &Run, seats: &[Seat], own: usize, cpus: &[usize], every_ns: u64) -> Tally {
    let mut random = Random::seeded(own as u64);
    let mut tally = Tally::default();
    let mut last_cpu = sys::current_cpu();
    let mut next_change = sys::now_ns();
    while !run.over() {
        burn::spin(burn::CHUNK);
        let cpu = seats[own].check(&mut tally);
        tally.moves += u64::from(cpu != last_cpu);
        last_cpu = cpu;
        if sys::now_ns() >= next_change {
            let target = &seats[random.below(seats.len())];
            match target.change(&random.subset(cpus)) {
                Some(true) => tally.changes += 1,
                Some(false) => tally.refused += 1,
                None => {}
            }
            next_change = sys::now_ns() + every_ns;
        }
    }
    tally
}

/// A thread's mask, published so that the thread can tell whether it was in
/// force for all of a check: a sequence lock whose sequence is odd during a change.
struct Seat {
    tid: AtomicI32,
    changing: Mutex<()>,
    sequence: AtomicU64,
    words: [AtomicU64; WORDS],
}

impl Seat {
    fn new(cpus: &CpuSet) -> Self {
        Self {
            tid: AtomicI32::new(0),
            changing: Mutex::new(()),
            sequence: AtomicU64::new(0),
            words: cpus.words.map(AtomicU64::new),
        }
    }

    /// Changes the thread's mask; whether the kernel agreed, `None` when someone
    /// else is changing it or the thread has ended. The kernel returns only when the thread has left
    /// the CPUs it lost, so the mask is in force when the sequence is even again.
    fn change(&self, cpus: &CpuSet) -> Option<bool> {
        let _changing = self.changing.try_lock().ok()?;
        let sequence = self.sequence.load(Relaxed);
        self.sequence.store(sequence + 1, Relaxed);
        // The system call must not start before others can see the odd sequence.
        fence(SeqCst);
        let outcome = sys::set_affinity(self.tid.load(Acquire), cpus);
        if outcome.is_ok() {
            for (word, bits) in self.words.iter().zip(cpus.words) {
                word.store(bits, Relaxed);
            }
        }
        self.sequence.store(sequence + 2, Release);
        match outcome {
            Err(error) if error.raw_os_error() == Some(libc::ESRCH) => None,
            outcome => Some(outcome.is_ok()),
        }
    }

    /// Compares the calling thread's CPU with its mask; returns the CPU.
    fn check(&self, tally: &mut Tally) -> usize {
        let before = self.sequence.load(Acquire);
        let cpus = CpuSet {
            words: std::array::from_fn(|i| self.words[i].load(Relaxed)),
        };
        let cpu = sys::current_cpu();
        fence(SeqCst);
        if before % 2 == 1 || self.sequence.load(Relaxed) != before {
            return cpu;
        }
        tally.checks += 1;
        if cpus.contains(cpu) {
            tally.inside();
        } else {
            let overridden = sys::affinity().is_ok_and(|now| now.contains(cpu));
            // A change that began after the check explains that too.
            if self.sequence.load(Acquire) == before {
                match overridden {
                    true => tally.overridden += 1,
                    false => tally.outside(sys::now_ns()),
                }
            }
        }
        cpu
    }
}

/// xorshift64*: small, fast, the same sequence in every run (Vigna, 2016).
struct Random(u64);

impl Random {
    fn seeded(seed: u64) -> Self {
        // Any odd constant: the state must not be zero, and differ by thread.
        Self((seed + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15))
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// Uniform below `bound`, which must not be 0.
    fn below(&mut self, bound: usize) -> usize {
        (self.next() >> 32) as usize % bound
    }

    /// A non-empty subset: one CPU in half of the cases, else about half of them.
    fn subset(&mut self, cpus: &[usize]) -> CpuSet {
        let mut set = CpuSet::single(cpus[self.below(cpus.len())]);
        if self.below(2) == 1 {
            for &cpu in cpus {
                if self.below(2) == 1 {
                    set.insert(cpu);
                }
            }
        }
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subsets_are_never_empty_and_stay_inside() {
        let mut random = Random::seeded(3);
        let sizes: Vec<usize> = (0..200)
            .map(|_| {
                let set = random.subset(&[1, 5, 700]);
                assert!(set.iter().all(|cpu| [1, 5, 700].contains(&cpu)));
                set.len()
            })
            .collect();
        assert!(sizes.contains(&1) && sizes.contains(&3) && !sizes.contains(&0));
    }

    #[test]
    fn a_thread_outside_a_stable_mask_is_found_and_one_inside_is_not() {
        let here = sys::affinity().unwrap();
        let mut tally = Tally::default();
        Seat::new(&here).check(&mut tally);
        assert_eq!(
            (tally.checks, tally.violations, tally.overridden),
            (1, 0, 0)
        );
        // The kernel's own mask has this CPU, so the published one was overridden.
        Seat::new(&CpuSet::single(1023)).check(&mut tally);
        assert_eq!(
            (tally.checks, tally.violations, tally.overridden),
            (2, 0, 1)
        );
    }

    #[test]
    fn looks_outside_in_a_row_are_one_time() {
        let mut tally = Tally::default();
        for now_ns in [10, 15, 40] {
            tally.outside(now_ns);
        }
        tally.inside();
        tally.outside(50);
        assert_eq!((tally.violations, tally.strays), (4, 2));
        assert_eq!(tally.longest_stray_ns, 30);
    }

    #[test]
    fn nothing_is_checked_during_a_change() {
        let seat = Seat::new(&CpuSet::default());
        seat.sequence.store(1, Relaxed);
        let mut tally = Tally::default();
        seat.check(&mut tally);
        assert_eq!(tally.checks, 0);
    }
}
