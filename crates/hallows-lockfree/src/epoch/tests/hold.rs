// SPDX-License-Identifier: GPL-2.0-only
use super::*;

#[test]
fn what_a_hazard_holds_stays_and_nothing_else() {
    let alive = Arc::default();
    let collector = Collector::new(EAGER);
    let cell = Atomic::new(&collector, Counted::new(0, &alive));
    let mut participant = collector.register();
    let mut hazard = collector.hazard();
    let guard = participant.pin();
    let guarded = cell.load_guarded(&guard).expect("it has a value");
    assert_eq!(guarded.value, 0);
    let held = guarded.hold(&mut hazard);
    drop(guard);
    for value in 1..=100 {
        drop(cell.swap(Counted::new(value, &alive)).expect("room"));
        collector.collect();
        let stats = collector.stats();
        assert_eq!((stats.pending, stats.held, stats.holder), (1, 1, None));
    }
    assert_eq!((held.value, alive.load(Ordering::Relaxed)), (0, 2));
    hazard.reset();
    // Nothing new was retired, and no period is needed.
    let advances = collector.stats().advances;
    assert_eq!(collector.collect().freed, 1);
    let stats = collector.stats();
    assert_eq!((stats.pending, stats.held), (0, 0));
    assert_eq!((stats.pending_bytes, stats.advances), (0, advances));
    assert_eq!(alive.load(Ordering::Relaxed), 1);
}

#[test]
fn a_hazard_holds_its_last_value() {
    let alive = Arc::default();
    let collector = Collector::new(EAGER);
    let cells = [1, 2].map(|value| Atomic::new(&collector, Counted::new(value, &alive)));
    let mut participant = collector.register();
    let mut hazard = collector.hazard();
    let guard = participant.pin();
    let mut last = 0;
    for cell in &cells {
        let guarded = cell.load_guarded(&guard).expect("it has a value");
        last = guarded.hold(&mut hazard).value;
    }
    drop(guard);
    assert_eq!(last, 2);
    drop(cells);
    assert_eq!(collector.collect().freed, 1);
    drop(hazard);
    assert_eq!(collector.collect().freed, 1);
}

#[test]
fn what_is_held_is_exchanged_as_what_is_guarded() {
    let collector = Collector::new(EAGER);
    let cell = Atomic::new(&collector, 1);
    let mut participant = collector.register();
    let mut hazard = collector.hazard();
    let guarded = cell
        .load_guarded(&participant.pin())
        .map(|v| v.hold(&mut hazard));
    let held = guarded.expect("it has a value");
    drop(cell.compare_exchange(held, 2).expect("it is the one"));
    collector.collect();
    // As it is not freed, no new one can have its place.
    assert_eq!(
        cell.compare_exchange(held, 3).map(drop),
        Err(Refused::Changed(3))
    );
}

/// The cells of a value that is held are walked on from under a later guard.
#[test]
fn a_walk_goes_on_from_what_is_held() {
    struct Link {
        value: Counted,
        next: Atomic<Link>,
    }
    let alive = Arc::default();
    let collector = Collector::new(EAGER);
    let mut chain = Atomic::empty(&collector);
    for value in (0..3).rev() {
        let value = Counted::new(value, &alive);
        chain = Atomic::new(&collector, Link { value, next: chain });
    }
    let mut participant = collector.register();
    let mut hazard = collector.hazard();
    let guard = participant.pin();
    let first = chain.load_guarded(&guard).expect("a link");
    let first = first.hold(&mut hazard);
    drop(guard);
    drop(chain);
    for _ in 0..3 {
        assert_eq!(collector.collect().freed, 0);
    }
    let guard = participant.pin();
    let rest = std::iter::successors(first.next.load(&guard), |link| link.next.load(&guard));
    assert!(rest.map(|link| link.value.value).eq(1..3));
    drop(guard);
    drop(hazard);
    for left in (0..3).rev() {
        assert_eq!(collector.collect().freed, 1);
        assert_eq!(alive.load(Ordering::Relaxed), left);
    }
}

#[test]
fn held_values_are_looked_at_in_portions() {
    let policy = Policy {
        free_budget: 2,
        ..EAGER
    };
    let collector = Collector::new(policy);
    let cells = [1, 2, 3].map(|value| Atomic::new(&collector, value));
    let mut participant = collector.register();
    let mut hazards = [(); 3].map(|()| collector.hazard());
    let guard = participant.pin();
    for (cell, hazard) in cells.iter().zip(&mut hazards) {
        cell.load_guarded(&guard).expect("a value").hold(hazard);
    }
    drop(guard);
    drop(cells);
    assert!((0..5).all(|_| collector.collect().freed == 0));
    drop(hazards);
    let freed: usize = (0..5).map(|_| collector.collect().freed).sum();
    assert_eq!((freed, collector.stats().held), (3, 0));
}

