// SPDX-License-Identifier: GPL-2.0-only
//! State that several threads change all the time: a number, and a table.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, DefaultHasher};
use std::hint::black_box;
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Instant;

use hallows_lockfree::combine::{Combine, FlatCombiner};

use crate::group::Group;

/// A number that grows.
#[derive(Default)]
struct Counter(u64);

/// How often each key came. Keys that are hashed alike everywhere, lest the luck of one
/// table's be taken for its lock's.
#[derive(Default)]
struct Table(HashMap<u64, u64, BuildHasherDefault<DefaultHasher>>);

/// A state with one kind of request.
trait State: Combine<Op = u64, Ret = u64> + Default + Sync + 'static {
    fn step(&mut self, op: u64) -> u64;
}

impl State for Counter {
    #[inline]
    fn step(&mut self, op: u64) -> u64 {
        self.0 = self.0.wrapping_add(op);
        self.0
    }
}

impl State for Table {
    #[inline]
    fn step(&mut self, op: u64) -> u64 {
        let count = self.0.entry(op % 1024).or_default();
        *count += 1;
        *count
    }
}

impl Combine for Counter {
    type Op = u64;
    type Ret = u64;

    fn apply(&mut self, op: u64) -> u64 {
        self.step(op)
    }
}

impl Combine for Table {
    type Op = u64;
    type Ret = u64;

    fn apply(&mut self, op: u64) -> u64 {
        self.step(op)
    }
}

/// Nanoseconds per request of all threads together, each of which makes `each` by what
/// `caller` gives it.
pub fn time<F: FnMut(u64) -> u64 + Send>(threads: usize, each: u64, caller: impl Fn() -> F) -> f64 {
    let barrier = Barrier::new(threads);
    let spans: Vec<_> = thread::scope(|scope| {
        let running: Vec<_> = (0..threads)
            .map(|_| {
                let (mut call, barrier) = (caller(), &barrier);
                scope.spawn(move || {
                    barrier.wait();
                    let start = Instant::now();
                    for i in 0..each {
                        black_box(call(i));
                    }
                    (start, Instant::now())
                })
            })
            .collect();
        let spans = running.into_iter().map(|thread| thread.join());
        spans.map(|span| span.expect("no subject panics")).collect()
    });
    // By the threads' own clocks: this one may not run when they begin.
    let start = spans.iter().map(|span| span.0).min();
    let end = spans.iter().map(|span| span.1).max();
    let wall = start
        .zip(end)
        .map_or(0, |(start, end)| (end - start).as_nanos());
    wall as f64 / (each * threads as u64) as f64
}

pub fn groups(scale: u64) -> Vec<Group> {
    let counters = [1, 2, 4].map(|threads| {
        let group = group::<Counter>("counter", threads, 40_000 * scale);
        let word = Arc::new(std::sync::atomic::AtomicU64::new(0));
        let each = 40_000 * scale / threads as u64;
        group.subject("fetch_add", move || {
            time(threads, each, || {
                let word = word.clone();
                move |op| word.fetch_add(op, std::sync::atomic::Ordering::Relaxed)
            })
        })
    });
    let tables = [1, 2, 4].map(|threads| group::<Table>("table", threads, 20_000 * scale));
    counters.into_iter().chain(tables).collect()
}

fn group<S: State>(what: &str, threads: usize, total: u64) -> Group {
    let each = total / threads as u64;
    let combiner = FlatCombiner::new(S::default(), threads, 16);
    let ours = move || {
        time(threads, each, || {
            let mut handle = combiner.register().expect("a slot for each thread");
            move |op| handle.call(op)
        })
    };
    let mutex = Arc::new(std::sync::Mutex::new(S::default()));
    let std_mutex = move || {
        time(threads, each, || {
            let mutex = mutex.clone();
            move |op| mutex.lock().expect("no subject panics").step(op)
        })
    };
    let mutex = Arc::new(parking_lot::Mutex::new(S::default()));
    let parking_lot = move || {
        time(threads, each, || {
            let mutex = mutex.clone();
            move |op| mutex.lock().step(op)
        })
    };
    let group = Group::new(format!("combine, {what}, {threads} threads"))
        .subject("combine", ours)
        .subject("std Mutex", std_mutex)
        .subject("parking_lot Mutex", parking_lot);
    match threads {
        4 => group.bar("combine", "parking_lot Mutex", 2.0),
        _ => group.bar("combine", "std Mutex", 1.0),
    }
}
