// SPDX-License-Identifier: GPL-2.0-only
mod hold;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

#[cfg(not(miri))]
use proptest::prelude::*;

use super::*;
use crate::fence::Fence;

const ROUNDS: usize = if cfg!(miri) { 40 } else { 4_000 };

/// Always due, and without bounds on the work.
const EAGER: Policy = Policy {
    min_bytes: 0,
    max_bytes: 0,
    max_age: Duration::ZERO,
    scan_budget: usize::MAX,
    free_budget: usize::MAX,
    max_pending: usize::MAX,
};

/// A value that counts as long as it lives, and is garbled after.
#[derive(Debug)]
struct Counted {
    value: usize,
    alive: Arc<AtomicUsize>,
}

impl Counted {
    fn new(value: usize, alive: &Arc<AtomicUsize>) -> Counted {
        alive.fetch_add(1, Ordering::Relaxed);
        let alive = alive.clone();
        Counted { value, alive }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.value = usize::MAX;
        self.alive.fetch_sub(1, Ordering::Relaxed);
    }
}

#[test]
fn who_holds_others_up_is_named_and_since_when() {
    const PAUSE: Duration = Duration::from_millis(20);
    let collector = Collector::new(EAGER);
    let cell = Atomic::new(&collector, 1);
    let mut participant = collector.register();
    let start = Instant::now();
    let guard = participant.pin();
    drop(cell.swap(2).expect("room"));
    assert_eq!(collector.stats().holder, None);
    collector.collect();
    thread::sleep(PAUSE);
    // Looking again does not make it newer.
    collector.collect();
    let holder = collector.stats().holder.expect("a guard holds it up");
    assert!(holder.since >= PAUSE, "{:?}", holder.since);
    assert!(holder.since <= start.elapsed(), "{:?}", holder.since);
    // SAFETY: it takes nothing and cannot fail.
    let own = unsafe { libc::gettid() }.unsigned_abs();
    assert_eq!(holder.thread, own);
    drop(guard);
    collector.collect();
    assert_eq!(collector.stats().holder, None);
}

#[test]
fn what_a_guard_sees_stays() {
    let alive = Arc::default();
    let collector = Collector::new(EAGER);
    let cell = Atomic::new(&collector, Counted::new(1, &alive));
    let (mut old, mut new) = (collector.register(), collector.register());
    let guard = old.pin();
    let value = cell.load(&guard).expect("it has a value");
    drop(cell.swap(Counted::new(2, &alive)).expect("room"));
    for _ in 0..3 {
        assert_eq!(collector.collect().pending, 1);
    }
    // Who pins after that doesn't hold it up.
    let later = new.pin();
    assert_eq!(value.value, 1);
    assert!(collector.stats().holder.is_some());
    drop(guard);
    assert_eq!(collector.collect().freed, 1);
    assert_eq!(cell.load(&later).map(|v| v.value), Some(2));
    let stats = collector.stats();
    assert_eq!((stats.holder, stats.advances, stats.held_up), (None, 1, 3));
    assert_eq!(stats.pending_bytes, 0);
    drop(later);
    drop(cell);
    assert_eq!(collector.collect().freed, 1);
    assert_eq!(alive.load(Ordering::Relaxed), 0);
}

#[test]
fn only_the_current_value_is_exchanged() {
    let collector = Collector::new(EAGER);
    let cell = Atomic::new(&collector, 1);
    let mut participant = collector.register();
    let guard = participant.pin();
    let current = cell.load(&guard).expect("it has a value");
    assert_eq!(
        cell.compare_exchange(&1, 2).map(drop),
        Err(Refused::Changed(2))
    );
    assert_eq!(cell.compare_exchange(current, 2).map(|old| *old), Ok(1));
    assert_eq!(
        cell.compare_exchange(current, 3).map(drop),
        Err(Refused::Changed(3))
    );
    assert_eq!(cell.load(&guard), Some(&2));
    assert_eq!(collector.stats().pending, 1);
}

#[test]
fn what_would_be_too_much_is_refused() {
    let policy = Policy {
        max_pending: 3,
        ..EAGER
    };
    let collector = Collector::new(policy);
    let cell = Atomic::empty(&collector);
    let mut stalled = collector.register();
    let guard = stalled.pin();
    for i in 0..4 {
        drop(cell.swap(i).expect("room: the first retires nothing"));
    }
    for i in 0..ROUNDS {
        assert_eq!(cell.swap(i).map(drop), Err(Full(i)));
        assert_eq!(cell.take().map(drop), Err(Full(())));
        let current = cell.load(&guard).expect("it has a value");
        assert_eq!(
            cell.compare_exchange(current, i).map(drop),
            Err(Refused::Full(i))
        );
        assert_eq!(collector.collect().pending, 3);
    }
    drop(guard);
    assert_eq!(collector.collect().pending, 0);
    assert_eq!(cell.take().expect("room").map(|v| *v), Some(3));
}

