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
    let reads = 1_000 * scale as usize;
    let sums = kib.map(|kib| gather(kib, reads, "a sum", add));
    let branches = kib.map(|kib| gather(kib, reads, "a branch on each", decide));
    let gathers = sums.into_iter().chain(branches);
    let groups = counters.into_iter().chain(gathers);
    groups.chain([cells()]).collect()
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

/// Work that doesn't keep the CPU from reading the next values meanwhile.
fn add(sum: u64, line: &Line) -> u64 {
    sum.wrapping_add(line.0)
}

/// Work that branches as nobody can predict: what comes after is begun in vain half the time.
fn decide(sum: u64, line: &Line) -> u64 {
    match line.0 & 1 {
        0 => black_box(sum).wrapping_add(line.0),
        _ => black_box(sum ^ line.0).rotate_left(7),
    }
}

/// Numbers in no order (Knuth).
#[derive(Clone)]
struct Numbers(u64);

impl Iterator for Numbers {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        let next = self.0.wrapping_mul(6_364_136_223_846_793_005);
        self.0 = next.wrapping_add(1_442_695_040_888_963_407);
        Some(self.0 >> 33)
    }
}

/// Reads from a table of that size where a list says, another one each time.
fn gather(
    kib: usize,
    reads: usize,
    what: &str,
    work: impl Fn(u64, &Line) -> u64 + Copy + 'static,
) -> Group {
    let lines = kib * 1024 / LINE;
    let table: Arc<Vec<_>> = Arc::new(Numbers(1).map(Line).take(lines).collect());
    let mut numbers = Numbers(2);
    let mut orders = move || -> Vec<usize> {
        let orders = numbers.by_ref().take(reads);
        orders.map(|number| number as usize % lines).collect()
    };
    let (mut other_orders, other_table) = (orders.clone(), table.clone());
    let plain = move || {
        let order = orders();
        let values = order.iter().map(|index| &table[*index]);
        per_item(reads, || values.fold(0, work))
    };
    let ahead = move || {
        let (order, table) = (other_orders(), &other_table);
        let ahead = order
            .iter()
            .prefetch_ahead::<16>(|index| prefetch(&table[**index]));
        let values = ahead.map(|index| &table[*index]);
        per_item(reads, || values.fold(0, work))
    };
    Group::new(format!("gather, {kib} KiB, {what}"))
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
