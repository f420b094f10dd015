// SPDX-License-Identifier: GPL-2.0-only
//! What a reader pays that is alone: protecting one value and reading it.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::Ordering::Acquire;
use std::time::Instant;

use hallows_lockfree::{epoch, hp};

use crate::group::Group;

/// Nanoseconds that one of `count` reads takes.
fn time(count: u64, mut read: impl FnMut() -> u64) -> f64 {
    let start = Instant::now();
    let mut sum = 0_u64;
    for _ in 0..count {
        sum = sum.wrapping_add(black_box(read()));
    }
    black_box(sum);
    start.elapsed().as_nanos() as f64 / count as f64
}

pub fn groups(scale: u64) -> Vec<Group> {
    let count = 5_000 * scale;
    vec![held(count), whole(count), pinned(count)]
}

/// A hazard that is kept: what a thread pays for each load.
fn held(count: u64) -> Group {
    let (_publisher, mut reader) = hp::snapshot(1_u64);
    let snapshot = move || time(count, || *reader.load());

    let domain = hp::Domain::new();
    let cell = hp::Atomic::new(&domain, 1_u64);
    let mut hazard = domain.hazard_pointer();
    let ours = move || time(count, || hazard.protect(&cell).map_or(0, |value| *value));

    let theirs = haphazard::AtomicPtr::from(Box::new(1_u64));
    let mut hazard = haphazard::HazardPointer::new();
    let haphazard = move || {
        time(count, || {
            theirs.safe_load(&mut hazard).map_or(0, |value| *value)
        })
    };

    let swap = arc_swap::ArcSwap::from_pointee(1_u64);
    let load = move || time(count, || **swap.load());
    let swap = arc_swap::ArcSwap::from_pointee(1_u64);
    let full = move || time(count, || *swap.load_full());
    let mut cache = arc_swap::Cache::new(Arc::new(arc_swap::ArcSwap::from_pointee(1_u64)));
    let cached = move || time(count, || **cache.load());

    Group::new("load, hazard held")
        .subject("hp::Reader::load", snapshot)
        .subject("HazardPointer::protect", ours)
        .subject("haphazard", haphazard)
        .subject("arc-swap load", load)
        .subject("arc-swap load_full", full)
        .subject("arc-swap Cache::load", cached)
        .bar("HazardPointer::protect", "haphazard", 0.5)
        .bar("HazardPointer::protect", "arc-swap load", 0.25)
        .bar("hp::Reader::load", "arc-swap load", 0.25)
}

/// A hazard for each load.
fn whole(count: u64) -> Group {
    let domain = hp::Domain::new();
    let cell = hp::Atomic::new(&domain, 1_u64);
    let ours = move || {
        time(count, || {
            let mut hazard = domain.hazard_pointer();
            hazard.protect(&cell).map_or(0, |value| *value)
        })
    };
    let theirs = haphazard::AtomicPtr::from(Box::new(1_u64));
    let haphazard = move || {
        time(count, || {
            let mut hazard = haphazard::HazardPointer::new();
            theirs.safe_load(&mut hazard).map_or(0, |value| *value)
        })
    };
    Group::new("load, hazard made for it")
        .subject("hp", ours)
        .subject("haphazard", haphazard)
        .bar("hp", "haphazard", 1.0)
}

/// Pinning, loading once, unpinning.
fn pinned(count: u64) -> Group {
    let collector = epoch::Collector::default();
    let cell = epoch::Atomic::new(&collector, 1_u64);
    let mut participant = collector.register();
    let ours = move || {
        time(count, || {
            let guard = participant.pin();
            cell.load(&guard).map_or(0, |value| *value)
        })
    };

    let theirs = crossbeam_epoch::Atomic::new(1_u64);
    let crossbeam = move || {
        time(count, || {
            let guard = crossbeam_epoch::pin();
            // SAFETY: the cell has a value, which stays.
            unsafe { *theirs.load(Acquire, &guard).deref() }
        })
    };
    let theirs = crossbeam_epoch::Atomic::new(1_u64);
    let handle = crossbeam_epoch::Collector::new().register();
    let local = move || {
        time(count, || {
            let guard = handle.pin();
            // SAFETY: as above.
            unsafe { *theirs.load(Acquire, &guard).deref() }
        })
    };

    let atom = kovan::Atom::new(1_u64);
    let kovan = move || time(count, || *atom.load());

    let collector = seize::Collector::new();
    let pointer = std::sync::atomic::AtomicPtr::new(Box::into_raw(Box::new(1_u64)));
    let seize = move || {
        time(count, || {
            use seize::Guard;
            let guard = collector.enter();
            // SAFETY: nothing retires the value.
            unsafe { *guard.protect(&pointer, Acquire) }
        })
    };

    let owned = sdd::AtomicOwned::new(1_u64);
    let sdd = move || {
        time(count, || {
            let guard = sdd::Guard::new();
            owned
                .load(Acquire, &guard)
                .as_ref()
                .map_or(0, |value| *value)
        })
    };
    Group::new("pin, load, unpin")
        .subject("epoch", ours)
        .subject("crossbeam-epoch pin()", crossbeam)
        .subject("crossbeam-epoch LocalHandle", local)
        .subject("kovan", kovan)
        .subject("seize", seize)
        .subject("sdd", sdd)
        .bar("epoch", "crossbeam-epoch pin()", 0.6)
        .bar("epoch", "crossbeam-epoch LocalHandle", 0.6)
        .bar("epoch", "kovan", 1.0)
}