/// After a period in which so many values of 1 KiB were retired, in times of what it was.
fn threshold_after(retired: usize) -> f64 {
    let policy = Policy {
        min_bytes: 8 << 10,
        max_bytes: 1 << 20,
        max_age: Duration::MAX,
        scan_budget: 1,
        ..EAGER
    };
    let collector = Collector::new(policy);
    let _participants = [(); 3].map(|()| collector.register());
    let cell = Atomic::new(&collector, [0u8; 1024]);
    let retire = |count| (0..count).for_each(|_| drop(cell.swap([0; 1024]).expect("room")));
    let run = |during| {
        let threshold = collector.stats().threshold_bytes;
        retire(threshold >> 10);
        assert_eq!(
            collector.collect().freed,
            0,
            "the period takes three more calls"
        );
        retire(during);
        while collector.collect().freed == 0 {}
        collector.stats().threshold_bytes as f64 / threshold as f64
    };
    assert_eq!(run(0), 2.0);
    assert_eq!(run(0), 2.0);
    run(retired)
}

#[test]
fn garbage_of_the_period_moves_the_threshold() {
    assert_eq!(threshold_after(0), 2.0);
    // What the period was for does not count.
    assert_eq!(threshold_after(1), 2.0);
    assert_eq!(threshold_after(20), 0.5);
}

#[test]
fn a_call_does_no_more_than_its_budgets() {
    let policy = Policy {
        scan_budget: 2,
        free_budget: 3,
        ..EAGER
    };
    let collector = Collector::new(policy);
    let participants = [(); 5].map(|()| collector.register());
    let cell = Atomic::new(&collector, 0);
    for i in 0..7 {
        drop(cell.swap(i).expect("room"));
    }
    // Two, two, one and the end of the list with it.
    let freed: Vec<_> = (0..6).map(|_| collector.collect().freed).collect();
    assert_eq!(freed, [0, 0, 3, 3, 1, 0]);
    assert_eq!(collector.stats().participants, participants.len());
    drop(participants);
    assert_eq!(collector.stats().registered, 0);
}

#[test]
fn garbage_waits_until_it_is_much_or_old() {
    let policy = Policy {
        min_bytes: 1 << 11,
        max_bytes: 1 << 11,
        max_age: Duration::from_secs(10),
        ..EAGER
    };
    let collector = Collector::new(policy);
    let cell = Atomic::new(&collector, [0_u8; 1 << 10]);
    let freed = |seconds| collector.collect_at(Duration::from_secs(seconds)).freed;
    assert_eq!(freed(5), 0);
    drop(cell.swap([1; 1 << 10]).expect("room"));
    assert_eq!([freed(100), freed(109), freed(110)], [0, 0, 1]);
    drop(cell.swap([1; 1 << 10]).expect("room"));
    assert_eq!(freed(111), 0);
    drop(cell.swap([1; 1 << 10]).expect("room"));
    assert_eq!(freed(111), 2);
    assert_eq!(collector.stats().advances, 2);
}

#[test]
fn a_chain_is_walked_and_freed_a_link_at_a_time() {
    struct Link {
        value: Counted,
        next: Atomic<Link>,
    }
    let alive = Arc::default();
    let collector = Collector::new(EAGER);
    let mut chain = Atomic::empty(&collector);
    for value in (0..5).rev() {
        let value = Counted::new(value, &alive);
        chain = Atomic::new(&collector, Link { value, next: chain });
    }
    let mut participant = collector.register();
    let guard = participant.pin();
    let links = std::iter::successors(chain.load(&guard), |link| link.next.load(&guard));
    assert!(links.map(|link| link.value.value).eq(0..5));
    drop(guard);
    drop(chain);
    for left in (0..5).rev() {
        assert_eq!(collector.collect().freed, 1);
        assert_eq!(alive.load(Ordering::Relaxed), left);
    }
}

