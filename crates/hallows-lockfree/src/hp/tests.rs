// SPDX-License-Identifier: GPL-2.0-only
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

#[cfg(not(miri))]
use proptest::prelude::*;

use super::*;
use crate::fence::Fence;

/// A value that knows whether it was freed, and counts those that are not.
struct Counted<'c> {
    value: u64,
    alive: &'c AtomicUsize,
}

impl<'c> Counted<'c> {
    fn new(value: u64, alive: &'c AtomicUsize) -> Counted<'c> {
        alive.fetch_add(1, Ordering::Relaxed);
        Counted { value, alive }
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.value = u64::MAX;
        self.alive.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A counter for a test: values must be 'static.
fn counter() -> &'static AtomicUsize {
    static COUNTERS: [AtomicUsize; 64] = [const { AtomicUsize::new(0) }; 64];
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    &COUNTERS[NEXT.fetch_add(1, Ordering::Relaxed)]
}

const ROUNDS: u64 = if cfg!(miri) { 60 } else { 20_000 };

#[test]
fn a_value_is_read_and_replaced() {
    let domain = Domain::new();
    let cell = Atomic::new(&domain, 1);
    let mut hazard = domain.hazard_pointer();
    assert_eq!(hazard.protect(&cell), Some(&1));
    let old = cell.swap(2).expect("it had a value");
    assert_eq!(*old, 1);
    drop(old);
    assert!(hazard.is_stale(&cell));
    assert_eq!(hazard.try_protect(&cell), Ok(Some(&2)));
    assert!(!hazard.is_stale(&cell));
    drop(cell.take());
    assert_eq!(hazard.protect(&cell), None);
    assert!(cell.take().is_none());
}

#[test]
fn retiring_frees_nothing_and_reclaiming_frees_what_the_budget_allows() {
    let alive = counter();
    let domain = Domain::new();
    let cell = Atomic::new(&domain, Counted::new(0, alive));
    for i in 1..=10 {
        drop(cell.swap(Counted::new(i, alive)));
    }
    assert_eq!(alive.load(Ordering::Relaxed), 11);
    let portion = domain.reclaim(4);
    assert_eq!(
        (portion.freed, portion.pending, portion.busy),
        (4, 6, false)
    );
    assert_eq!(alive.load(Ordering::Relaxed), 7);
    assert_eq!(domain.reclaim(0).freed, 0);
    assert_eq!(domain.reclaim(usize::MAX).freed, 6);
    // One pass with its fence served both calls, and none is made for nothing.
    assert_eq!(domain.stats().sweeps, 1);
    assert_eq!(domain.reclaim(usize::MAX).pending, 0);
    assert_eq!(domain.stats().sweeps, 1);
    drop(cell);
    assert_eq!(domain.stats().pending, 1);
    drop(domain);
    assert_eq!(alive.load(Ordering::Relaxed), 0);
}

#[test]
fn a_protected_value_survives_the_sweep_and_its_cell() {
    let alive = counter();
    let domain = Domain::with_fence(Fence::sequential());
    let cell = Atomic::new(&domain, Counted::new(7, alive));
    let mut hazard = domain.hazard_pointer();
    let value = hazard.protect(&cell).expect("it has a value");
    drop(cell);
    assert_eq!(domain.reclaim(usize::MAX).pending, 1);
    assert_eq!(value.value, 7);
    hazard.reset();
    assert_eq!(domain.reclaim(usize::MAX).freed, 1);
    assert_eq!(alive.load(Ordering::Relaxed), 0);
}

#[test]
fn only_the_current_value_is_exchanged() {
    let domain = Domain::new();
    let cell = Atomic::new(&domain, String::from("a"));
    let mut hazard = domain.hazard_pointer();
    let current = hazard.protect(&cell).expect("it has a value");
    let equal = String::from("a");
    assert_eq!(
        cell.compare_exchange(&equal, "b".into()).map(drop),
        Err("b".into())
    );
    let old = cell
        .compare_exchange(current, "b".into())
        .expect("unchanged");
    assert_eq!(*old, "a");
    old.retire();
    assert_eq!(
        cell.compare_exchange(current, "c".into()).map(drop),
        Err("c".into())
    );
    assert_eq!(hazard.protect(&cell).map(String::as_str), Some("b"));
}

#[test]
#[should_panic(expected = "its own domain")]
fn a_hazard_of_another_domain_is_refused() {
    let cell = Atomic::new(&Domain::new(), 1);
    Domain::new().hazard_pointer().protect(&cell);
}

#[test]
fn a_panic_in_a_destructor_leaves_the_domain_in_order() {
    struct Fragile(&'static str);
    impl Drop for Fragile {
        fn drop(&mut self) {
            assert!(self.0 != "bad", "as planned");
        }
    }
    let domain = Domain::new();
    let cell = Atomic::new(&domain, Fragile("bad"));
    drop(cell.swap(Fragile("good")));
    let swept = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| domain.reclaim(9)));
    assert!(swept.is_err());
    assert_eq!(domain.stats().pending, 0);
    drop(cell);
    assert_eq!(domain.reclaim(9).freed, 1);
}

#[test]
fn a_destructor_may_retire_and_reclaim() {
    struct Outer(Atomic<u32>);
    impl Drop for Outer {
        fn drop(&mut self) {
            assert!(self.0.domain().reclaim(1).busy);
        }
    }
    let domain = Domain::new();
    let cell = Atomic::new(&domain, Outer(Atomic::new(&domain, 1)));
    drop(cell);
    assert_eq!(domain.reclaim(9).pending, 1);
    assert_eq!(domain.reclaim(9).pending, 0);
}

#[test]
fn hazards_are_used_again() {
    let domain = Domain::new();
    for _ in 0..ROUNDS.min(1000) {
        let domain = domain.clone();
        thread::spawn(move || drop(domain.hazard_pointer()))
            .join()
            .expect("no panic");
    }
    let stats = domain.stats();
    assert_eq!((stats.hazards, stats.hazards_in_use), (1, 0));
}

/// T threads retire R values between sweeps of their own while H hazards hold.
#[test]
fn pending_stays_within_the_bound() {
    const R: usize = 8;
    const H: usize = 3;
    let alive = counter();
    let domain = Domain::new();
    let cell = Atomic::new(&domain, Counted::new(0, alive));
    let mut stalled: Vec<_> = (0..H).map(|_| domain.hazard_pointer()).collect();
    let mut held = Vec::new();
    for (i, hazard) in stalled.iter_mut().enumerate() {
        held.push(hazard.protect(&cell).expect("it has a value"));
        drop(cell.swap(Counted::new(i as u64 + 1, alive)));
    }
    for i in 0..ROUNDS as usize {
        drop(cell.swap(Counted::new(i as u64, alive)));
        assert!(domain.stats().pending <= R + H);
        if i % (R / 2) == 0 {
            domain.reclaim(usize::MAX);
        }
    }
    domain.reclaim(usize::MAX);
    assert_eq!(domain.stats().pending, H);
    assert!(held.iter().zip(0..).all(|(value, i)| value.value == i));
    drop(held);
    drop(stalled);
    assert_eq!(domain.reclaim(usize::MAX).pending, 0);
    assert_eq!(alive.load(Ordering::Relaxed), 1);
}

/// Readers and writers on one cell, for both fences: nothing is read after it was
/// freed, nothing is lost. More threads than CPUs.
#[test]
fn readers_never_see_a_freed_value() {
    for fence in [Fence::auto(), Fence::sequential()] {
        let alive = counter();
        let domain = Domain::with_fence(fence);
        let cell = Atomic::new(&domain, Counted::new(0, alive));
        let over = AtomicBool::new(false);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let mut hazard = domain.hazard_pointer();
                    while !over.load(Ordering::Relaxed) {
                        let value = hazard.protect(&cell).expect("never empty").value;
                        assert!(value <= ROUNDS);
                    }
                });
            }
            let writers: Vec<_> = (0..2)
                .map(|_| {
                    scope.spawn(|| {
                        for i in 0..ROUNDS {
                            drop(cell.swap(Counted::new(i, alive)));
                            if i % 16 == 0 {
                                domain.reclaim(24);
                            }
                        }
                    })
                })
                .collect();
            for writer in writers {
                writer.join().expect("no panic");
            }
            over.store(true, Ordering::Relaxed);
        });
        drop(cell);
        assert_eq!(domain.reclaim(usize::MAX).pending, 0);
        assert_eq!(alive.load(Ordering::Relaxed), 0);
    }
}

