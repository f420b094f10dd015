// SPDX-License-Identifier: GPL-2.0-only
//! The automaton: from the windows of all cells to their states.
//!
//! [`step`] is a pure function of the previous states, the windows, the map and
//! the parameters. It costs O(cells) and allocates nothing.
//!
//! A cell runs the same three-state rule twice. The *relative* one compares its
//! queue to the mean of its LLC: that is where work can move for the price of a
//! walk inside a cache. The *absolute* one compares it to nothing. As long as
//! the LLC and the node are not saturated the relative state is what the cell
//! shows; inside a saturated LLC or node the absolute one is, since there every
//! CPU with a queue has work to give to those outside, however equal it is to
//! its neighbours.

use super::hysteresis::{CellState, Hysteresis};
use super::params::Params;
use super::place::Map;
use super::super_cell::{Load, SuperCell, step_siblings};
use super::window::Window;

/// Factors of the mean queue of the LLC that a cell must be above to become
/// saturated, and below to stop to be.
const SATURATE_ENTER_MEAN: f64 = 1.25;
const SATURATE_LEAVE_MEAN: f64 = 1.05;
/// A cell with a longer queue does not become hungry, however much it idles:
/// what it has waiting is not for it to run.
const HUNGRY_ENTER_QUEUE: f64 = 0.25;
/// A hungry cell with a longer queue has enough.
const HUNGRY_LEAVE_QUEUE: f64 = 0.5;

/// A CPU as the automaton remembers it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cell {
    /// What the cell shows: to its own track, and to others in their routes.
    pub state: CellState,
    /// EWMA of its windows.
    pub average: Window,
    /// The last of them.
    pub latest: Window,
    relative: Hysteresis,
    absolute: Hysteresis,
}

impl Cell {
    /// Its state among the CPUs of its LLC.
    pub fn relative(&self) -> CellState {
        self.relative.state()
    }
}

/// The states of a machine, in the order of [`Map::cells`], [`Map::llcs`] and
/// [`Map::nodes`].
#[derive(Clone, Debug, PartialEq)]
pub struct States {
    pub cells: Vec<Cell>,
    pub llcs: Vec<SuperCell>,
    pub nodes: Vec<SuperCell>,
    /// The averages hold a window.
    seeded: bool,
}

impl States {
    /// Everything balanced, and no window seen.
    pub fn new(map: &Map) -> States {
        States {
            cells: vec![Cell::default(); map.cells().len()],
            llcs: vec![SuperCell::NEW; map.llcs().len()],
            nodes: vec![SuperCell::NEW; map.nodes().len()],
            seeded: false,
        }
    }
}

/// What happened in a step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flips {
    /// Cells that show another state than before.
    pub cells: usize,
    /// LLCs and nodes of which the same is true.
    pub super_cells: usize,
    /// Some LLC has a hungry cell and a saturated one: idle time is wasted.
    pub wasted_idle: bool,
}

impl Flips {
    /// Nothing happened that a closer look would help with.
    pub fn is_quiet(&self) -> bool {
        self.cells == 0 && self.super_cells == 0 && !self.wasted_idle
    }
}

/// Computes `next` from `prev` and a window for each cell. What `next` held
/// does not matter, so the caller swaps two buffers.
///
/// # Panics
/// When `prev`, `next` or `windows` are not of the size of `map`.
pub fn step(
    map: &Map,
    params: &Params,
    prev: &States,
    windows: &[Window],
    next: &mut States,
) -> Flips {
    let nr = map.cells().len();
    assert!(windows.len() == nr && prev.cells.len() == nr && next.cells.len() == nr);
    average(prev, windows, next);
    sum_loads(map, params, next);
    let mut flips = Flips {
        super_cells: step_super_cells(map, params, prev, next),
        ..Flips::default()
    };
    for llc in 0..map.llcs().len() {
        step_llc(map, params, prev, next, llc, &mut flips);
    }
    flips
}

/// The first window is the average: there is no past to weigh it against.
fn average(prev: &States, windows: &[Window], next: &mut States) {
    for ((prev_cell, window), cell) in prev.cells.iter().zip(windows).zip(&mut next.cells) {
        cell.average = if prev.seeded {
            prev_cell.average.ewma(*window)
        } else {
            *window
        };
        cell.latest = *window;
    }
    next.seeded = true;
}

