// SPDX-License-Identifier: GPL-2.0-only
//! The fence on real hardware: what neither loom nor Miri can run.
#![cfg(not(any(loom, miri)))]

use std::hint;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use crossbeam_utils::CachePadded;
use hallows_lockfree::fence::Fence;

const ROUNDS: usize = 20_000;

/// Store buffering: one of the two sees the other's store, in every round. Without
/// the heavy fence some rounds fail, given two CPUs that do little else.
#[test]
fn one_side_sees_the_other() {
    for fence in [Fence::auto(), Fence::sequential()] {
        let [a, x, saw_x] = [(); 3].map(|()| CachePadded::new(AtomicBool::new(false)));
        // When the round starts on both sides, in cycles.
        let start = CachePadded::new(AtomicU64::new(0));
        let end = Barrier::new(2);
        let missed = thread::scope(|scope| {
            scope.spawn(|| {
                let mut last = 0;
                for _ in 0..ROUNDS {
                    last = next(&start, last);
                    wait(&x, last);
                    a.store(true, Ordering::Relaxed);
                    fence.light();
                    saw_x.store(x.load(Ordering::Relaxed), Ordering::Relaxed);
                    end.wait();
                }
            });
            let mut missed = 0;
            for i in 0..ROUNDS as u64 {
                a.store(false, Ordering::Relaxed);
                x.store(false, Ordering::Relaxed);
                let at = cycles() + 1000;
                start.store(at, Ordering::Release);
                // At other moments of the other side's work.
                wait(&a, at + i % 128);
                x.store(true, Ordering::Relaxed);
                fence.heavy();
                let saw_a = a.load(Ordering::Relaxed);
                end.wait();
                missed += usize::from(!saw_a && !saw_x.load(Ordering::Relaxed));
            }
            missed
        });
        assert_eq!(missed, 0, "{fence:?}");
    }
}

/// The value of `start` once it isn't `last` any more.
fn next(start: &AtomicU64, last: u64) -> u64 {
    loop {
        let at = start.load(Ordering::Acquire);
        if at != last {
            return at;
        }
        thread::yield_now();
    }
}

/// Spins until `at`, with `other` in this CPU's cache, so that loading it overtakes a
/// store.
fn wait(other: &AtomicBool, at: u64) {
    while cycles() < at {
        other.load(Ordering::Relaxed);
        hint::spin_loop();
    }
}

/// A clock that the CPUs share and that grows.
#[cfg(target_arch = "x86_64")]
fn cycles() -> u64 {
    // SAFETY: every x86-64 CPU has it.
    unsafe { std::arch::x86_64::_rdtsc() }
}

/// A clock that the CPUs share and that grows.
#[cfg(not(target_arch = "x86_64"))]
fn cycles() -> u64 {
    static EPOCH: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
    let since = EPOCH.get_or_init(std::time::Instant::now);
    u64::try_from(since.elapsed().as_nanos()).unwrap_or(u64::MAX) + 1
}