#[test]
fn readers_follow_the_publisher() {
    let alive = counter();
    let (mut publisher, mut reader) = snapshot(Counted::new(0, alive));
    let mut idle = reader.clone();
    assert_eq!(idle.load().value, 0);
    assert_eq!(reader.load_if_changed().map(|v| v.value), Some(0));
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut last = 0;
            while last < ROUNDS {
                let now = reader.load().value;
                assert!(now >= last && now <= ROUNDS);
                last = now;
            }
        });
        for i in 1..=ROUNDS {
            publisher.publish(Counted::new(i, alive));
            assert!(publisher.stats().pending <= 2 + 1);
        }
    });
    assert_eq!(publisher.current().value, ROUNDS);
    assert!(reader.load_if_changed().is_none());
    idle.reset();
    publisher.publish(Counted::new(0, alive));
    // What the reader holds.
    assert_eq!(publisher.stats().pending, 1);
    drop((publisher, reader, idle));
    assert_eq!(alive.load(Ordering::Relaxed), 0);
}

/// A value that only one thread may free.
struct Owned(thread::ThreadId);

impl Drop for Owned {
    fn drop(&mut self) {
        assert_eq!(thread::current().id(), self.0, "freed by another thread");
    }
}

#[test]
fn readers_free_nothing() {
    let own = thread::current().id();
    let (mut publisher, first) = snapshot(Owned(own));
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        // Those that end meanwhile, and one that holds a value until it does.
        let readers: Vec<_> = (0..4)
            .map(|round| {
                let (mut reader, over) = (first.clone(), &over);
                scope.spawn(move || {
                    while !over.load(Ordering::Relaxed) {
                        assert_eq!(reader.load().0, own);
                        if round > 0 {
                            reader.reset();
                        }
                        reader = reader.clone();
                    }
                })
            })
            .collect();
        for _ in 0..ROUNDS {
            publisher.publish(Owned(own));
        }
        over.store(true, Ordering::Relaxed);
        for reader in readers {
            reader.join().expect("a reader freed a value");
        }
    });
    publisher.publish(Owned(own));
    assert_eq!(publisher.stats().pending, 0);
}

