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
    pub(super) held: AtomicUsize,
    /// Thread that holds the period up, 0: none.
    pub(super) holder: AtomicU32,
    pub(super) holder_since_ns: AtomicU64,
}

struct Period {
    /// What the period is for: then free to go, but for what hazards hold.
    batch: List,
    /// What hazards held when that was last looked at.
    kept: List,
    /// The size of all that was retired when the period began.
    batch_bytes: usize,
    /// The number of those that were kept, and their size.
    kept_count: usize,
    kept_bytes: usize,
    /// What hazards hold: addresses, sorted. Read when the period had ended.
    held: Vec<usize>,
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
                kept: List::default(),
                batch_bytes: 0,
                kept_count: 0,
                kept_bytes: 0,
                held: Vec::new(),
                ahead: None,
                held_up: false,
                garbage_since: None,
            }),
            threshold: AtomicUsize::new(threshold),
            advances: AtomicUsize::new(0),
            held_up: AtomicUsize::new(0),
            held: AtomicUsize::new(0),
            holder: AtomicU32::new(0),
            holder_since_ns: AtomicU64::new(0),
        }
    }

    /// A portion of work at the time `now` of the collector: how many values it freed,
    /// or None when a thread is at it.
    pub(super) fn run(&self, collector: &Shared, now: Duration) -> Option<usize> {
        self.period.try_with(|period| {
            if period.batch.is_empty() && !self.begin(period, collector, now) {
                // No reader but hazards can have these any more.
                period.take_kept(List::default());
                period.look_at_hazards(collector);
            }
            if period.ahead.is_some() {
                self.go_on(period, collector, now);
            }
            if period.ahead.is_none() {
                let freed = period.free(collector);
                self.held.store(period.kept_count, Ordering::Relaxed);
                freed
            } else {
                0
            }
        })
    }

    /// Begins a period if the policy wants one; whether it did.
    fn begin(&self, period: &mut Period, collector: &Shared, now: Duration) -> bool {
        let all_bytes = collector.garbage.bytes.load(Ordering::Relaxed);
        let bytes = all_bytes.saturating_sub(period.kept_bytes);
        if collector.garbage.stack.is_empty() {
            period.garbage_since = None;
            return false;
        }
        let since = *period.garbage_since.get_or_insert(now);
        let threshold = self.threshold.load(Ordering::Relaxed);
        let age = now.saturating_sub(since);
        if !collector.policy.is_due(threshold, bytes.max(1), age) {
            return false;
        }
        period.garbage_since = None;
        period.batch_bytes = all_bytes;
        period.take_kept(collector.garbage.stack.take());
        collector.fence.heavy();
        // Only who has the turn writes it. No model misses the release, nor the acquire
        // of who pins, as sequential fences do the same.
        let next = collector.epoch.load(Ordering::Relaxed) + 1;
        collector.epoch.store(next, Ordering::Release);
        period.held_up = false;
        period.ahead = Some(collector.participants.links());
        true
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
                period.look_at_hazards(collector);
                self.holder.store(0, Ordering::Relaxed);
                self.advances.fetch_add(1, Ordering::Relaxed);
                // Nothing of the batch has been freed yet.
                let all_bytes = collector.garbage.bytes.load(Ordering::Relaxed);
                let left = all_bytes.saturating_sub(period.batch_bytes);
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

impl Period {
    /// Makes a batch of `garbage` and what was kept.
    fn take_kept(&mut self, garbage: List) {
        self.batch = std::mem::take(&mut self.kept).followed_by(garbage);
        (self.kept_count, self.kept_bytes) = (0, 0);
    }

    /// Reads what hazards hold of the batch, if there is one. The period is over.
    fn look_at_hazards(&mut self, collector: &Shared) {
        if !self.batch.is_empty() {
            let acquire = order("epoch.held", Ordering::Acquire);
            collector.hazards.protected(acquire, &mut self.held);
        }
    }

    /// Looks at as much of the batch as the budget allows, and frees what no hazard held;
    /// how many.
    fn free(&mut self, collector: &Shared) -> usize {
        let mut freed = 0;
        for _ in 0..collector.policy.free_budget {
            let Some(node) = self.batch.pop() else {
                break;
            };
            // SAFETY: popped, so ours.
            let bytes = unsafe { garbage::bytes(node) };
            if self.held.binary_search(&node.as_ptr().addr()).is_ok() {
                self.kept_count += 1;
                self.kept_bytes += bytes;
                // SAFETY: popped, so ours.
                unsafe { self.kept.push(node) };
                continue;
            }
            collector.garbage.forget(bytes);
            freed += 1;
            // SAFETY: popped, so ours; the period is over and no hazard had it then, so no
            // reference is left (proof in the module).
            unsafe { garbage::free(node) };
        }
        freed
    }
}
