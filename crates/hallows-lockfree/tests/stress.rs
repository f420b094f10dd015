// SPDX-License-Identifier: GPL-2.0-only
//! Four times as many threads as CPUs, and a reader that stops: nothing that is read was
//! freed, nothing is lost, and no bound is passed. Without libtest, whose channel
//! ThreadSanitizer complains of.

use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;

use hallows_lockfree::combine::{Combine, FlatCombiner};
use hallows_lockfree::fence::Fence;
use hallows_lockfree::layout::Counter;
use hallows_lockfree::{epoch, hp, mpsc};

#[cfg(not(any(loom, miri)))]
fn main() {
    let cpus = thread::available_parallelism().map_or(2, usize::from);
    let threads = (4 * cpus).max(8);
    for fence in [Fence::auto(), Fence::sequential()] {
        hazards_keep_to_their_bound(threads, fence);
        epochs_keep_to_their_limit(threads, fence);
        holders_keep_one_value_each(threads, fence);
    }
    let (sender, receiver) = mpsc::channel(64).expect("a file descriptor");
    let senders = vec![sender; threads].into_iter();
    let senders = senders.map(|sender| move |value| sender.send(value).is_ok());
    no_message_is_lost(senders.collect(), receiver);
    let (lanes, receiver) = mpsc::lanes(threads, 8).expect("a file descriptor");
    let senders = lanes.into_iter();
    let senders = senders.map(|mut lane| move |value| lane.send(value).is_ok());
    no_message_is_lost(senders.collect(), receiver);
    requests_are_answered_once(threads);
    additions_add_up(threads);
    println!("test result: ok. 10 passed; 0 failed; {threads} threads");
}

#[cfg(any(loom, miri))]
fn main() {}

/// How often a thread does what each of 64 does so often: of more threads on a large machine
/// each does less, so that it doesn't last longer there.
fn share(of_64: usize, threads: usize) -> usize {
    (of_64 * 64 / threads.max(64)).max(1)
}

/// A value that is counted while it lives, and tells if it is read after that.
struct Counted {
    alive: Arc<AtomicUsize>,
    check: u64,
}

const LIVING: u64 = 0x5ca1_ab1e;

impl Counted {
    fn new(alive: &Arc<AtomicUsize>) -> Counted {
        alive.fetch_add(1, Ordering::Relaxed);
        Counted {
            alive: alive.clone(),
            check: LIVING,
        }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.check = 0;
        self.alive.fetch_sub(1, Ordering::Relaxed);
    }
}

/// T threads retire R values in a round, then one sweeps; one reader has stopped, others
/// go on. So pending <= T*R + H, and that many values are alive besides those in cells.
fn hazards_keep_to_their_bound(threads: usize, fence: Fence) {
    const RETIRES: usize = 8;
    let rounds = share(200, threads);
    let alive = Arc::new(AtomicUsize::new(0));
    let domain = hp::Domain::with_fence(fence);
    let cell = hp::Atomic::new(&domain, Counted::new(&alive));
    let (writers, readers) = (threads / 2, threads / 2);
    let bound = writers * RETIRES + readers + 1;
    let mut stalled = domain.hazard_pointer();
    let held = stalled.protect(&cell).expect("a value");
    let (round, done) = (Barrier::new(writers), AtomicBool::new(false));
    thread::scope(|scope| {
        for _ in 0..readers {
            let mut hazard = domain.hazard_pointer();
            let (cell, done) = (&cell, &done);
            scope.spawn(move || {
                while !done.load(Ordering::Relaxed) {
                    assert_eq!(hazard.protect(cell).map(|value| value.check), Some(LIVING));
                }
            });
        }
        for _ in 0..writers {
            let (cell, alive, domain, round, done) = (&cell, &alive, &domain, &round, &done);
            scope.spawn(move || {
                for _ in 0..rounds {
                    for _ in 0..RETIRES {
                        drop(cell.swap(Counted::new(alive)));
                        assert!(domain.stats().pending <= bound);
                    }
                    if round.wait().is_leader() {
                        domain.reclaim(usize::MAX);
                        // One is in the cell.
                        assert!(alive.load(Ordering::Relaxed) <= bound + 1);
                    }
                    round.wait();
                }
                done.store(true, Ordering::Relaxed);
            });
        }
    });
    assert_eq!(held.check, LIVING);
    domain.reclaim(usize::MAX);
    assert_eq!(domain.stats().pending, 1);
    drop(stalled);
    domain.reclaim(usize::MAX);
    assert_eq!(alive.load(Ordering::Relaxed), 1);
    drop((cell, domain));
    assert_eq!(alive.load(Ordering::Relaxed), 0);
}

