// SPDX-License-Identifier: GPL-2.0-only
//! What a writer pays for replacing a value, freeing included.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::Ordering::AcqRel;
use std::time::Instant;

use hallows_lockfree::{epoch, hp};

use crate::group::Group;

/// Nanoseconds that one of `count` replacements takes.
fn time(count: u64, mut replace: impl FnMut(u64)) -> f64 {
    let start = Instant::now();
    for i in 0..count {
        replace(black_box(i));
    }
    start.elapsed().as_nanos() as f64 / count as f64
}

pub fn groups(scale: u64) -> Vec<Group> {
    let count = 1_000 * scale;
    let (mut publisher, _reader) = hp::snapshot(0_u64);
    let snapshot = move || time(count, |i| publisher.publish(i));

    let (mut publisher, _reader) = hp::snapshot(vec![0_u64; 1024]);
    let cells = move || {
        let fewer = count / 10;
        time(fewer, |i| publisher.publish(vec![i; 1024]))
    };

    let domain = hp::Domain::new();
    let cell = hp::Atomic::new(&domain, 0_u64);
    let ours = move || {
        time(count, |i| {
            drop(cell.swap(i));
            if i % 64 == 0 {
                domain.reclaim(usize::MAX);
            }
        })
    };

    let collector = epoch::Collector::default();
    let cell = epoch::Atomic::new(&collector, 0_u64);
    let epochs = move || {
        time(count, |i| {
            let room = cell.swap(i).is_ok();
            if !room || i % 64 == 0 {
                collector.collect();
            }
        })
    };

    let theirs = haphazard::AtomicPtr::from(Box::new(0_u64));
    let haphazard = move || {
        time(count, |i| {
            if let Some(old) = theirs.swap(Box::new(i)) {
                // SAFETY: the value is in the cell no more, and retired once.
                unsafe { old.retire() };
            }
        })
    };
    let swap = arc_swap::ArcSwap::from_pointee(0_u64);
    let arc_swap = move || time(count, |i| swap.store(Arc::new(i)));
    let theirs = crossbeam_epoch::Atomic::new(0_u64);
    let crossbeam = move || {
        time(count, |i| {
            let guard = crossbeam_epoch::pin();
            let old = theirs.swap(crossbeam_epoch::Owned::new(i), AcqRel, &guard);
            // SAFETY: the value is in the cell no more, and retired once.
            unsafe { guard.defer_destroy(old) };
        })
    };
    vec![
        Group::new("replace and free")
            .subject("hp::Publisher::publish", snapshot)
            .subject("hp::Publisher::publish, 8 KiB", cells)
            .subject("hp, a sweep for 64", ours)
            .subject("epoch, a call of collect for 64", epochs)
            .subject("haphazard", haphazard)
            .subject("arc-swap", arc_swap)
            .subject("crossbeam-epoch", crossbeam),
    ]
}
