// SPDX-License-Identifier: GPL-2.0-only
//! Two versions of an operation, and which of them is in use: chosen by contention.
//!
//! On one word that all threads change, [`Together`](Version::Together), an operation is
//! simple and its result is in one place. When threads meet there, attempts fail, and each of
//! them has fetched the line from another CPU for nothing. [`Apart`](Version::Apart), each
//! thread on a line of its own, none fails, and who reads has to gather. Which is better
//! depends on the load, so a [`Selector`] changes from one to the other while the program runs:
//!
//! - Threads count their failed attempts, each in a [`Meter`] of its own, and tell the selector
//!   once in a *window* of 4096 operations. An operation reads one word that is hardly ever
//!   written, and writes none for the choice.
//! - An eighth of failed attempts, as soon as they are seen, changes to `Apart`.
//! - Apart nothing fails, so nothing tells when contention has ended, but a *trial*: after 16
//!   windows it is `Together` again. If that fails the next trial comes after twice as many,
//!   1024 at most. A window of less than a sixty-fourth makes it 16 again. What is between
//!   changes nothing.
//!
//! **Bound:** while contention lasts, a trial costs a thread a window's failed attempts: 512,
//! and those of its last operation. Trials are at least 16 windows apart, then 32, and so on,
//! counted over all threads: of 16 that are as busy, each meets the first after 4096 of its
//! own operations.

use crate::sync::atomic::{AtomicU64, Ordering};

/// Operations of a thread between two reports.
const WINDOW: u32 = if cfg!(loom) { 2 } else { 4096 };
/// Failed attempts in a window that are too many.
const MANY: u32 = if cfg!(loom) { 1 } else { WINDOW / 8 };
/// Failed attempts in a window that are next to none.
const FEW: u32 = WINDOW / 64;
/// Windows before a trial, at first and at most.
const PATIENCE: (u16, u16) = (16, 1024);

/// How to do an operation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Version {
    /// All threads on one word.
    #[default]
    Together,
    /// Each thread on a line of its own.
    Apart,
}

/// Which version is in use. Starts with [`Version::Together`].
pub struct Selector(AtomicU64);

/// What a thread has seen since it last told the selector.
#[derive(Clone, Debug, Default)]
pub struct Meter {
    version: Version,
    operations: u32,
    failed: u32,
}

/// What a selector remembers: pure, and packed in its word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct State {
    version: Version,
    /// Windows before the next trial, if apart.
    left: u16,
    /// Windows before the trial after a failed one.
    patience: u16,
    /// Changes so far; wraps.
    changes: u16,
}

impl Default for Selector {
    fn default() -> Selector {
        Selector::new()
    }
}

impl Selector {
    /// A selector that has seen nothing.
    pub fn new() -> Selector {
        Selector(AtomicU64::new(State::START.pack()))
    }

    /// The version to use now.
    #[inline]
    pub fn version(&self) -> Version {
        State::unpack(self.0.load(Ordering::Relaxed)).version
    }

    /// How often it has changed so far; wraps.
    pub fn changes(&self) -> u16 {
        State::unpack(self.0.load(Ordering::Relaxed)).changes
    }

    #[cold]
    fn report(&self, meter: &Meter) {
        let next = |word| Some(State::unpack(word).after(meter)?.pack());
        // Refused when the report changes nothing.
        let _ = self
            .0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
    }
}

impl std::fmt::Debug for Selector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let state = State::unpack(self.0.load(Ordering::Relaxed));
        f.debug_tuple("Selector").field(&state).finish()
    }
}

impl Meter {
    /// A meter that has seen nothing.
    pub const fn new() -> Meter {
        Meter {
            version: Version::Together,
            operations: 0,
            failed: 0,
        }
    }

    /// Does an operation in the version that is in use. It returns its result, and how many
    /// attempts at it failed.
    #[inline]
    pub fn run<R>(
        &mut self,
        selector: &Selector,
        operation: impl FnOnce(Version) -> (R, u32),
    ) -> R {
        let version = selector.version();
        let (result, failed) = operation(version);
        if version != self.version {
            // A window is of one version.
            *self = Meter {
                version,
                ..Meter::new()
            };
        }
        self.operations += 1;
        self.failed = self.failed.saturating_add(failed);
        if self.operations == WINDOW || self.failed >= MANY {
            selector.report(self);
            (self.operations, self.failed) = (0, 0);
        }
        result
    }
}

impl State {
    const START: State = State {
        version: Version::Together,
        left: 0,
        patience: PATIENCE.0,
        changes: 0,
    };

    fn pack(self) -> u64 {
        u64::from(self.version == Version::Apart)
            | u64::from(self.left) << 16
            | u64::from(self.patience) << 32
            | u64::from(self.changes) << 48
    }

