// SPDX-License-Identifier: GPL-2.0-only
//! A counter in two versions: one word, or a part for each thread.

use std::fmt;

use crossbeam_utils::CachePadded;

use super::version::{Meter, Selector, Version};
use crate::registry::{Link, Registry};
use crate::sync::Arc;
use crate::sync::atomic::{AtomicU64, Ordering};

/// A number that threads add to, on one word while they seldom meet there and each on a
/// line of its own while they do, as a [`Selector`] says. Clones are the same counter.
///
/// It is for what is added to often and may be contended or not. Where it always is, parts
/// alone are cheaper by the choice; where a result of each addition is wanted, only one
/// word has it.
///
/// ```
/// use hallows_lockfree::layout::Counter;
///
/// let counter = Counter::new();
/// std::thread::scope(|scope| {
///     for _ in 0..2 {
///         let mut adder = counter.adder(); // one for each thread
///         scope.spawn(move || (0..1000).for_each(|_| adder.add(1)));
///     }
/// });
/// assert_eq!(counter.sum(), 2000);
/// ```
#[derive(Clone)]
pub struct Counter {
    shared: Arc<Shared>,
}

struct Shared {
    selector: CachePadded<Selector>,
    word: CachePadded<AtomicU64>,
    /// Who gets one goes on from what it has.
    parts: Registry<AtomicU64>,
}

impl Default for Counter {
    fn default() -> Counter {
        Counter::new()
    }
}

impl Counter {
    /// A counter at 0.
    pub fn new() -> Counter {
        Counter {
            shared: Arc::new(Shared {
                selector: CachePadded::default(),
                word: CachePadded::new(AtomicU64::new(0)),
                parts: Registry::new(),
            }),
        }
    }

    /// What a thread adds by: O(adders), and an allocation when it finds none that was given
    /// up. Keep it.
    pub fn adder(&self) -> Adder {
        Adder {
            shared: self.shared.clone(),
            part: self.shared.parts.acquire(|| AtomicU64::new(0)),
            meter: Meter::new(),
        }
    }

    /// The sum, wrapping: at least what was added before the call, at most what was added
    /// before it returned, and of two calls of a thread the second is no less than the first.
    /// O(adders, in use or given up).
    pub fn sum(&self) -> u64 {
        let parts = self.shared.parts.slots();
        let word = self.shared.word.load(Ordering::Relaxed);
        parts.fold(word, |sum, part| {
            sum.wrapping_add(part.load(Ordering::Relaxed))
        })
    }

    /// The version in use.
    pub fn version(&self) -> Version {
        self.shared.selector.version()
    }

    /// How often the version has changed so far; wraps.
    pub fn changes(&self) -> u16 {
        self.shared.selector.changes()
    }
}

impl fmt::Debug for Counter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Counter")
            .field("sum", &self.sum())
            .field("selector", &*self.shared.selector)
            .finish()
    }
}

/// A thread's end of a [`Counter`]. Two threads can't use one:
/// ```compile_fail,E0499
/// # use hallows_lockfree::layout::Counter;
/// let mut adder = Counter::new().adder();
/// std::thread::scope(|scope| {
///     scope.spawn(|| adder.add(1));
///     scope.spawn(|| adder.add(2));
/// });
/// ```
pub struct Adder {
    shared: Arc<Shared>,
    part: Link<AtomicU64>,
    meter: Meter,
}

// SAFETY: the part is its owner's alone until it is released, whatever thread the owner is
// on; the rest is Send.
unsafe impl Send for Adder {}

impl Adder {
    /// Adds: together lock-free, apart wait-free. Allocates nothing.
    #[inline]
    pub fn add(&mut self, number: u64) {
        let Adder {
            shared,
            part,
            meter,
        } = self;
        meter.run(&shared.selector, |version| match version {
            Version::Together => ((), add_together(&shared.word, number)),
            Version::Apart => {
                // SAFETY: the counter keeps the record.
                let part = &unsafe { part.as_ref() }.slot;
                // Nobody else writes it.
                let sum = part.load(Ordering::Relaxed).wrapping_add(number);
                part.store(sum, Ordering::Relaxed);
                ((), 0)
            }
        });
    }
}

/// Adds by compare-and-exchange, which tells when another was faster; how often.
#[inline]
fn add_together(word: &AtomicU64, number: u64) -> u32 {
    let mut failed = 0;
    let mut now = word.load(Ordering::Relaxed);
    loop {
        let sum = now.wrapping_add(number);
        match word.compare_exchange_weak(now, sum, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => return failed,
            Err(changed) => now = changed,
        }
        failed += 1;
    }
}

impl Drop for Adder {
    fn drop(&mut self) {
        // SAFETY: ours, of this counter; the next owner goes on from it.
        unsafe { self.shared.parts.release(self.part) };
    }
}

impl fmt::Debug for Adder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Adder")
            .field("meter", &self.meter)
            .finish_non_exhaustive()
    }
}

#[cfg(all(test, not(any(loom, miri))))]
mod tests {
    use std::thread;

    use proptest::prelude::*;

    use super::*;

    /// Makes the selector change: as if so many attempts of another thread had failed.
    fn contend(counter: &Counter) {
        let mut meter = Meter::new();
        meter.run(&counter.shared.selector, |_| ((), u32::MAX));
    }

    #[test]
    fn nothing_is_lost_by_a_change() {
        let counter = Counter::new();
        let mut adder = counter.adder();
        adder.add(1);
        contend(&counter);
        assert_eq!(counter.version(), Version::Apart);
        adder.add(10);
        assert_eq!(counter.shared.word.load(Ordering::Relaxed), 1);
        assert_eq!(counter.sum(), 11);
        // After the windows of a trial.
        while counter.version() == Version::Apart {
            adder.add(1);
        }
        let before = counter.sum();
        adder.add(5);
        assert_eq!((counter.sum(), counter.changes()), (before + 5, 2));
        assert_eq!(counter.shared.word.load(Ordering::Relaxed), 6);
    }

    #[test]
    fn a_part_goes_on_with_its_next_owner() {
        let counter = Counter::new();
        contend(&counter);
        for sum in 1..=3 {
            counter.adder().add(1);
            assert_eq!(counter.sum(), sum);
        }
        assert_eq!(counter.shared.parts.count(), (1, 0));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        /// Threads add while versions change, and a reader never sees less than before.
        #[test]
        fn threads_add_up(threads in 1..5_usize, each in 1..20_000_u64, changes in 0..6_u32) {
            let counter = Counter::new();
            thread::scope(|scope| {
                for _ in 0..threads {
                    let mut adder = counter.adder();
                    scope.spawn(move || (0..each).for_each(|_| adder.add(1)));
                }
                let mut before = 0;
                for _ in 0..changes {
                    contend(&counter);
                    let now = counter.sum();
                    assert!(now >= before);
                    before = now;
                    thread::yield_now();
                }
            });
            prop_assert_eq!(counter.sum(), threads as u64 * each);
        }
    }
}
