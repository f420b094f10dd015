// SPDX-License-Identifier: GPL-2.0-only
//! The fence on real hardware: what neither loom nor Miri can run.
#![cfg(not(any(loom, miri)))]

use std::hint;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use crossbeam_utils::CachePadded;
use hallows_lockfree::fence::Fence;

const ROUNDS: usize = 20_000;

/// Store buffering: one of the two sees the other's store, in every round.
#[test]
fn one_side_sees_the_other() {
    for fence in [Fence::auto(), Fence::sequential()] {
        let [a, x, saw_a, saw_x] = [(); 4].map(|()| CachePadded::new(AtomicBool::new(false)));
        let round = CachePadded::new(AtomicUsize::new(0));
        let end = Barrier::new(2);
        let missed = thread::scope(|scope| {
            scope.spawn(|| {
                for i in 1..=ROUNDS {
                    until(|| round.load(Ordering::Acquire) == i);
                    a.store(true, Ordering::Relaxed);
                    fence.light();
                    saw_x.store(x.load(Ordering::Relaxed), Ordering::Relaxed);
                    end.wait();
                }
            });
            let mut missed = 0;
            for i in 1..=ROUNDS {
                a.store(false, Ordering::Relaxed);
                x.store(false, Ordering::Relaxed);
                round.store(i, Ordering::Release);
                // Now and then later, so that the other is at another place.
                (0..i % 64).for_each(|_| hint::spin_loop());
                x.store(true, Ordering::Relaxed);
                fence.heavy();
                saw_a.store(a.load(Ordering::Relaxed), Ordering::Relaxed);
                end.wait();
                let both_blind = !saw_a.load(Ordering::Relaxed) && !saw_x.load(Ordering::Relaxed);
                missed += usize::from(both_blind);
            }
            missed
        });
        assert_eq!(missed, 0, "{fence:?}");
    }
}

fn until(done: impl Fn() -> bool) {
    while !done() {
        thread::yield_now();
    }
}