/// Loads of LLCs from their cells, and of nodes from their LLCs.
fn sum_loads(map: &Map, params: &Params, next: &mut States) {
    let idle = params.hungry_leave;
    for (llc, sum) in map.llcs().iter().zip(&mut next.llcs) {
        (sum.load, sum.latest) = (Load::NONE, Load::NONE);
        for cell in &next.cells[llc.cells.clone()] {
            sum.load = sum.load.and(Load::of_cell(cell.average, idle));
            sum.latest = sum.latest.and(Load::of_cell(cell.latest, idle));
        }
    }
    for (node, sum) in map.nodes().iter().zip(&mut next.nodes) {
        (sum.load, sum.latest) = (Load::NONE, Load::NONE);
        for llc in &next.llcs[node.llcs.clone()] {
            sum.load = sum.load.and(llc.load);
            sum.latest = sum.latest.and(llc.latest);
        }
    }
}

/// LLCs among those of their node, nodes among those of the machine.
fn step_super_cells(map: &Map, params: &Params, prev: &States, next: &mut States) -> usize {
    let mut flips = step_siblings(&prev.nodes, &mut next.nodes, params);
    for node in map.nodes() {
        let llcs = node.llcs.clone();
        flips += step_siblings(&prev.llcs[llcs.clone()], &mut next.llcs[llcs], params);
    }
    flips
}

/// The cells of an LLC, whose super-cells have their states.
fn step_llc(
    map: &Map,
    params: &Params,
    prev: &States,
    next: &mut States,
    index: usize,
    flips: &mut Flips,
) {
    let llc = &map.llcs()[index];
    let usual = Usual::of(next.llcs[index].load);
    let above = [
        next.llcs[index].state(),
        next.nodes[llc.node as usize].state(),
    ];
    let outward = above.contains(&CellState::Saturated);
    let (mut hungry, mut saturated) = (false, false);
    for cell in llc.cells.clone() {
        let (prev, next) = (&prev.cells[cell], &mut next.cells[cell]);
        next.relative = transition(prev.relative, next.average, usual, params);
        next.absolute = transition(prev.absolute, next.average, Usual::NONE, params);
        next.state = if outward {
            next.absolute
        } else {
            next.relative
        }
        .state();
        flips.cells += usize::from(next.state != prev.state);
        hungry |= next.state == CellState::Hungry;
        // What a held CPU has to give is not known, and BPF takes it from there.
        saturated |= next.state == CellState::Saturated && !next.latest.held;
    }
    flips.wasted_idle |= hungry && saturated;
}

/// The queue that is nothing special for a cell, in tasks.
#[derive(Clone, Copy)]
struct Usual {
    /// The mean of its LLC.
    mean: f64,
    /// The same while no CPU of the LLC idles, else none: five hogs on four CPUs
    /// go round, and whoever has two of them has nothing to give.
    shared: f64,
}

impl Usual {
    /// For a cell that is compared to nothing.
    const NONE: Usual = Usual {
        mean: 0.0,
        shared: 0.0,
    };

    /// In an LLC with this load.
    fn of(llc: Load) -> Usual {
        let mean = llc.mean_queue();
        let shared = if llc.all_busy { mean } else { 0.0 };
        Usual { mean, shared }
    }
}

/// The rule of a cell, beside what is usual.
///
/// What brings a cell into a state and what takes it out exclude each other, so
/// a constant load comes to rest. A CPU that a higher class has gives away all that
/// it has, from the first window on.
fn transition(prev: Hysteresis, window: Window, usual: Usual, params: &Params) -> Hysteresis {
    if window.held {
        return Hysteresis::enter(CellState::Saturated);
    }
    let (q, idle) = (window.q, window.idle());
    let enter = usual.shared + params.saturate_enter;
    let leave = usual.shared + params.saturate_leave;
    let over = q > enter.max(SATURATE_ENTER_MEAN * usual.mean);
    let under = q < leave.max(SATURATE_LEAVE_MEAN * usual.mean);
    let idles = idle > params.hungry_enter;
    match prev.state() {
        CellState::Balanced if over => Hysteresis::enter(CellState::Saturated),
        CellState::Balanced if idles && q < HUNGRY_ENTER_QUEUE => {
            Hysteresis::enter(CellState::Hungry)
        }
        CellState::Saturated if under => {
            let to = if idles {
                CellState::Hungry
            } else {
                CellState::Balanced
            };
            prev.leave(to, params.dwell)
        }
        CellState::Hungry if idle < params.hungry_leave || q > HUNGRY_LEAVE_QUEUE => {
            let to = if over {
                CellState::Saturated
            } else {
                CellState::Balanced
            };
            prev.leave(to, params.dwell)
        }
        _ => prev.stay(),
    }
}

#[cfg(test)]
mod tests;