#[cfg(not(miri))]
#[derive(Clone, Copy, Debug)]
enum Op {
    Swap(usize),
    Take(usize),
    Protect(usize, usize),
    Reset(usize),
    Reclaim(usize),
}

#[cfg(not(miri))]
fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        (0..2usize).prop_map(Op::Swap),
        (0..2usize).prop_map(Op::Take),
        (0..3usize, 0..2usize).prop_map(|(h, c)| Op::Protect(h, c)),
        (0..3usize).prop_map(Op::Reset),
        (0..6usize).prop_map(Op::Reclaim),
    ]
}

// Too slow for Miri, which adds nothing to a single thread's run here.
#[cfg(not(miri))]
proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    /// Against a model that knows what is linked and what is protected: neither is
    /// ever freed, and a sweep leaves nothing else.
    #[test]
    fn linked_and_protected_values_are_kept(ops in prop::collection::vec(op(), 1..60)) {
        static FREED: [AtomicBool; 64] = [const { AtomicBool::new(false) }; 64];
        static ONE_AT_A_TIME: std::sync::Mutex<()> = std::sync::Mutex::new(());
        struct Marked(usize);
        impl Drop for Marked {
            fn drop(&mut self) {
                FREED[self.0].store(true, Ordering::Relaxed);
            }
        }
        let _alone = ONE_AT_A_TIME.lock();
        FREED.iter().for_each(|f| f.store(false, Ordering::Relaxed));
        let domain = Domain::new();
        let cells = [Atomic::empty(&domain), Atomic::empty(&domain)];
        let mut hazards = [(); 3].map(|()| domain.hazard_pointer());
        let (mut linked, mut protected) = ([None; 2], [None; 3]);
        let mut made = 0;
        for op in ops {
            match op {
                Op::Swap(c) => {
                    drop(cells[c].swap(Marked(made)));
                    linked[c] = Some(made);
                    made += 1;
                }
                Op::Take(c) => {
                    prop_assert_eq!(cells[c].take().map(|v| v.0), linked[c].take());
                }
                Op::Protect(h, c) => {
                    protected[h] = linked[c];
                    prop_assert_eq!(hazards[h].protect(&cells[c]).map(|v| v.0), linked[c]);
                }
                Op::Reset(h) => {
                    protected[h] = None;
                    hazards[h].reset();
                }
                Op::Reclaim(budget) => {
                    domain.reclaim(budget);
                }
            }
            for kept in linked.iter().chain(&protected).flatten() {
                prop_assert!(!FREED[*kept].load(Ordering::Relaxed));
            }
        }
        domain.reclaim(usize::MAX);
        let kept = (0..made).filter(|&i| !FREED[i].load(Ordering::Relaxed));
        let wanted = (0..made).filter(|&i| linked.contains(&Some(i)) || protected.contains(&Some(i)));
        prop_assert!(kept.eq(wanted));
    }
}
