// SPDX-License-Identifier: GPL-2.0-only
//! When a grace period is worth its fence: pure.

use std::time::Duration;

/// How a [`Collector`](super::Collector) works.
///
/// A grace period is begun when the garbage has grown to a threshold, or `max_age` has
/// passed since [`collect`](super::Collector::collect) first met it, and never when there
/// is none. The threshold adapts, between `min_bytes` and `max_bytes`: it halves after a
/// grace period in which more than `min_bytes` were retired (garbage comes fast), and
/// doubles after one with less, or that some reader held up (asking often would not help).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// The lowest threshold, in bytes of garbage.
    pub min_bytes: usize,
    /// The highest threshold, in bytes of garbage; not below `min_bytes`.
    pub max_bytes: usize,
    /// Garbage that was met longer ago is enough by itself.
    pub max_age: Duration,
    /// Participants that a call of `collect` looks at, at most; at least 1.
    pub scan_budget: usize,
    /// Values that a call of `collect` frees, at most; at least 1.
    pub free_budget: usize,
    /// Retired values, at most: beyond, what would retire one is refused.
    pub max_pending: usize,
}

impl Default for Policy {
    fn default() -> Policy {
        Policy {
            min_bytes: 4 << 10,
            max_bytes: 1 << 20,
            max_age: Duration::from_millis(100),
            scan_budget: 64,
            free_budget: 64,
            max_pending: 1 << 16,
        }
    }
}

impl Policy {
    /// # Panics
    /// When a field is out of its range.
    pub(super) fn check(&self) {
        assert!(
            self.min_bytes <= self.max_bytes,
            "min_bytes is above max_bytes"
        );
        assert!(
            self.scan_budget > 0 && self.free_budget > 0,
            "a collector without budget"
        );
    }

    /// Whether to begin a grace period, for that much garbage of that age.
    pub(super) fn is_due(&self, threshold: usize, bytes: usize, age: Duration) -> bool {
        bytes > 0 && (bytes >= threshold || age >= self.max_age)
    }

    /// The threshold after a grace period in which that much was retired, and that a
    /// reader held up or not.
    pub(super) fn adapt(&self, threshold: usize, bytes_left: usize, held_up: bool) -> usize {
        let next = if held_up || bytes_left <= self.min_bytes {
            threshold.saturating_mul(2)
        } else {
            threshold / 2
        };
        next.clamp(self.min_bytes, self.max_bytes)
    }
}

#[cfg(all(test, not(any(loom, miri))))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn the_threshold_stays_in_its_range(
            min_bytes in 0..10_000usize,
            more in 0..10_000usize,
            periods in prop::collection::vec((0..40_000usize, any::<bool>()), 1..40),
        ) {
            let policy = Policy { min_bytes, max_bytes: min_bytes + more, ..Policy::default() };
            let mut threshold = min_bytes;
            for (left, held_up) in periods {
                threshold = policy.adapt(threshold, left, held_up);
                prop_assert!((policy.min_bytes..=policy.max_bytes).contains(&threshold));
            }
        }

        #[test]
        fn no_garbage_is_never_due_and_old_garbage_always(
            threshold in 0..10_000usize,
            bytes in 1..20_000usize,
            more_ms in 0..1000u64,
        ) {
            let policy = Policy::default();
            let old = policy.max_age + Duration::from_millis(more_ms);
            prop_assert!(!policy.is_due(threshold, 0, old));
            prop_assert!(policy.is_due(threshold, bytes, old));
            prop_assert_eq!(policy.is_due(threshold, bytes, Duration::ZERO), bytes >= threshold);
        }
    }

    #[test]
    fn fast_garbage_lowers_it_and_slow_garbage_raises_it() {
        let policy = Policy::default();
        let fast = (0..20).fold(policy.max_bytes, |t, _| policy.adapt(t, 1 << 20, false));
        assert_eq!(fast, policy.min_bytes);
        let slow = (0..20).fold(fast, |t, _| policy.adapt(t, 0, false));
        assert_eq!(slow, policy.max_bytes);
    }
}