/// A reader stays pinned: writers are refused at the limit, told who it is, and go on
/// when it has gone.
fn epochs_keep_to_their_limit(threads: usize, fence: Fence) {
    const LIMIT: usize = 100;
    let times = share(200, threads);
    let alive = Arc::new(AtomicUsize::new(0));
    let policy = epoch::Policy {
        min_bytes: 0,
        max_pending: LIMIT,
        ..epoch::Policy::default()
    };
    let collector = epoch::Collector::with_fence(policy, fence);
    let cell = epoch::Atomic::new(&collector, Counted::new(&alive));
    let mut stalled = collector.register();
    let guard = stalled.pin();
    let held = cell.load(&guard).expect("a value");
    let write = || {
        let (cell, collector, alive) = (&cell, &collector, &alive);
        let mut participant = collector.register();
        move || {
            let mut refused = 0;
            for _ in 0..times {
                let guard = participant.pin();
                assert_eq!(cell.load(&guard).map(|value| value.check), Some(LIVING));
                refused += usize::from(cell.swap(Counted::new(alive)).is_err());
                drop(guard);
                collector.collect();
                assert!(collector.stats().pending <= LIMIT);
            }
            refused
        }
    };
    let all = || -> usize {
        thread::scope(|scope| {
            let writers: Vec<_> = (0..threads).map(|_| scope.spawn(write())).collect();
            writers
                .into_iter()
                .map(|w| w.join().expect("no panic"))
                .sum()
        })
    };
    assert_eq!(all(), times * threads - LIMIT);
    assert_eq!(alive.load(Ordering::Relaxed), LIMIT + 1);
    collector.collect();
    // SAFETY: it takes nothing.
    let here = unsafe { libc::gettid() }.unsigned_abs();
    assert_eq!(
        collector.stats().holder.map(|holder| holder.thread),
        Some(here)
    );
    assert_eq!(held.check, LIVING);
    drop(guard);
    assert!(all() < times * threads);
    drop((stalled, cell, collector));
    assert_eq!(alive.load(Ordering::Relaxed), 0);
}

/// Readers that pin for a moment and hold what they found for long: each keeps that one alive,
/// and no writer is held up.
fn holders_keep_one_value_each(threads: usize, fence: Fence) {
    let alive = Arc::new(AtomicUsize::new(0));
    let policy = epoch::Policy {
        min_bytes: 0,
        ..epoch::Policy::default()
    };
    let collector = epoch::Collector::with_fence(policy, fence);
    let cell = epoch::Atomic::new(&collector, Counted::new(&alive));
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for id in 1..threads {
            let (mut participant, mut hazard) = (collector.register(), collector.hazard());
            let (cell, done) = (&cell, &done);
            scope.spawn(move || {
                while !done.load(Ordering::Relaxed) {
                    let guard = participant.pin();
                    let found = cell.load_guarded(&guard).expect("a value");
                    let held = found.hold(&mut hazard);
                    drop(guard);
                    for _ in 0..id {
                        thread::yield_now();
                        assert_eq!(held.check, LIVING);
                    }
                }
            });
        }
        for _ in 0..5000 {
            drop(cell.swap(Counted::new(&alive)).map_err(|_| "full"));
            collector.collect();
            assert!(collector.stats().held < threads);
        }
        done.store(true, Ordering::Relaxed);
    });
    while collector.collect().pending > 0 {}
    assert_eq!(alive.load(Ordering::Relaxed), 1);
}

/// Each message comes once, those of one producer in their order.
fn no_message_is_lost<S: FnMut(Box<u64>) -> bool + Send>(
    senders: Vec<S>,
    mut receiver: mpsc::Receiver<Box<u64>>,
) {
    let threads = senders.len();
    let messages = share(2000, threads) as u64;
    thread::scope(|scope| {
        for (id, mut send) in (0..).zip(senders) {
            scope.spawn(move || {
                for i in 0..messages {
                    while !send(Box::new(id << 32 | i)) {
                        thread::yield_now();
                    }
                }
            });
        }
        let mut next = vec![0; threads];
        loop {
            let error = match receiver.recv_batch(16) {
                Ok(batch) => {
                    for message in batch {
                        let expected = &mut next[(*message >> 32) as usize];
                        assert_eq!(*message & 0xffff_ffff, *expected);
                        *expected += 1;
                    }
                    continue;
                }
                Err(error) => error,
            };
            match error {
                mpsc::RecvError::Empty => receiver.wait(None).expect("poll works"),
                mpsc::RecvError::Disconnected => break,
            }
        }
        assert!(next.iter().all(|count| *count == messages));
    });
}

/// Which numbers came, each once.
#[derive(Default)]
struct Numbers(std::collections::HashSet<u64>);

impl Combine for Numbers {
    type Op = Box<u64>;
    type Ret = usize;

    fn apply(&mut self, number: Box<u64>) -> usize {
        assert!(self.0.insert(*number));
        if number.is_multiple_of(16) {
            thread::yield_now();
        }
        self.0.len()
    }
}

/// Wakes a thread that parks.
struct Unpark(thread::Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Unpark>) {
        self.0.unpark();
    }
}

/// An executor of one task.
fn block_on<F: Future>(future: F) -> F::Output {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(answer) => return answer,
            Poll::Pending => thread::park(),
        }
    }
}

/// By threads and by tasks, in two groups.
fn requests_are_answered_once(threads: usize) {
    let requests = share(2000, threads) as u64;
    let combiner = FlatCombiner::new(Numbers::default(), threads + 1, 4);
    thread::scope(|scope| {
        for id in 0..threads as u64 {
            let mut handle = combiner.register_in(id as u16 % 2).expect("a slot");
            scope.spawn(move || {
                let mut before = 0;
                for i in 0..requests {
                    let number = Box::new(id << 32 | i);
                    let now = match i % 2 {
                        0 => handle.call(number),
                        _ => block_on(handle.submit(number)),
                    };
                    assert!(now > before);
                    before = now;
                }
            });
        }
    });
    let all = requests as usize * threads;
    let mut handle = combiner.register().expect("a slot");
    assert_eq!(handle.call(Box::new(u64::MAX)), all + 1);
}

/// Whatever version is in use, and while it changes.
fn additions_add_up(threads: usize) {
    let additions = share(100_000, threads) as u64;
    let counter = Counter::new();
    thread::scope(|scope| {
        for _ in 0..threads {
            let mut adder = counter.adder();
            scope.spawn(move || (0..additions).for_each(|_| adder.add(1)));
        }
    });
    assert_eq!(counter.sum(), additions * threads as u64);
}