#[test]
fn a_forgotten_guard_pins_no_longer_than_its_participant() {
    let collector = Collector::new(EAGER);
    let cell = Atomic::new(&collector, 1);
    let mut participant = collector.register();
    std::mem::forget(participant.pin());
    drop(cell.swap(2).expect("room"));
    assert_eq!(collector.collect().pending, 1);
    drop(participant);
    assert_eq!(collector.collect().pending, 0);
}

#[test]
#[should_panic(expected = "its own collector")]
fn a_guard_of_another_collector_is_refused() {
    let cell = Atomic::new(&Collector::default(), 1);
    let mut participant = Collector::default().register();
    cell.load(&participant.pin());
}

#[test]
#[should_panic(expected = "without budget")]
fn a_policy_that_cannot_work_is_refused() {
    Collector::new(Policy {
        scan_budget: 0,
        ..EAGER
    });
}

/// Readers and writers, for both fences: nothing is read after it was freed, nothing
/// is lost. More threads than CPUs.
#[test]
fn readers_never_see_a_freed_value() {
    for fence in [Fence::auto(), Fence::sequential()] {
        let alive = Arc::default();
        let policy = Policy {
            free_budget: 8,
            scan_budget: 2,
            max_pending: 100,
            ..EAGER
        };
        let collector = Collector::with_fence(policy, fence);
        let cells = [1, 2].map(|i| Atomic::new(&collector, Counted::new(i, &alive)));
        let over = AtomicBool::new(false);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let mut participant = collector.register();
                    while !over.load(Ordering::Relaxed) {
                        let guard = participant.pin();
                        let values = cells.each_ref().map(|cell| cell.load(&guard));
                        for value in values {
                            assert!(value.expect("never empty").value <= ROUNDS);
                        }
                        drop(guard);
                        thread::yield_now();
                    }
                });
            }
            let writers = cells.each_ref().map(|cell| {
                let (collector, alive) = (&collector, &alive);
                scope.spawn(move || {
                    for i in 0..ROUNDS {
                        while cell.swap(Counted::new(i, alive)).is_err() {
                            collector.collect();
                            thread::yield_now();
                        }
                        if i % 16 == 0 {
                            collector.collect();
                        }
                        assert!(collector.stats().pending <= 100 + 2);
                    }
                })
            });
            for writer in writers {
                writer.join().expect("no panic");
            }
            over.store(true, Ordering::Relaxed);
        });
        drop(cells);
        while collector.collect().pending > 0 {}
        assert_eq!(alive.load(Ordering::Relaxed), 0);
    }
}

#[cfg(not(miri))]
#[derive(Clone, Copy, Debug)]
enum Op {
    Swap,
    Take,
    Collect,
}

#[cfg(not(miri))]
proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever the policy: no more than it allows is pending, nothing linked or seen
    /// by the guard is freed, and all the rest in the end.
    #[test]
    fn the_accounts_are_right(
        ops in prop::collection::vec(
            prop_oneof![3 => Just(Op::Swap), 1 => Just(Op::Take), 2 => Just(Op::Collect)], 1..80),
        max_pending in 1..6usize,
        free_budget in 1..4usize,
        pin_at in 0..80usize,
    ) {
        let alive = Arc::default();
        let collector = Collector::new(Policy { max_pending, free_budget, ..EAGER });
        let cell = Atomic::empty(&collector);
        let mut participants = [collector.register()];
        let mut unpinned = participants.iter_mut();
        let mut pinned = None;
        let mut linked = None;
        for (i, op) in ops.into_iter().enumerate() {
            if i == pin_at && let Some(participant) = unpinned.next() {
                let guard = pinned.insert(participant.pin());
                prop_assert_eq!(cell.load(guard).map(|v: &Counted| v.value), linked);
            }
            match op {
                Op::Swap => {
                    if let Ok(old) = cell.swap(Counted::new(i, &alive)) {
                        prop_assert_eq!(old.map(|v| v.value), linked.replace(i));
                    }
                }
                Op::Take => {
                    if let Ok(old) = cell.take() {
                        prop_assert_eq!(old.map(|v| v.value), linked.take());
                    }
                }
                Op::Collect => {
                    collector.collect();
                }
            }
            let pending = collector.stats().pending;
            prop_assert!(pending <= max_pending);
            let wanted = pending + usize::from(linked.is_some());
            prop_assert_eq!(alive.load(Ordering::Relaxed), wanted);
        }
        drop(pinned);
        while collector.collect().pending > 0 {}
        prop_assert_eq!(alive.load(Ordering::Relaxed), usize::from(linked.is_some()));
    }
}
