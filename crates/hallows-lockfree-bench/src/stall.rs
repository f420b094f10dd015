// SPDX-License-Identifier: GPL-2.0-only
//! What is kept while one reader that has a value stops, and a writer goes on.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::Ordering::{AcqRel, Acquire};

use hallows_lockfree::{epoch, hp};

pub const TITLE: &str = "one stalled reader";

thread_local! {
    /// Values alive of this thread.
    static ALIVE: Cell<i64> = const { Cell::new(0) };
}

/// A value that is counted while it lives. Not of size 0, as those all have one address,
/// which confuses who goes by addresses.
struct Counted {
    _word: u64,
}

impl Counted {
    fn new() -> Counted {
        ALIVE.set(ALIVE.get() + 1);
        Counted { _word: 0 }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        ALIVE.set(ALIVE.get() - 1);
    }
}

/// Prints what each keeps after `retires` replacements of the value that a reader has.
pub fn print(retires: u64) {
    println!("### {TITLE}, {retires} values replaced\n");
    println!("| | values kept | bound |\n|---|---|---|");
    let (sweep, limit) = (64, 1024);
    row(
        "hp, a sweep for 64",
        with_hp(retires, sweep),
        &format!("2 * {sweep} + 1"),
    );
    row("hp::snapshot", with_snapshot(retires), "readers + 1");
    row(
        "epoch, max_pending 1024",
        with_epoch(retires, limit),
        &format!("{limit}"),
    );
    row("haphazard", with_haphazard(retires), "");
    row("arc-swap", with_arc_swap(retires), "");
    row("crossbeam-epoch", with_crossbeam(retires), "");
    row("seize", with_seize(retires), "");
    row("sdd", with_sdd(retires), "");
    row("kovan", with_kovan(retires), "");
    println!();
}

fn row(name: &str, kept: i64, bound: &str) {
    println!("| {name} | {kept} | {bound} |");
}

/// The values alive at most after any step of `steps`, but for the current one.
fn most(steps: u64, mut step: impl FnMut(u64)) -> i64 {
    let before = ALIVE.get();
    (0..steps)
        .map(|i| {
            step(i);
            ALIVE.get() - before
        })
        .max()
        .unwrap_or(0)
}

fn with_hp(retires: u64, sweep: u64) -> i64 {
    let domain = hp::Domain::new();
    let cell = hp::Atomic::new(&domain, Counted::new());
    let mut hazard = domain.hazard_pointer();
    let _held = hazard.protect(&cell);
    most(retires, |i| {
        drop(cell.swap(Counted::new()));
        if i % sweep == 0 {
            domain.reclaim(usize::MAX);
        }
    })
}

fn with_snapshot(retires: u64) -> i64 {
    let (mut publisher, mut reader) = hp::snapshot(Counted::new());
    let _held = reader.load();
    most(retires, |_| publisher.publish(Counted::new()))
}

/// What is refused is not retired, so it isn't kept either.
fn with_epoch(retires: u64, limit: usize) -> i64 {
    let policy = epoch::Policy {
        max_pending: limit,
        ..epoch::Policy::default()
    };
    let collector = epoch::Collector::new(policy);
    let cell = epoch::Atomic::new(&collector, Counted::new());
    let mut participant = collector.register();
    let guard = participant.pin();
    let _held = cell.load(&guard);
    most(retires, |_| {
        drop(cell.swap(Counted::new()));
        collector.collect();
    })
}

fn with_haphazard(retires: u64) -> i64 {
    let cell = haphazard::AtomicPtr::from(Box::new(Counted::new()));
    let mut hazard = haphazard::HazardPointer::new();
    let _held = cell.safe_load(&mut hazard);
    most(retires, |_| {
        if let Some(old) = cell.swap(Box::new(Counted::new())) {
            // SAFETY: the value is in the cell no more, and retired once.
            unsafe { old.retire() };
        }
    })
}

fn with_arc_swap(retires: u64) -> i64 {
    let cell = arc_swap::ArcSwap::from_pointee(Counted::new());
    let _held = cell.load();
    most(retires, |_| cell.store(Arc::new(Counted::new())))
}

fn with_crossbeam(retires: u64) -> i64 {
    let collector = crossbeam_epoch::Collector::new();
    let (reader, writer) = (collector.register(), collector.register());
    let cell = crossbeam_epoch::Atomic::new(Counted::new());
    let held = reader.pin();
    let _held = cell.load(Acquire, &held);
    most(retires, |_| {
        let guard = writer.pin();
        let old = cell.swap(crossbeam_epoch::Owned::new(Counted::new()), AcqRel, &guard);
        // SAFETY: the value is in the cell no more, and retired once.
        unsafe { guard.defer_destroy(old) };
    })
}

fn with_seize(retires: u64) -> i64 {
    use seize::Guard;
    use std::sync::atomic::AtomicPtr;
    let collector = seize::Collector::new();
    let fresh = || Box::into_raw(Box::new(Counted::new()));
    let cell = AtomicPtr::new(fresh());
    let held = collector.enter_owned();
    let _held = held.protect(&cell, Acquire);
    most(retires, |_| {
        let guard = collector.enter_owned();
        let old = guard.swap(&cell, fresh(), AcqRel);
        // SAFETY: made by Box::into_raw, in the cell no more, and retired once.
        unsafe { guard.defer_retire(old, seize::reclaim::boxed) };
    })
}

fn with_sdd(retires: u64) -> i64 {
    let cell = sdd::AtomicOwned::new(Counted::new());
    let held = sdd::Guard::new();
    let _held = cell.load(Acquire, &held);
    most(retires, |_| {
        let fresh = Some(sdd::Owned::new(Counted::new()));
        drop(cell.swap((fresh, sdd::Tag::None), AcqRel));
    })
}

fn with_kovan(retires: u64) -> i64 {
    let cell = kovan::Atom::new(Counted::new());
    let _held = cell.load();
    most(retires, |_| drop(cell.swap(Counted::new())))
}
