// SPDX-License-Identifier: GPL-2.0-only
//! Requests as schbench makes them: messengers hand each to a worker that waits
//! for one, and the worker thinks, computes, and waits again. Written anew, since
//! schbench is no package: figures of the two can't be compared.

use std::mem::take;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::*};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::Result;

use super::{Figure, Measurement, Setting};
use crate::burn;
use crate::report::secs;
use crate::run::Run;
use crate::stats::Summary;
use crate::sys;
use crate::team::run_team;

const MESSENGERS: usize = 2;
/// What a worker sleeps, and then computes, for a request.
const THINK: Duration = Duration::from_micros(100);
const WORK_US: u64 = 1_000;
/// The word of a worker that shall end.
const END: u32 = 2;

/// Where a worker waits for a request: 0 while there is none.
#[derive(Default)]
struct Desk {
    word: AtomicU32,
    called_ns: AtomicU64,
}

/// A messenger, and the workers that wait for it.
#[derive(Default)]
struct Post {
    waiting: Mutex<Vec<usize>>,
    /// Counts the times that a worker came to wait.
    bell: AtomicU32,
}

/// How late a worker starts, ns, and how long a request takes from its call.
struct Request {
    late_ns: u64,
    took_ns: u64,
}

struct Office {
    posts: [Post; MESSENGERS],
    desks: Vec<Desk>,
    work_iterations: u64,
}

/// How late workers wake up, how long requests take, and how many there are.
///
/// # Errors
/// When a thread can't be started.
pub fn run(setting: &Setting) -> Result<Measurement> {
    let workers = MESSENGERS * setting.cpus as usize;
    let run = Run::prepare()?;
    let office = Office {
        posts: Default::default(),
        desks: (0..workers).map(|_| Desk::default()).collect(),
        work_iterations: WORK_US * setting.per_us,
    };
    let body = |index: usize| match index.checked_sub(MESSENGERS) {
        None => {
            office.deliver(&office.posts[index], &run);
            Vec::new()
        }
        Some(worker) => office.serve(worker),
    };
    let watch = |_: &[libc::pid_t]| {
        run.wait();
        for post in &office.posts {
            post.ring();
        }
        Ok(sys::now_ns() - run.started_ns())
    };
    let duration = setting.scale.duration();
    let size = MESSENGERS + workers;
    let (elapsed_ns, requests) = run_team(&run, size, duration, |_| Ok(()), body, watch)?;
    let requests: Vec<Request> = requests.into_iter().flatten().collect();
    let late: Vec<u64> = requests.iter().map(|it| it.late_ns).collect();
    let wakeups = Summary::of_ns(late.clone());
    let whole = Summary::of_ns(requests.iter().map(|it| it.took_ns).collect());
    let rate = requests.len() as f64 / secs(elapsed_ns);
    let figures = vec![
        Figure::lower("wake-up p50", "us", 1.0, wakeups.p50_us),
        Figure::lower("wake-up p99", "us", 1.0, wakeups.p99_us),
        Figure::lower("request p99", "us", 10.0, whole.p99_us),
        Figure::higher("", "requests/s", 1.0, rate),
    ];
    Ok(Measurement::of(figures).with_latencies(late))
}

impl Post {
    fn ring(&self) {
        self.bell.fetch_add(1, Release);
        sys::futex_wake_one(&self.bell);
    }

    fn take_waiting(&self) -> Vec<usize> {
        // A poisoned lock still guards a list of numbers.
        take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Office {
    /// Gives a request to each worker that waits, until the run is over; then
    /// sends its workers home.
    fn deliver(&self, post: &Post, run: &Run) {
        let mut home = self.desks.len() / MESSENGERS;
        while home > 0 {
            let heard = post.bell.load(Acquire);
            let waiting = post.take_waiting();
            if waiting.is_empty() {
                sys::futex_wait(&post.bell, heard);
            }
            for worker in waiting {
                let word = if run.over() { END } else { 1 };
                home -= usize::from(word == END);
                let desk = &self.desks[worker];
                desk.called_ns.store(sys::now_ns(), Relaxed);
                desk.word.store(word, Release);
                sys::futex_wake_one(&desk.word);
            }
        }
    }

    fn serve(&self, worker: usize) -> Vec<Request> {
        let (desk, post) = (&self.desks[worker], &self.posts[worker % MESSENGERS]);
        let mut served = Vec::new();
        loop {
            let mut waiting = post.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            waiting.push(worker);
            drop(waiting);
            post.ring();
            let word = loop {
                match desk.word.swap(0, AcqRel) {
                    0 => sys::futex_wait(&desk.word, 0),
                    word => break word,
                }
            };
            if word == END {
                return served;
            }
            let called_ns = desk.called_ns.load(Relaxed);
            let late_ns = sys::now_ns().saturating_sub(called_ns);
            thread::sleep(THINK);
            burn::spin(self.work_iterations);
            let took_ns = sys::now_ns().saturating_sub(called_ns);
            served.push(Request { late_ns, took_ns });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::suite::Scale;

    #[test]
    fn workers_serve_until_they_are_sent_home() {
        let setting = Setting {
            cpus: 2,
            per_us: 1,
            scale: Scale::Quick,
        };
        let found = run(&setting).unwrap();
        let [wakeup, _, request, rate] = &found.figures[..] else {
            panic!("{} figures", found.figures.len());
        };
        assert!(rate.value > 0.0 && wakeup.value >= 0.0);
        assert!(
            request.value >= 100.0,
            "less than it slept: {}",
            request.value
        );
    }
}
