// SPDX-License-Identifier: GPL-2.0-only
//! What lines cost: a counter in its versions, and reads that are fetched ahead.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::Instant;

use hallows_lockfree::layout::{Counter, LINE, PrefetchAhead, prefetch};

use crate::combining::time;
use crate::group::Group;

pub fn groups(scale: u64) -> Vec<Group> {
    let counters = [1, 2, 4].map(|threads| counter(threads, 40_000 * scale));
    let kib = [64, 4 << 10, 256 << 10];
    let gathers = kib.map(|kib| gather(kib, 1_000 * scale as usize));
    counters
        .into_iter()
        .chain(gathers)
        .chain([cells()])
        .collect()
}

/// As many additions as there are for each thread.
fn counter(threads: usize, total: u64) -> Group {
    let each = total / threads as u64;
    let counter = Counter::new();
    let chosen = move || {
        time(threads, each, || {
            let mut adder = counter.adder();
            move |number| {
                adder.add(number);
                0
            }
        })
    };
    let word = Arc::new(AtomicU64::new(0));
    let together = move || {
        time(threads, each, || {
            let word = word.clone();
            move |number| {
                let add = |sum: u64| Some(sum.wrapping_add(number));
                word.fetch_update(Relaxed, Relaxed, add).unwrap_or(0)
            }
        })
    };
    let word = Arc::new(AtomicU64::new(0));
    let fetch_add = move || {
        time(threads, each, || {
            let word = word.clone();
            move |number| word.fetch_add(number, Relaxed)
        })
    };
    let group = Group::new(format!("counter, {threads} threads"))
        .subject("Counter", chosen)
        .subject("one word, compare-and-exchange", together)
        .subject("one word, fetch_add", fetch_add);
    group
        .bar("Counter", "one word, compare-and-exchange", 1.0)
        .bar("Counter", "one word, fetch_add", 1.0)
}

#[derive(Clone, Copy)]
#[repr(align(64))]
struct Line(u64);

/// Reads from a table of that size where a list in no order says.
fn gather(kib: usize, reads: usize) -> Group {
    let table = Arc::new(vec![Line(1); kib * 1024 / LINE]);
    // Others each time, and in no order: a full period of a generator (Knuth), high bits.
    let mut seed = 1_u64;
    let mut order = vec![0; reads];
    let lines = table.len() as u64;
    let mut shuffle = move |order: &mut Vec<usize>| {
        for index in order {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            *index = ((seed >> 33) % lines) as usize;
        }
    };
    let (mut other_order, mut other_shuffle) = (order.clone(), shuffle.clone());
    let other_table = table.clone();
    let plain = move || {
        shuffle(&mut order);
        per_item(reads, || order.iter().map(|index| table[*index].0).sum())
    };
    let ahead = move || {
        other_shuffle(&mut other_order);
        let table = &other_table;
        per_item(reads, || {
            let look = |index: &&usize| prefetch(&table[**index]);
            let ahead = other_order.iter().prefetch_ahead::<16>(look);
            ahead.map(|index| table[*index].0).sum()
        })
    };
    Group::new(format!("gather, {kib} KiB"))
        .subject("in turn", plain)
        .subject("prefetch_ahead 16", ahead)
        .bar("prefetch_ahead 16", "in turn", 1.0)
}

/// Nanoseconds per item.
fn per_item(items: usize, work: impl FnOnce() -> u64) -> f64 {
    let start = Instant::now();
    black_box(work());
    start.elapsed().as_nanos() as f64 / items as f64
}

/// A CPU's words, as BPF writes and the agent copies them.
#[repr(align(64))]
struct Cell([AtomicU64; 16]);

/// What the agent does in each window: it copies the cells of all CPUs, which other CPUs have
/// written since.
fn cells() -> Group {
    const CPUS: usize = 1024;
    let new = || {
        Arc::new(
            (0..CPUS)
                .map(|_| Cell(Default::default()))
                .collect::<Vec<_>>(),
        )
    };
    let write = |cells: &Arc<Vec<Cell>>| {
        let cells = cells.clone();
        let writer = thread::spawn(move || {
            for cell in cells.iter() {
                cell.0.iter().for_each(|word| word.store(1, Relaxed));
            }
        });
        writer.join().expect("it doesn't panic");
    };
    let copy = |cell: &Cell| cell.0.each_ref().map(|word| word.load(Relaxed));
    let (cells, others) = (new(), new());
    let plain = move || {
        write(&cells);
        per_item(CPUS, || {
            let copies = cells.iter().map(|cell| black_box(copy(cell))[3]);
            copies.sum()
        })
    };
    let ahead = move || {
        write(&others);
        per_item(CPUS, || {
            let look = |cell: &&Cell| {
                prefetch(&cell.0[0]);
                prefetch(&cell.0[8]);
            };
            let ahead = others.iter().prefetch_ahead::<8>(look);
            ahead.map(|cell| black_box(copy(cell))[3]).sum()
        })
    };
    Group::new(format!("cells of {CPUS} CPUs"))
        .subject("in turn", plain)
        .subject("prefetch_ahead 8", ahead)
        .bar("prefetch_ahead 8", "in turn", 1.0)
}
