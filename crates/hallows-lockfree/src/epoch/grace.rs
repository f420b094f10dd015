// SPDX-License-Identifier: GPL-2.0-only
//! Grace periods: waiting, a few looks at a time, until nobody can have a reference
//! to what was retired before.

use std::time::Duration;

use super::collector::{Shared, Slot};
use crate::garbage::{self, List};
use crate::registry::Links;
use crate::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use crate::sync::order;
use crate::turn::Turn;

/// The grace period under way, and what is told of it.
pub(super) struct Grace {
    period: Turn<Period>,
    pub(super) threshold: AtomicUsize,
    pub(super) advances: AtomicUsize,
    pub(super) held_up: AtomicUsize,
    /// Thread that holds the period up, 0: none.
    pub(super) holder: AtomicU32,
    pub(super) holder_since_ns: AtomicU64,
}

struct Period {
    /// What the period is for: then free to go.
    batch: List,
    /// The participants still to be seen, while the period lasts.
    ahead: Option<Links<Slot>>,
    /// Whether somebody held the period up.
    held_up: bool,
    /// When garbage was first seen that no period is for yet.
    garbage_since: Option<Duration>,
}

// SAFETY: records that `ahead` points at live as long as the collector, which the
// period is part of; the values of `batch` are Send.
unsafe impl Send for Period {}

/// Whether a period is over.
enum Scan {
    Over,
    /// The budget is, before the period.
    Unfinished,
    /// That participant hasn't unpinned.
    Held(u32),
}

impl Grace {
    pub(super) fn new(threshold: usize) -> Grace {
        Grace {
            period: Turn::new(Period {
                batch: List::default(),
                ahead: None,
                held_up: false,
                garbage_since: None,
            }),
            threshold: AtomicUsize::new(threshold),
            advances: AtomicUsize::new(0),
            held_up: AtomicUsize::new(0),
            holder: AtomicU32::new(0),
            holder_since_ns: AtomicU64::new(0),
        }
    }

    /// A portion of work at the time `now` of the collector: how many values it freed,
    /// or None when a thread is at it.
    pub(super) fn run(&self, collector: &Shared, now: Duration) -> Option<usize> {
        self.period.try_with(|period| {
            if period.batch.is_empty() {
                self.begin(period, collector, now);
            }
            if period.ahead.is_some() {
                self.go_on(period, collector, now);
            }
            if period.ahead.is_none() {
                free(period, collector)
            } else {
                0
            }
        })
    }

    /// Begins a period if the policy wants one.
    fn begin(&self, period: &mut Period, collector: &Shared, now: Duration) {
        let bytes = collector.garbage.bytes.load(Ordering::Relaxed);
        if collector.garbage.stack.is_empty() {
            period.garbage_since = None;
            return;
        }
        let since = *period.garbage_since.get_or_insert(now);
        let threshold = self.threshold.load(Ordering::Relaxed);
        let age = now.saturating_sub(since);
        if !collector.policy.is_due(threshold, bytes.max(1), age) {
            return;
        }
        period.garbage_since = None;
        period.batch = collector.garbage.stack.take();
        collector.fence.heavy();
        // Only who has the turn writes it. No model misses the release, nor the acquire
        // of who pins, as sequential fences do the same.
        let next = collector.epoch.load(Ordering::Relaxed) + 1;
        collector.epoch.store(next, Ordering::Release);
        period.held_up = false;
        period.ahead = Some(collector.participants.links());
    }

    /// Looks at participants, and ends the period when all have been seen.
    fn go_on(&self, period: &mut Period, collector: &Shared, now: Duration) {
        match scan(period, collector) {
            Scan::Unfinished => self.holder.store(0, Ordering::Relaxed),
            Scan::Held(thread) => {
                self.held_up.fetch_add(1, Ordering::Relaxed);
                if self.holder.load(Ordering::Relaxed) != thread {
                    let now_ns = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
                    self.holder_since_ns.store(now_ns, Ordering::Relaxed);
                    self.holder.store(thread, Ordering::Relaxed);
                }
                period.held_up = true;
            }
            Scan::Over => {
                period.ahead = None;
                self.holder.store(0, Ordering::Relaxed);
                self.advances.fetch_add(1, Ordering::Relaxed);
                let left = if collector.garbage.stack.is_empty() {
                    0
                } else {
                    collector.garbage.bytes.load(Ordering::Relaxed)
                };
                let threshold = self.threshold.load(Ordering::Relaxed);
                let threshold = collector.policy.adapt(threshold, left, period.held_up);
                self.threshold.store(threshold, Ordering::Relaxed);
            }
        }
    }
}

/// Looks at as many participants as the budget allows, up to one that is pinned since
/// before the period.
fn scan(period: &mut Period, collector: &Shared) -> Scan {
    let epoch = collector.epoch.load(Ordering::Relaxed);
    let Some(ahead) = &mut period.ahead else {
        return Scan::Over;
    };
    for _ in 0..collector.policy.scan_budget {
        let mut behind = ahead.clone();
        let Some(link) = behind.next() else {
            return Scan::Over;
        };
        // SAFETY: linked records live as long as the collector.
        let slot = &unsafe { link.as_ref() }.slot;
        let pinned = slot.epoch.load(order("epoch.scan", Ordering::Acquire));
        if pinned != 0 && pinned < epoch {
            return Scan::Held(slot.thread.load(Ordering::Relaxed));
        }
        *ahead = behind;
    }
    Scan::Unfinished
}

/// Frees as much of the batch as the budget allows; how many.
fn free(period: &mut Period, collector: &Shared) -> usize {
    for freed in 0..collector.policy.free_budget {
        let Some(node) = period.batch.pop() else {
            return freed;
        };
        // SAFETY: popped, so ours; the period is over, so no reference is left (proof in
        // the module).
        unsafe {
            collector.garbage.forget(garbage::bytes(node));
            garbage::free(node);
        }
    }
    collector.policy.free_budget
}
