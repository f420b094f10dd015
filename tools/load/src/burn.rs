// SPDX-License-Identifier: GPL-2.0-only
//! Burning CPU without system calls.

use std::hint::black_box;

use crate::sys;

/// Iterations between two looks at the clock: tens of microseconds, so that
/// looking costs next to nothing and stopping is prompt.
pub const CHUNK: u64 = 8192;

/// Executes a fixed amount of work: a chain of dependent steps (Marsaglia's xorshift)
/// that the compiler can't shorten. Written out for many steps between two branches:
/// an emulator pays for each branch, so this is most of the time that tests in a VM take.
pub fn spin(iterations: u64) {
    const UNROLLED: u64 = 32;
    let mut x = black_box(1_u64);
    for _ in 0..iterations / UNROLLED {
        for _ in 0..UNROLLED {
            x = step(x);
        }
        x = black_box(x);
    }
    for _ in 0..iterations % UNROLLED {
        x = black_box(step(x));
    }
}

fn step(mut x: u64) -> u64 {
    x ^= x << 13;
    x ^= x >> 7;
    x ^ x << 17
}

/// How many iterations of [`spin`] take one microsecond of CPU time, at least 1.
/// Measures for about 3 ms of the thread's CPU time, so that being preempted
/// meanwhile hardly matters.
pub fn iterations_per_us() -> u64 {
    const ROUND_NS: u64 = 1_000_000;
    // A look at the clock is no work, and may take a microsecond.
    const STRIDE: u64 = 32 * CHUNK;
    let best_round = || {
        let start = sys::thread_cpu_ns();
        let mut done = 0;
        loop {
            spin(STRIDE);
            done += STRIDE;
            let spent = sys::thread_cpu_ns() - start;
            if spent >= ROUND_NS {
                return (done * 1000 + spent / 2) / spent;
            }
        }
    };
    (0..3).map(|_| best_round()).max().unwrap_or(1).max(1)
}
