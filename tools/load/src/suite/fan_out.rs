// SPDX-License-Identifier: GPL-2.0-only
//! One producer that wakes many consumers at once.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::*};

use anyhow::Result;

use super::{Figure, Measurement, Setting};
use crate::burn;
use crate::report::secs;
use crate::run::Run;
use crate::stats::Summary;
use crate::sys;
use crate::team::run_team;

/// What each consumer does when it was woken, us.
const WORK_US: u64 = 50;
/// The word of a consumer that shall end.
const END: u32 = 2;

/// A consumer's bell: 0 while it has nothing to do.
#[derive(Default)]
struct Bell {
    word: AtomicU32,
    rung_ns: AtomicU64,
}

/// How late 2n consumers start, and how many wake-ups there are a second.
///
/// # Errors
/// When a thread can't be started.
pub fn run(setting: &Setting) -> Result<Measurement> {
    let consumers = 2 * setting.cpus as usize;
    let run = Run::prepare()?;
    let hall = Hall {
        bells: (0..consumers).map(|_| Bell::default()).collect(),
        busy: AtomicU32::new(0),
        work_iterations: WORK_US * setting.per_us,
    };
    let body = |index: usize| match index.checked_sub(1) {
        None => {
            hall.produce(&run);
            Vec::new()
        }
        Some(consumer) => hall.consume(consumer),
    };
    let watch = |_: &[libc::pid_t]| {
        run.wait();
        Ok(sys::now_ns() - run.started_ns())
    };
    let duration = setting.scale.duration();
    let (elapsed_ns, late) = run_team(&run, consumers + 1, duration, |_| Ok(()), body, watch)?;
    let late: Vec<u64> = late.into_iter().flatten().collect();
    let summary = Summary::of_ns(late.clone());
    let figures = vec![
        Figure::lower("p50", "us", 1.0, summary.p50_us),
        Figure::lower("p99", "us", 1.0, summary.p99_us),
        Figure::higher("", "wakes/s", 1.0, late.len() as f64 / secs(elapsed_ns)),
    ];
    Ok(Measurement::of(figures).with_latencies(late))
}

struct Hall {
    bells: Vec<Bell>,
    /// Consumers that are not done with this round.
    busy: AtomicU32,
    work_iterations: u64,
}

impl Hall {
    /// Rounds until the run is over, then the end for all.
    fn produce(&self, run: &Run) {
        while !run.over() {
            self.busy.store(self.bells.len() as u32, Release);
            self.ring(1);
            loop {
                match self.busy.load(Acquire) {
                    0 => break,
                    busy => sys::futex_wait(&self.busy, busy),
                }
            }
        }
        self.ring(END);
    }

    fn ring(&self, word: u32) {
        for bell in &self.bells {
            bell.rung_ns.store(sys::now_ns(), Relaxed);
            bell.word.store(word, Release);
            sys::futex_wake_one(&bell.word);
        }
    }

    /// Serves one bell; returns how late each round began, ns.
    fn consume(&self, consumer: usize) -> Vec<u64> {
        let bell = &self.bells[consumer];
        let mut late = Vec::new();
        loop {
            match bell.word.swap(0, AcqRel) {
                0 => sys::futex_wait(&bell.word, 0),
                END => return late,
                _ => {
                    late.push(sys::now_ns().saturating_sub(bell.rung_ns.load(Relaxed)));
                    burn::spin(self.work_iterations);
                    if self.busy.fetch_sub(1, AcqRel) == 1 {
                        sys::futex_wake_one(&self.busy);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::suite::Scale;

    #[test]
    fn each_round_wakes_all() {
        let setting = Setting {
            cpus: 2,
            per_us: 1,
            scale: Scale::Quick,
        };
        let found = run(&setting).unwrap();
        assert_eq!(found.figures.len(), 3);
        assert!(found.figures[2].value > 0.0);
    }
}
