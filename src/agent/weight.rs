// SPDX-License-Identifier: GPL-2.0-only
//! Weight: how many tasks of the usual weight those of a cell amount to.
//!
//! Three tasks of nice 19 fill a CPU, and yet leave next to all of it to one of
//! nice 0 that comes. The virtual clock of a CPU tells: it goes on by the time that
//! passes over the weight of all who share it (GPS, Parekh & Gallager, 1993). By
//! the count of tasks a heavy one would go where fewer are, not where less is.
//!
//! The clock takes steps of a slice, which is much of a window. So it is averaged,
//! and tasks count less than one each only where they are lighter than usual by more
//! than half; with a heavy one among them they may be light and not show it. What tasks of
//! at least half the usual weight ran counts whatever the clock says.

use super::window::Window;

/// Cells whose tasks amount to this share of their number count them all.
const USUAL: f64 = 0.5;
/// From here on they are counted by weight alone.
const LIGHT: f64 = 0.4;

/// The averages take so much of a new window.
const ALPHA: f64 = 0.25;

/// What the tasks of a cell were served in a window, as shares of its length.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Served {
    /// How far the virtual clock went on.
    pub clock: f64,
    /// For how long tasks of less than half the usual weight ran.
    pub light: f64,
}

/// What is known of the weight of a cell's tasks: EWMAs of its windows while it was busy.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Weight {
    /// Of their busy shares, 0: nothing is known.
    busy: f64,
    served: Served,
}

impl Weight {
    /// The weight after `window`. A CPU that idles forgets it, a held one learns nothing.
    pub fn next(self, window: Window, served: Served) -> Weight {
        if window.held {
            return self;
        }
        if window.u <= 0.0 {
            return Weight::default();
        }
        if self.busy <= 0.0 {
            return Weight {
                busy: window.u,
                served,
            };
        }
        let ewma = |old: f64, new: f64| old + ALPHA * (new - old);
        Weight {
            busy: ewma(self.busy, window.u),
            served: Served {
                clock: ewma(self.served.clock, served.clock),
                light: ewma(self.served.light, served.light),
            },
        }
    }

    /// `window` with its load by weight.
    pub fn of(self, window: Window) -> Window {
        let tasks = window.q + window.u;
        let weight = self.busy / self.served.clock;
        if window.held || !(0.0..USUAL * tasks).contains(&weight) {
            return window;
        }
        // No step in between: a cell on it would flip with each window.
        let part = ((weight / tasks - LIGHT) / (USUAL - LIGHT)).max(0.0);
        let usual = (self.busy - self.served.light).clamp(0.0, window.u);
        Window {
            load: (weight + part * (tasks - weight)).max(usual),
            ..window
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A window in which the clock went on so far, and light tasks ran for so long.
    fn served(clock: f64, light: f64) -> Served {
        Served { clock, light }
    }

    /// The load of `queue` and one more tasks after `windows`.
    fn load(queue: f64, windows: &[Served]) -> f64 {
        let window = Window::new(queue, 1.0);
        let next = |weight: Weight, served: &Served| weight.next(window, *served);
        let weight = windows.iter().fold(Weight::default(), next);
        weight.of(window).load
    }

    #[test]
    fn usual_tasks_count_one_each() {
        assert_eq!(load(1.0, &[served(0.5, 0.0); 9]), 2.0);
        // By slices of 4 ms in windows of 10.
        let slices = [0.4, 0.8, 0.4, 0.4, 0.8, 0.4];
        assert_eq!(load(1.0, &slices.map(|clock| served(clock, 0.0))), 2.0);
        // Long slices: none, none, and all of it.
        let long = [0.0, 0.0, 3.0, 0.0, 0.0, 3.0];
        assert_eq!(load(0.0, &long.map(|clock| served(clock, 0.0))), 1.0);
        // A clock that stands.
        assert_eq!(load(1.0, &[served(0.0, 0.0); 9]), 2.0);
    }

    #[test]
    fn light_tasks_count_by_weight() {
        // Three of nice 19: their weights are 15 of 1024.
        let clock = 1024.0 / 45.0;
        let light = load(2.0, &[served(clock, 1.0); 30]);
        assert!((light - 3.0 / 1024.0 * 15.0).abs() < 1e-9, "{light}");
        // One of nice 0 beside them has next to all of the CPU.
        let mixed = load(3.0, &[served(0.96, 0.04); 30]);
        assert!((mixed - 1.04).abs() < 0.01, "{mixed}");
        // Eight that take their turns together: the clock goes on once in a while.
        let steps = [0.0, 0.0, 20.0].repeat(9);
        let steps: Vec<_> = steps.into_iter().map(|clock| served(clock, 1.0)).collect();
        assert!(load(7.0, &steps) < 0.5);
    }

    #[test]
    fn there_is_no_step_between_light_and_usual() {
        let load = |share: f64| load(3.0, &[served(0.25 / share, 1.0)]);
        for share in [LIGHT, USUAL] {
            let (below, above) = (load(share - 1e-6), load(share + 1e-6));
            assert!((below - above).abs() < 1e-3, "{below} {above}");
        }
        assert_eq!(load(USUAL), 4.0);
        assert!((load(LIGHT) - 4.0 * LIGHT).abs() < 1e-9);
    }

    #[test]
    fn who_sleeps_enough_counts_beside_a_light_hog() {
        // The clock goes by the hog alone, which has a tenth of the CPU.
        let load = load(0.9, &[served(6.7, 0.1); 30]);
        assert!((load - 0.9).abs() < 1e-9, "{load}");
    }

    #[test]
    fn heavy_tasks_count_one_each() {
        assert_eq!(load(1.0, &[served(0.05, 0.0); 9]), 2.0);
    }

    #[test]
    fn usual_tasks_that_follow_light_ones_count_again_soon() {
        let mut windows = vec![served(20.0, 1.0); 30];
        windows.extend([served(1.0 / 3.0, 0.0); 12]);
        assert!(load(2.0, &windows) > 1.0);
        // At once, if the CPU idled in between.
        let light = Weight::default().next(Window::new(2.0, 1.0), served(20.0, 1.0));
        assert_eq!(
            light.next(Window::default(), Served::default()),
            Weight::default()
        );
    }

    #[test]
    fn a_held_cell_teaches_nothing_and_is_full() {
        let light = Weight::default().next(Window::new(2.0, 1.0), served(20.0, 1.0));
        let held = Window {
            held: true,
            ..Window::new(2.0, 1.0)
        };
        assert_eq!(light.next(held, Served::default()), light);
        assert_eq!(light.of(held), held);
    }

    proptest! {
        #[test]
        fn weight_takes_away_and_adds_nothing(
            q in 0.0..1e4f64, u in 0.0..=1.0f64,
            windows in prop::collection::vec((0.0..=1.0f64, 0.0..1e9f64, 0.0..1e3f64), 0..5),
        ) {
            let window = Window::new(q, u);
            let mut weight = Weight::default();
            for (u, clock, light) in windows {
                weight = weight.next(Window::new(0.0, u), served(clock, light));
            }
            let weighed = weight.of(window);
            prop_assert!((0.0..=window.load).contains(&weighed.load), "{weighed:?}");
            prop_assert!((weighed.q, weighed.u) == (q, u));
        }
    }
}