/// What is held doesn't make new garbage due before its time.
#[test]
fn what_is_held_is_no_reason_for_a_period() {
    let policy = Policy {
        min_bytes: 1 << 11,
        max_bytes: 1 << 11,
        max_age: Duration::from_secs(1000),
        ..EAGER
    };
    let collector = Collector::new(policy);
    let cell = Atomic::new(&collector, [0_u8; 1 << 12]);
    let small = Atomic::new(&collector, 1);
    let mut participant = collector.register();
    let mut hazard = collector.hazard();
    let guarded = cell
        .load_guarded(&participant.pin())
        .map(|v| v.hold(&mut hazard));
    assert!(guarded.is_some());
    drop(cell);
    collector.collect();
    assert_eq!((collector.stats().held, collector.stats().advances), (1, 1));
    drop(small.swap(2).expect("room"));
    assert_eq!(collector.collect().freed, 0);
    assert_eq!(collector.stats().advances, 1);
    hazard.reset();
    assert_eq!(collector.collect().freed, 1);
}

#[test]
fn a_hazard_keeps_its_collector() {
    let alive = Arc::default();
    let collector = Collector::new(EAGER);
    let mut hazard = collector.hazard();
    let cell = Atomic::new(&collector, Counted::new(7, &alive));
    let mut participant = collector.register();
    let guarded = cell
        .load_guarded(&participant.pin())
        .map(|v| v.hold(&mut hazard));
    let held = guarded.expect("it has a value");
    drop((cell, participant));
    collector.collect();
    drop(collector);
    assert_eq!(held.value, 7);
    drop(hazard);
    assert_eq!(alive.load(Ordering::Relaxed), 0);
}

#[test]
#[should_panic(expected = "its own collector")]
fn a_hazard_of_another_collector_is_refused() {
    let collector = Collector::default();
    let cell = Atomic::new(&collector, 1);
    let mut participant = collector.register();
    let mut hazard = Collector::default().hazard();
    cell.load_guarded(&participant.pin())
        .expect("a value")
        .hold(&mut hazard);
}

/// Readers that hold for longer than they pin, and a writer: nothing that is held is freed,
/// and what is kept is bounded by the number of hazards.
#[test]
fn holders_never_see_a_freed_value() {
    for fence in [Fence::auto(), Fence::sequential()] {
        let alive = Arc::default();
        let collector = Collector::with_fence(EAGER, fence);
        let cell = Atomic::new(&collector, Counted::new(0, &alive));
        let over = AtomicBool::new(false);
        thread::scope(|scope| {
            for _ in 0..3 {
                let (mut participant, mut hazard) = (collector.register(), collector.hazard());
                let (cell, over) = (&cell, &over);
                scope.spawn(move || {
                    while !over.load(Ordering::Relaxed) {
                        let guard = participant.pin();
                        let found = cell.load_guarded(&guard).expect("never empty");
                        let held = found.hold(&mut hazard);
                        drop(guard);
                        for _ in 0..4 {
                            assert!(held.value <= ROUNDS);
                            thread::yield_now();
                        }
                    }
                });
            }
            for value in 0..ROUNDS {
                drop(cell.swap(Counted::new(value, &alive)).expect("room"));
                collector.collect();
                assert!(collector.stats().held <= 3);
            }
            over.store(true, Ordering::Relaxed);
        });
        while collector.collect().pending > 0 {}
        assert_eq!(alive.load(Ordering::Relaxed), 1);
    }
}

#[cfg(not(miri))]
#[derive(Clone, Copy, Debug)]
enum Op {
    Swap,
    Hold(usize),
    LetGo(usize),
    Collect,
}

#[cfg(not(miri))]
proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Against a model: alive is what is linked, what is held, and what no call of `collect`
    /// has had the time for; and in the end only the first two are.
    #[test]
    fn what_is_held_is_alive(
        ops in prop::collection::vec(
            prop_oneof![
                3 => Just(Op::Swap),
                2 => (0..3usize).prop_map(Op::Hold),
                1 => (0..3usize).prop_map(Op::LetGo),
                2 => Just(Op::Collect),
            ], 1..80),
        free_budget in 1..4usize,
    ) {
        let alive = Arc::default();
        let collector = Collector::new(Policy { free_budget, ..EAGER });
        let cell = Atomic::new(&collector, Counted::new(0, &alive));
        let mut participant = collector.register();
        let mut hazards = [(); 3].map(|()| collector.hazard());
        let mut held: [Option<(usize, *const Counted)>; 3] = [None; 3];
        let mut linked = 0;
        for (i, op) in (1..).zip(ops) {
            match op {
                Op::Swap => {
                    drop(cell.swap(Counted::new(i, &alive)).expect("room"));
                    linked = i;
                }
                Op::Hold(at) => {
                    let guard = participant.pin();
                    let found = cell.load_guarded(&guard).expect("never empty");
                    held[at] = Some((linked, found.hold(&mut hazards[at])));
                }
                Op::LetGo(at) => {
                    hazards[at].reset();
                    held[at] = None;
                }
                Op::Collect => {
                    collector.collect();
                }
            }
            for (value, place) in held.iter().flatten() {
                // SAFETY: it is held, which is what this test is about.
                prop_assert_eq!(unsafe { (**place).value }, *value);
            }
        }
        let mut kept: Vec<_> = held.iter().flatten().map(|(value, _)| *value).collect();
        kept.retain(|value| *value != linked);
        kept.sort_unstable();
        kept.dedup();
        for _ in 0..100 {
            collector.collect();
        }
        prop_assert_eq!(collector.stats().pending, kept.len());
        prop_assert_eq!(alive.load(Ordering::Relaxed), kept.len() + 1);
    }
}