    #[inline]
    fn unpack(word: u64) -> State {
        State {
            version: match word & 1 {
                0 => Version::Together,
                _ => Version::Apart,
            },
            left: (word >> 16) as u16,
            patience: (word >> 32) as u16,
            changes: (word >> 48) as u16,
        }
    }

    /// The state after a thread has told what it saw; None: as it was.
    fn after(self, seen: &Meter) -> Option<State> {
        let changes = self.changes.wrapping_add(1);
        match self.version {
            // Of before the last change.
            version if version != seen.version => None,
            Version::Together if seen.failed >= MANY => Some(State {
                version: Version::Apart,
                left: self.patience,
                patience: (self.patience * 2).min(PATIENCE.1),
                changes,
            }),
            Version::Together if seen.failed <= FEW && self.patience != PATIENCE.0 => Some(State {
                patience: PATIENCE.0,
                ..self
            }),
            Version::Together => None,
            Version::Apart if self.left > 1 => Some(State {
                left: self.left - 1,
                ..self
            }),
            Version::Apart => Some(State {
                version: Version::Together,
                left: 0,
                changes,
                ..self
            }),
        }
    }
}

#[cfg(all(test, not(any(loom, miri))))]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Runs so many operations, of which those together fail as `failures` says (attempts per
    /// 64 operations). Returns how many were together.
    fn run(meter: &mut Meter, selector: &Selector, operations: u32, failures: u32) -> u32 {
        (0..operations)
            .map(|i| {
                meter.run(selector, |version| match version {
                    Version::Together => (1, u32::from(i % 64 >= 64 - failures)),
                    Version::Apart => (0, 0),
                })
            })
            .sum()
    }

    #[test]
    fn contention_drives_threads_apart_and_trials_bring_them_together() {
        let (selector, mut meter) = (Selector::new(), Meter::new());
        assert_eq!(run(&mut meter, &selector, 10 * WINDOW, 0), 10 * WINDOW);
        // A quarter fails, so an eighth of a window is seen in half of one.
        assert_eq!(run(&mut meter, &selector, WINDOW, 16), WINDOW / 2);
        assert_eq!(selector.version(), Version::Apart);
        let trial = u32::from(PATIENCE.0) * WINDOW;
        let together = run(&mut meter, &selector, trial, 16);
        assert_eq!((together, selector.changes()), (WINDOW / 2, 3));
        // Contention ends, and the next trial is passed.
        assert_eq!(run(&mut meter, &selector, 2 * trial, 0), 0);
        assert_eq!(run(&mut meter, &selector, WINDOW, 0), WINDOW);
        assert_eq!(
            (selector.version(), selector.changes()),
            (Version::Together, 4)
        );
        // So the next one comes after the first time again.
        run(&mut meter, &selector, WINDOW, 16);
        assert_eq!(
            State::unpack(selector.0.load(Ordering::Relaxed)).patience,
            32
        );
    }

    #[test]
    fn what_is_between_changes_nothing() {
        let (selector, mut meter) = (Selector::new(), Meter::new());
        for failures in 0..8 {
            let together = run(&mut meter, &selector, 10 * WINDOW, failures);
            assert_eq!((together, selector.changes()), (10 * WINDOW, 0));
        }
    }

    #[test]
    fn a_report_of_the_other_version_is_ignored() {
        let seen = |version, failed| Meter {
            version,
            operations: WINDOW,
            failed,
        };
        assert_eq!(State::START.after(&seen(Version::Apart, 0)), None);
        let apart = State::START.after(&seen(Version::Together, MANY));
        let apart = apart.expect("too many failed");
        assert_eq!(apart.after(&seen(Version::Together, MANY)), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_state_is_as_it_was_packed(apart: bool, left: u16, patience: u16, changes: u16) {
            let version = if apart { Version::Apart } else { Version::Together };
            let state = State { version, left, patience, changes };
            prop_assert_eq!(State::unpack(state.pack()), state);
        }

        /// However long contention lasts and how soon it shows, it is tried as seldom as stated.
        #[test]
        fn trials_are_rare(failed in MANY..WINDOW, windows in 0..6000_u32) {
            let selector = Selector::new();
            let seen = |version, failed| Meter { version, operations: WINDOW, failed };
            selector.report(&seen(Version::Together, failed));
            let mut trials = 0;
            for _ in 0..windows {
                selector.report(&seen(Version::Apart, 0));
                if selector.version() == Version::Together {
                    trials += 1;
                    selector.report(&seen(Version::Together, failed));
                }
                prop_assert_eq!(selector.version(), Version::Apart);
            }
            // After 16, 32, .. 512, and 1024 windows each time then.
            let (mut wanted, mut left, mut patience) = (0, windows, 16);
            while left >= patience {
                wanted += 1;
                left -= patience;
                patience = (2 * patience).min(1024);
            }
            prop_assert_eq!(trials, wanted);
            prop_assert_eq!(u32::from(selector.changes()), 1 + 2 * trials);
        }
    }
}
