// SPDX-License-Identifier: GPL-2.0-only
//! Super-cells: LLCs and nodes as cells of the automaton.
//!
//! The rule of a CPU compares it to the mean of its LLC, so it is blind when
//! all CPUs of an LLC have too much. The same three states one level up see
//! that: an LLC is compared to the LLCs of its node, a node to the nodes of the
//! machine. The measure is tasks per CPU, running ones included: an LLC that
//! idles and one that is just full differ in no queue, yet in what they can take.

use super::hysteresis::{CellState, Hysteresis};
use super::params::Params;
use super::window::Window;

/// Within this share of the band a super-cell is balanced again. Rules without
/// such a gap flip at every window of a load that sits on the band.
const LEAVE: f64 = 0.5;
/// A queue shorter than this many tasks per CPU is no queue: an EWMA comes
/// close to zero, but takes its time to get there.
const NO_QUEUE: f64 = 0.02;

/// The load of a group of CPUs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Load {
    /// Sum of the mean queues, in tasks.
    pub queue: f64,
    /// Sum of what runs, in tasks.
    pub busy: f64,
    /// Capacity, in CPUs.
    pub cpus: f64,
    /// Every CPU is busy.
    pub all_busy: bool,
}

impl Load {
    /// The load of no CPU.
    pub(super) const NONE: Load = Load {
        queue: 0.0,
        busy: 0.0,
        cpus: 0.0,
        all_busy: true,
    };

    /// The load of one CPU; it is busy when its idle share is below `idle`.
    pub(super) fn of_cell(window: Window, idle: f64) -> Load {
        Load {
            queue: (window.load - window.u).max(0.0),
            busy: window.load.min(window.u),
            cpus: 1.0,
            all_busy: window.idle() < idle,
        }
    }

    pub(super) fn and(self, other: Load) -> Load {
        Load {
            queue: self.queue + other.queue,
            busy: self.busy + other.busy,
            cpus: self.cpus + other.cpus,
            all_busy: self.all_busy && other.all_busy,
        }
    }

    /// Tasks per CPU, running or queued.
    pub fn per_cpu(self) -> f64 {
        self.tasks() / self.cpus.max(1.0)
    }

    /// Tasks, running or queued.
    pub fn tasks(self) -> f64 {
        self.queue + self.busy
    }

    /// Queued tasks per CPU.
    pub fn mean_queue(self) -> f64 {
        self.queue / self.cpus.max(1.0)
    }

    /// How far from this mean load a super-cell may be and count as balanced.
    fn band(self, params: &Params) -> f64 {
        let share = match (self.mean_queue() >= NO_QUEUE, self.all_busy) {
            (false, _) => params.band_quiet,
            (true, true) => params.band_overloaded,
            (true, false) => params.band,
        };
        (share * self.per_cpu()).max(params.band_min)
    }
}

/// An LLC or a node.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SuperCell {
    /// Its load, averaged over time as its cells' windows are.
    pub load: Load,
    /// Its load in the last window.
    pub latest: Load,
    pub(super) hysteresis: Hysteresis,
}

impl SuperCell {
    pub(super) const NEW: SuperCell = SuperCell {
        load: Load::NONE,
        latest: Load::NONE,
        hysteresis: Hysteresis::BALANCED,
    };

    /// Its state among its siblings.
    pub fn state(&self) -> CellState {
        self.hysteresis.state()
    }
}

/// Gives the siblings in `next`, whose loads are set, their states from those
/// in `prev`, and says how many flipped. A lone super-cell is its own mean, so
/// it is balanced.
pub(super) fn step_siblings(prev: &[SuperCell], next: &mut [SuperCell], params: &Params) -> usize {
    let all = next
        .iter()
        .fold(Load::NONE, |all, sibling| all.and(sibling.load));
    let (mean, band) = (all.per_cpu(), all.band(params));
    let mut flips = 0;
    for (prev, next) in prev.iter().zip(next) {
        let excess = next.load.per_cpu() - mean;
        next.hysteresis = transition(prev.hysteresis, excess, band, params.dwell);
        flips += usize::from(next.state() != prev.state());
    }
    flips
}

