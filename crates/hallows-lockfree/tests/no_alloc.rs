// SPDX-License-Identifier: GPL-2.0-only
//! What must not allocate doesn't. A file of its own, as tests beside it would.
#![cfg(not(any(loom, miri)))]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::pin::Pin;
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Waker};
use std::thread;

use hallows_lockfree::combine::{Combine, FlatCombiner};
use hallows_lockfree::hp::{Atomic, Domain};
use hallows_lockfree::layout::{Counter, PrefetchAhead, prefetch};
use hallows_lockfree::{epoch, mpsc};

struct Counting;

static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// Whether what this thread allocates counts: libtest's own thread goes on meanwhile.
    static COUNTED: Cell<bool> = const { Cell::new(false) };
}

// SAFETY: the system's allocator does the work.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // A thread that ends allocates when the flag is gone already.
        if COUNTED.try_with(Cell::get).unwrap_or(false) {
            ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        }
        // SAFETY: by the caller.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: by the caller.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations(work: impl FnOnce()) -> usize {
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    COUNTED.set(true);
    work();
    COUNTED.set(false);
    ALLOCATIONS.load(Ordering::Relaxed) - before
}

struct Sum(u64);

impl Combine for Sum {
    type Op = u64;
    type Ret = u64;

    fn apply(&mut self, op: u64) -> u64 {
        self.0 += op;
        if op == 2 {
            thread::yield_now();
        }
        self.0
    }
}

/// Requests of 4 threads that meet, with some that last.
fn combining() -> usize {
    let combiner = FlatCombiner::new(Sum(0), 4, 2);
    let ends = Barrier::new(5);
    thread::scope(|scope| {
        for id in 0..4 {
            let mut handle = combiner.register_in(id).expect("a slot");
            let ends = &ends;
            scope.spawn(move || {
                COUNTED.set(true);
                ends.wait();
                for i in 0..1000 {
                    let op = 1 + u64::from(i % 8 == 0);
                    if i % 3 > 0 {
                        handle.call(op);
                        continue;
                    }
                    // Answered at once or soon, or taken back.
                    let mut request = handle.submit(op);
                    let context = &mut Context::from_waker(Waker::noop());
                    while Pin::new(&mut request).poll(context).is_pending() && i % 2 > 0 {
                        thread::yield_now();
                    }
                }
                COUNTED.set(false);
                ends.wait();
            });
        }
        allocations(|| {
            ends.wait();
            ends.wait();
        })
    })
}

#[test]
fn what_must_not_allocate_does_not() {
    assert_eq!(allocations(|| drop(Box::new(1))), 1);
    assert_eq!(combining(), 0);

    let (sender, mut receiver) = mpsc::channel(64).expect("a file descriptor");
    let queue = allocations(|| {
        for i in 0..1000 {
            let sender = sender.clone();
            let mut grant = sender.reserve(8).expect("room");
            grant.push_slice(&[i; 8]);
            grant.commit();
            sender.send(i).expect("room");
            while receiver.recv_batch(5).is_ok() {}
            receiver.arm();
        }
    });
    assert_eq!(queue, 0);

    let domain = Domain::new();
    let cells: Vec<_> = (0..100).map(|i| Atomic::new(&domain, i)).collect();
    let mut hazard = domain.hazard_pointer();
    let retiring = allocations(|| {
        for cell in &cells {
            hazard.protect(cell);
            drop(cell.take());
        }
    });
    assert_eq!((retiring, domain.stats().pending), (0, 100));

    let collector = epoch::Collector::default();
    let cells: Vec<_> = (0..100)
        .map(|i| epoch::Atomic::new(&collector, i))
        .collect();
    let mut participant = collector.register();
    let mut hazard = collector.hazard();
    let retiring = allocations(|| {
        for cell in &cells {
            let guard = participant.pin();
            cell.load_guarded(&guard)
                .expect("a value")
                .hold(&mut hazard);
            cell.take().expect("room");
            collector.collect();
        }
    });
    assert_eq!(retiring, 0);

    let table = vec![1; 100];
    let counter = Counter::new();
    let mut adder = counter.adder();
    let adding = allocations(|| {
        let order = (0..100).map(|i| i * 37 % 100);
        for index in order.prefetch_ahead::<8>(|index| prefetch(&table[*index])) {
            adder.add(table[index]);
        }
    });
    assert_eq!((adding, counter.sum()), (0, 100));
}
