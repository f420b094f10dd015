// SPDX-License-Identifier: GPL-2.0-only
//! How long a window lasts, and how long what the agent says is believed.

use super::params::{MS, Params};

/// So many quiet windows stretch the next ones by half.
const QUIET_WINDOWS: u32 = 8;
/// So many idle ones, in a row, stretch the next ones to the full.
const IDLE_WINDOWS: u32 = 2;
/// After so many idle ones what comes is news, whatever came before.
const LONG_IDLE_WINDOWS: u32 = 16;
/// No signal holds longer. BPF obeys none that claims a second, and the clocks
/// of both are not quite the same.
const MAX_LIFETIME_NS: u64 = 900 * MS;

/// What a window showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// Something flipped, which a closer look helps with.
    Change,
    /// Nothing did: [`super::automaton::Flips::is_quiet`].
    Quiet,
    /// Nothing did, and every CPU idled.
    Idle,
}

/// The length of windows: short while something changes or begins, long while not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pacing {
    base_ns: u64,
    max_ns: u64,
    signal_periods: u32,
    period_ns: u64,
    quiet: u32,
    idle: u32,
    /// Work that made nothing flip has brought it back from idle windows already.
    poked: bool,
}

impl Pacing {
    /// Begins with the period of `params`, which are valid.
    pub fn new(params: &Params) -> Pacing {
        Pacing {
            base_ns: params.period_ns,
            max_ns: params.max_period_ns,
            signal_periods: params.signal_periods,
            period_ns: params.period_ns,
            quiet: 0,
            idle: 0,
            poked: false,
        }
    }

    /// Takes note of a window.
    ///
    /// What little an idle desktop does now and then brings short windows once. If they
    /// only show idle ones again, what comes next does so only by a flip, or after a while.
    pub fn note(&mut self, seen: Seen) {
        let rested = self.idle >= IDLE_WINDOWS;
        self.poked &= seen != Seen::Change && self.idle < LONG_IDLE_WINDOWS;
        self.idle = match seen {
            Seen::Idle => self.idle.saturating_add(1),
            Seen::Change | Seen::Quiet => 0,
        };
        match seen {
            Seen::Change => self.look_closely(),
            Seen::Quiet if rested && !self.poked => {
                self.poked = true;
                self.look_closely();
            }
            Seen::Quiet | Seen::Idle => self.stretch(),
        }
    }

    fn look_closely(&mut self) {
        self.period_ns = self.base_ns;
        self.quiet = 0;
    }

    fn stretch(&mut self) {
        self.quiet += 1;
        if self.quiet == QUIET_WINDOWS {
            self.quiet = 0;
            self.period_ns = (self.period_ns * 3 / 2).min(self.max_ns);
        }
        if self.idle >= IDLE_WINDOWS {
            self.period_ns = self.max_ns;
        }
    }

    /// Length of the next window in nanoseconds.
    pub fn period_ns(&self) -> u64 {
        self.period_ns
    }

    /// For how long from now a signal holds, in nanoseconds.
    pub fn lifetime_ns(&self) -> u64 {
        (u64::from(self.signal_periods) * self.period_ns).min(MAX_LIFETIME_NS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pacing(period_ms: u64) -> Pacing {
        Pacing::new(&Params {
            period_ns: period_ms * MS,
            ..Params::default()
        })
    }

    #[test]
    fn eight_quiet_windows_stretch_it_by_half() {
        let mut pace = pacing(10);
        let mut periods = Vec::new();
        for _ in 0..56 {
            periods.push(pace.period_ns());
            pace.note(Seen::Quiet);
        }
        assert!(periods[..8].iter().all(|period| *period == 10 * MS));
        assert!(periods[8..16].iter().all(|period| *period == 15 * MS));
        assert_eq!(periods[16], 22_500_000);
        assert_eq!(pace.period_ns(), 100 * MS);
        assert_eq!(pace.lifetime_ns(), 500 * MS);
    }

    #[test]
    fn a_flip_brings_it_back() {
        let mut pace = pacing(20);
        (0..100).for_each(|_| pace.note(Seen::Quiet));
        assert_eq!(pace.period_ns(), 100 * MS);
        pace.note(Seen::Change);
        assert_eq!(pace, pacing(20));
        // The count of quiet windows starts anew as well.
        (0..7).for_each(|_| pace.note(Seen::Quiet));
        pace.note(Seen::Change);
        (0..7).for_each(|_| pace.note(Seen::Quiet));
        assert_eq!(pace.period_ns(), 20 * MS);
    }

    #[test]
    fn two_idle_windows_stretch_it_at_once_and_work_brings_it_back() {
        let mut pace = pacing(10);
        pace.note(Seen::Idle);
        pace.note(Seen::Quiet);
        pace.note(Seen::Idle);
        assert_eq!(pace.period_ns(), 10 * MS, "not in a row");
        pace.note(Seen::Idle);
        assert_eq!(pace.period_ns(), 100 * MS);
        // Nothing has flipped yet when work begins.
        pace.note(Seen::Quiet);
        assert_eq!(pace.period_ns(), 10 * MS);
    }

    #[test]
    fn work_that_makes_nothing_flip_brings_it_back_once() {
        let mut pace = pacing(10);
        let mut poke = |idle: u32| {
            (0..idle).for_each(|_| pace.note(Seen::Idle));
            pace.note(Seen::Quiet);
            pace.period_ns() / MS
        };
        assert_eq!(poke(2), 10);
        assert_eq!([poke(2), poke(3), poke(15)], [100; 3], "known by now");
        assert_eq!(poke(16), 10, "after a while it is news");
        (0..2).for_each(|_| pace.note(Seen::Idle));
        pace.note(Seen::Change);
        (0..2).for_each(|_| pace.note(Seen::Idle));
        pace.note(Seen::Quiet);
        assert_eq!(pace.period_ns(), 10 * MS, "a flip is news, too");
    }

    #[test]
    fn the_bounds_are_those_of_the_parameters() {
        let mut pace = Pacing::new(&Params {
            period_ns: 20 * MS,
            max_period_ns: 40 * MS,
            signal_periods: 3,
            ..Params::default()
        });
        assert_eq!(pace.lifetime_ns(), 60 * MS);
        (0..100).for_each(|_| pace.note(Seen::Quiet));
        assert_eq!((pace.period_ns(), pace.lifetime_ns()), (40 * MS, 120 * MS));
    }

    #[test]
    fn no_signal_holds_longer_than_bpf_lets_it() {
        let pace = Pacing::new(&Params {
            period_ns: 100 * MS,
            signal_periods: 50,
            ..Params::default()
        });
        assert_eq!(pace.lifetime_ns(), 900 * MS);
    }

    proptest! {
        #[test]
        fn the_period_stays_in_its_bounds(
            base in 4..=100u64, windows in prop::collection::vec(any_window(), 1..300),
        ) {
            let mut pace = pacing(base);
            for seen in windows {
                pace.note(seen);
                prop_assert!((base * MS..=100 * MS).contains(&pace.period_ns()));
                prop_assert!(seen != Seen::Change || pace.period_ns() == base * MS);
                prop_assert_eq!(pace.lifetime_ns(), 5 * pace.period_ns());
            }
        }
    }

    fn any_window() -> impl Strategy<Value = Seen> {
        prop_oneof![1 => Just(Seen::Change), 20 => Just(Seen::Quiet), 20 => Just(Seen::Idle)]
    }
}