fn transition(prev: Hysteresis, excess: f64, band: f64, dwell: u32) -> Hysteresis {
    let beyond = match () {
        () if excess > band => CellState::Saturated,
        () if excess < -band => CellState::Hungry,
        () => CellState::Balanced,
    };
    match prev.state() {
        CellState::Balanced => Hysteresis::enter(beyond),
        CellState::Saturated if excess < band * LEAVE => prev.leave(beyond, dwell),
        CellState::Hungry if excess > -band * LEAVE => prev.leave(beyond, dwell),
        _ => prev.stay(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use CellState::{Balanced, Hungry, Saturated};

    /// A group of eight CPUs, each with so many queued tasks and so busy.
    fn octet(q: f64, u: f64) -> Load {
        let cell = Load::of_cell(Window::new(q, u), Params::default().hungry_leave);
        (1..8).fold(cell, |sum, _| sum.and(cell))
    }

    /// States after each window of `windows` siblings' loads.
    fn run(windows: &[Vec<Load>]) -> Vec<Vec<CellState>> {
        let mut prev = vec![SuperCell::NEW; windows[0].len()];
        let step = |loads: &Vec<Load>| {
            let mut next = prev.clone();
            next.iter_mut()
                .zip(loads)
                .for_each(|(cell, load)| cell.load = *load);
            step_siblings(&prev, &mut next, &Params::default());
            prev = next;
            prev.iter().map(SuperCell::state).collect()
        };
        windows.iter().map(step).collect()
    }

    fn once(loads: Vec<Load>) -> Vec<CellState> {
        run(&[loads]).remove(0)
    }

    #[test]
    fn load_is_per_cpu() {
        // Twice the CPUs with twice the work: the same load.
        let big = octet(1.0, 1.0).and(octet(1.0, 1.0));
        assert_eq!(big.per_cpu(), 2.0);
        assert_eq!(once(vec![big, octet(1.0, 1.0)]), [Balanced, Balanced]);
    }

    #[test]
    fn three_to_one_is_saturated_and_hungry() {
        assert_eq!(
            once(vec![octet(2.0, 1.0), octet(0.0, 1.0)]),
            [Saturated, Hungry]
        );
        assert_eq!(once(vec![octet(2.0, 1.0)]), [Balanced]);
    }

    #[test]
    fn a_quarter_of_a_task_is_the_least_excess() {
        assert_eq!(
            once(vec![octet(0.0, 0.7), octet(0.0, 0.3)]),
            [Balanced, Balanced]
        );
        assert_eq!(
            once(vec![octet(0.0, 0.8), octet(0.0, 0.2)]),
            [Saturated, Hungry]
        );
    }

    #[test]
    fn the_band_is_wide_when_nothing_waits_and_narrow_when_overloaded() {
        let params = Params::default();
        let share = |q, u| octet(q, u).band(&params) / octet(q, u).per_cpu();
        // Loads so large that the least band of a quarter task does not count.
        assert_eq!(
            Load {
                busy: 16.0,
                ..octet(0.0, 1.0)
            }
            .band(&params),
            0.25 * 2.0
        );
        assert_eq!(share(9.0, 1.0), 0.0625);
        assert_eq!(share(9.0, 0.5), 0.125);
        assert!(octet(9.0, 1.0).and(octet(9.0, 0.9)).band(&params) > 0.0625 * 20.0 * 0.9);
    }

    #[test]
    fn each_band_is_its_parameter() {
        let params = Params {
            band: 0.5,
            band_quiet: 2.0,
            band_overloaded: 0.1,
            band_min: 0.3,
            ..Params::default()
        };
        assert_eq!(octet(0.0, 0.5).band(&params), 1.0);
        assert_eq!(octet(9.0, 1.0).band(&params), 1.0);
        assert_eq!(octet(9.5, 0.5).band(&params), 5.0);
        assert_eq!(octet(0.0, 0.1).band(&params), 0.3);
    }

    #[test]
    fn leaving_takes_half_the_band_and_the_dwell() {
        let pair = |excess: f64| vec![octet(2.0 + excess, 1.0), octet(2.0 - excess, 1.0)];
        // The band at a mean of three tasks is a quarter task.
        let states = run(&[
            pair(0.3),
            pair(0.2),
            pair(0.2),
            pair(0.1),
            pair(0.2),
            pair(0.1),
        ]);
        assert!(
            states.iter().all(|states| *states == [Saturated, Hungry]),
            "{states:?}"
        );
        let states = run(&[pair(0.3), pair(0.1), pair(0.1)]);
        assert_eq!(states[1], [Saturated, Hungry]);
        assert_eq!(states[2], [Balanced, Balanced]);
    }

    #[test]
    fn a_load_that_swaps_sides_swaps_states() {
        let states = run(&[
            vec![octet(4.0, 1.0), octet(0.0, 1.0)],
            vec![octet(0.0, 1.0), octet(4.0, 1.0)],
            vec![octet(0.0, 1.0), octet(4.0, 1.0)],
        ]);
        assert_eq!(states[2], [Hungry, Saturated]);
    }
}
