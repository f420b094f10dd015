// SPDX-License-Identifier: GPL-2.0-only
//! Weight: how many tasks of the usual weight those of a cell amount to.
//!
//! Three tasks of nice 19 fill a CPU, and yet leave next to all of it to one of
//! nice 0 that comes. The virtual clock of a CPU tells: it goes on by the time that
//! passes over the weight of all who share it (GPS, Parekh & Gallager, 1993). By
//! the count of tasks a heavy one would go where fewer are, not where less is.
//!
//! The clock takes steps of a slice, which is much of a window. So it is averaged,
//! and only who are lighter by more than half count less than one each: for all others
//! the count is the better measure. Who is heavier than usual counts one.

use super::window::Window;

/// Cells whose tasks amount to a larger share of their number are not light.
const LIGHT: f64 = 0.5;

/// The EWMA of a cell's weight over its number of tasks takes so much of a new window.
const ALPHA: f64 = 0.25;

/// The mean weight of a cell's tasks, in 0..=1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Weight(f64);

impl Default for Weight {
    /// Nothing is known of it: its tasks are usual ones.
    fn default() -> Self {
        Weight(1.0)
    }
}

impl Weight {
    /// The weight after `window`, in which the cell's clock went on by `served` of the
    /// window's length. Without a busy CPU nothing is learnt.
    pub fn next(self, window: Window, served: f64) -> Weight {
        let tasks = window.q + window.u;
        if window.held || window.u <= 0.0 {
            return self;
        }
        let share = match served > 0.0 {
            true => (window.u / served / tasks).min(1.0),
            false => 1.0,
        };
        Weight(self.0 + ALPHA * (share - self.0))
    }

    /// `window` by weight: its queue and what runs are as long as that many usual tasks.
    pub fn of(self, window: Window) -> Window {
        if self.0 >= LIGHT {
            return window;
        }
        let load = self.0 * (window.q + window.u);
        Window {
            q: (load - window.u).max(0.0),
            w: load.min(window.u),
            ..window
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The load of `queue` and one more tasks after `windows`, in each of which the clock
    /// goes on by so much of the window.
    fn load(queue: f64, windows: &[f64]) -> f64 {
        let window = Window::new(queue, 1.0);
        let weight = windows.iter().fold(Weight::default(), |weight, served| {
            weight.next(window, *served)
        });
        weight.of(window).load()
    }

    #[test]
    fn usual_tasks_count_one_each() {
        assert_eq!(load(1.0, &[0.5; 9]), 2.0);
        // By slices of 4 ms in windows of 10.
        assert_eq!(load(1.0, &[0.4, 0.8, 0.4, 0.4, 0.8, 0.4]), 2.0);
        // A long slice that ends: none, none, and all of it.
        assert_eq!(load(0.0, &[0.0, 0.0, 3.0, 0.0, 0.0, 3.0]), 1.0);
    }

    #[test]
    fn light_tasks_count_less() {
        // Three of nice 19: their weights are 15 of 1024.
        let light = load(2.0, &[1024.0 / 45.0; 30]);
        assert!((light - 3.0 * 15.0 / 1024.0).abs() < 0.01, "{light}");
        // One of nice 0 beside them: a queue of next to none.
        let window = Window::new(3.0, 1.0);
        let weight = (0..30).fold(Weight::default(), |weight, _| weight.next(window, 0.96));
        let weighed = weight.of(window);
        assert!(
            (weighed.q - 0.04).abs() < 0.01 && weighed.w == 1.0,
            "{weighed:?}"
        );
    }

    #[test]
    fn heavy_tasks_count_one_each() {
        assert_eq!(load(1.0, &[0.05; 9]), 2.0);
    }

    #[test]
    fn it_is_seen_within_a_few_windows_and_forgotten_as_soon() {
        let light = load(2.0, &[20.0; 4]);
        assert!(light < 1.5, "{light}");
        let mut windows = vec![20.0; 30];
        windows.extend([1.0 / 3.0; 4]);
        assert_eq!(load(2.0, &windows), 3.0);
    }

    #[test]
    fn an_idle_or_taken_cell_teaches_nothing() {
        let light = Weight(0.1);
        assert_eq!(light.next(Window::default(), 5.0), light);
        let held = Window {
            held: true,
            ..Window::new(2.0, 1.0)
        };
        assert_eq!(light.next(held, 0.0), light);
    }

    proptest! {
        #[test]
        fn weight_takes_away_and_adds_nothing(
            q in 0.0..1e4f64, u in 0.0..=1.0f64, served in 0.0..1e9f64, before in 0.0..=1.0f64,
        ) {
            let window = Window::new(q, u);
            let weight = Weight(before).next(window, served);
            prop_assert!((0.0..=1.0).contains(&weight.0));
            let weighed = weight.of(window);
            prop_assert!(weighed.q <= q && weighed.q >= 0.0);
            prop_assert!(weighed.w <= u && weighed.w >= 0.0 && weighed.u == u);
        }
    }
}
