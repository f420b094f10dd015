// SPDX-License-Identifier: GPL-2.0-only
//! Matching: which cells give work to which, and how much of it.
//!
//! A saturated cell is a donor, any other a receiver. Groups are matched from
//! the inside out, LLCs first, then nodes, then the machine, so that work moves
//! no farther than it must. In each group the lightest receiver gets the next
//! donor in turn, at most once a window: free-for-all moves on old data herd
//! (Mitzenmacher, "How useful is old information?", 2000), matchings balance to
//! within a constant (Berenbrink et al., 2025).
//!
//! A grant is half the gap, and the gap counts what was granted before, so each
//! move of a task makes the sum of squared loads smaller: moves come to an end.
//! Between LLCs, and between nodes, that is the sum over their loads, and half of
//! an excess over the mean moves at most. There a cell need not be saturated to
//! give: six hogs on four CPUs go round until no queue stands out.

mod budget;
mod scope;
mod turns;

use super::automaton::{Cell, States};
use super::hysteresis::CellState;
use super::picks::Picks;
use super::place::Map;
use budget::Budgets;
use scope::Scope;
use turns::Turns;

/// Moves that a cell may make within a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
    /// CPU at the other end.
    pub cpu: u16,
    /// How many tasks, 1..=[`MAX_TOKENS`].
    pub tokens: u16,
}

/// Most tasks that a grant moves.
pub const MAX_TOKENS: u16 = 64;

/// Within an LLC, half of a gap is rounded to a task: less than this rounds to
/// none.
const GAP_MIN: f64 = 1.5;

/// Between parts their budgets say how much; the cells must differ at all.
const GAP_MIN_BETWEEN: f64 = 0.25;

/// A shorter queue has nobody to give most of the time.
const QUEUE_MIN: f64 = 0.25;

/// Idle share of the last window below which a cell had no time to give.
const IDLE_NOW: f64 = 0.05;

/// Donors and receivers of one window. Keeps its buffers from one to the next;
/// nothing in them carries over but who took lately.
#[derive(Clone, Debug, Default)]
pub struct Matching {
    /// Tasks, running or queued, after the moves granted so far.
    loads: Vec<f64>,
    /// The same, [`packed`].
    keys: Vec<u32>,
    /// What each cell may still do: [`Way::gives`] and [`Way::takes`].
    roles: Vec<u8>,
    /// Windows for which a cell that took gives nothing beyond its LLC: what it
    /// gave back was moved for nothing.
    rests: Vec<u32>,
    dwell: u32,
    push: Vec<Option<Grant>>,
    fair: Vec<Option<Grant>>,
    donors: Turns,
    receivers: Picks<u32>,
    budgets: Budgets,
}

/// For [`Way::gives`] and [`Way::takes`].
const LLC: bool = true;
const BEYOND: bool = false;

/// The two ways to move a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// A donor sends to a receiver with idle time whatever it would queue.
    Push,
    /// A receiver that is busy pulls when a slice ends.
    Fair,
}

impl Way {
    /// The role of a cell that may give this way within its LLC, or beyond it.
    fn gives(self, is_llc: bool) -> u8 {
        1 << (self as u8 + 4 * u8::from(!is_llc))
    }

    /// The role of one that may take this way.
    fn takes(self, is_llc: bool) -> u8 {
        4 << (self as u8 + 4 * u8::from(!is_llc))
    }

    /// The roles of a cell that nobody matched yet. A state takes its time to
    /// change: a hungry cell that did not idle lately is one that can pull.
    fn roles(cell: &Cell, rests: bool) -> u8 {
        let idles = cell.state == CellState::Hungry && cell.latest.idle() > IDLE_NOW;
        let takes = if idles { Way::Push } else { Way::Fair };
        let mut roles = takes.takes(BEYOND);
        if cell.state == CellState::Saturated {
            roles |= Way::Push.gives(LLC) | Way::Fair.gives(LLC);
            roles |= Way::Push.gives(BEYOND);
        } else {
            roles |= takes.takes(LLC);
        }
        if cell.average.q >= QUEUE_MIN {
            roles |= Way::Fair.gives(BEYOND);
        }
        if rests {
            roles &= !(Way::Push.gives(BEYOND) | Way::Fair.gives(BEYOND));
        }
        roles
    }
}

impl Matching {
    /// Matches the cells of `map`. For `dwell` windows after it took, a cell gives
    /// nothing to another LLC. Costs O(cells log cells) when some cell is
    /// saturated, O(cells) otherwise.
    ///
    /// # Panics
    /// When `states` is not of the size of `map`.
    pub fn fill(&mut self, map: &Map, dwell: u32, states: &States) {
        assert_eq!(states.cells.len(), map.cells().len());
        self.dwell = dwell;
        self.start(map, states);
        let mut cells = states.cells.iter();
        if cells.any(|cell| cell.state == CellState::Saturated) {
            for llc in 0..map.llcs().len() {
                self.match_cells(map, Scope::Llc(llc));
            }
        }
        for (index, node) in map.nodes().iter().enumerate() {
            if node.llcs.len() > 1 && self.budgets.set(&states.llcs[node.llcs.clone()]) {
                self.match_cells(map, Scope::Node(index));
            }
        }
        if map.nodes().len() > 1 && self.budgets.set(&states.nodes) {
            self.match_cells(map, Scope::Machine);
        }
    }

    /// Loads and roles of cells that nobody matched yet, and room for all that
    /// follows.
    fn start(&mut self, map: &Map, states: &States) {
        let (cells, nr) = (states.cells.iter(), map.cells().len());
        for grants in [&mut self.push, &mut self.fair] {
            grants.clear();
            grants.resize(nr, None);
        }
        self.loads.clear();
        self.loads
            .extend(cells.clone().map(|cell| cell.average.load));
        let loads = self.loads.iter().enumerate();
        self.keys.clear();
        self.keys
            .extend(loads.map(|(cell, load)| packed(*load, cell)));
        self.roles.clear();
        self.rests.resize(nr, 0);
        let rests = self.rests.iter_mut();
        self.roles.extend(cells.zip(rests).map(|(cell, rest)| {
            *rest = rest.saturating_sub(1);
            Way::roles(cell, *rest > 0)
        }));
        self.donors.start(nr);
        self.receivers.start(nr);
        self.budgets.reserve(map.llcs().len());
    }

    /// What `cell` may push to another, of the last [`Matching::fill`].
    pub fn push(&self, cell: usize) -> Option<Grant> {
        self.push[cell]
    }

    /// What `cell` may pull from another, of the last [`Matching::fill`].
    pub fn fair(&self, cell: usize) -> Option<Grant> {
        self.fair[cell]
    }

    /// Matches the cells of one group.
    fn match_cells(&mut self, map: &Map, scope: Scope) {
        for way in [Way::Push, Way::Fair] {
            self.collect(map, scope, way);
            for at in 0..self.receivers.list().len() {
                let receiver = cell_in(self.receivers.list()[at]);
                while let Some(donor) = self.donors.current() {
                    let donor = cell_in(donor);
                    let tokens = self.affordable(map, scope, donor, receiver);
                    if tokens > 0 {
                        self.grant(map, way, donor, receiver, tokens);
                        if !scope.is_llc() {
                            let [from, to] = [donor, receiver].map(|cell| scope.part_of(map, cell));
                            self.budgets.spend(from, to, tokens);
                        }
                        match way {
                            // It can name one receiver a window.
                            Way::Push => self.donors.leave(),
                            Way::Fair => self.donors.pass(),
                        }
                        break;
                    }
                    if self.lacks_room(map, scope, donor, receiver) {
                        break;
                    }
                    // Receivers get heavier: this donor has nothing for them.
                    self.donors.leave();
                }
            }
        }
    }

    /// Lists the group's donors, heaviest first, and receivers, lightest first.
    /// A part of the group gives or takes: within it all is matched already.
    fn collect(&mut self, map: &Map, scope: Scope, way: Way) {
        let is_llc = scope.is_llc();
        self.donors.start(map.cells().len());
        self.receivers.start(map.cells().len());
        for part in 0..scope.nr_parts(map) {
            let cells = scope.cells(map, part);
            let (keys, roles) = (&self.keys[cells.clone()], &self.roles[cells]);
            let of_part = || keys.iter().zip(roles);
            if is_llc || self.budgets.gives(part) {
                let role = way.gives(is_llc);
                of_part().for_each(|(key, roles)| self.donors.offer(*key, roles & role != 0));
            }
            if is_llc || self.budgets.takes(part) {
                let role = way.takes(is_llc);
                of_part().for_each(|(key, roles)| self.receivers.offer(*key, roles & role != 0));
            }
        }
        if !self.receivers.list().is_empty() && !self.donors.is_empty() {
            self.donors.sort();
            self.receivers.list_mut().sort_unstable();
        }
    }

    /// How many tasks the gap and the budgets allow to move.
    fn affordable(&self, map: &Map, scope: Scope, donor: usize, receiver: usize) -> u16 {
        let gap = self.loads[donor] - self.loads[receiver];
        let tasks = rounded_half(gap).min(MAX_TOKENS);
        if scope.is_llc() {
            return if gap < GAP_MIN { 0 } else { tasks };
        }
        if gap < GAP_MIN_BETWEEN {
            return 0;
        }
        let [from, to] = [donor, receiver].map(|cell| scope.part_of(map, cell));
        tasks.max(1).min(self.budgets.tasks(from, to))
    }

    /// Nothing may go from `donor` to `receiver`: is that the receiver's part?
    fn lacks_room(&self, map: &Map, scope: Scope, donor: usize, receiver: usize) -> bool {
        let [from, to] = [donor, receiver].map(|cell| scope.part_of(map, cell));
        !scope.is_llc() && self.budgets.tasks(from, to) == 0 && self.budgets.lacks_room(from, to)
    }

    /// So many tasks go from `donor` to `receiver`.
    fn grant(&mut self, map: &Map, way: Way, donor: usize, receiver: usize, tokens: u16) {
        let (cells, tasks) = (map.cells(), f64::from(tokens));
        let (by, at) = match way {
            Way::Push => (&mut self.push[donor], receiver),
            Way::Fair => (&mut self.fair[receiver], donor),
        };
        *by = Some(Grant {
            cpu: cells[at].cpu,
            tokens,
        });
        self.roles[receiver] = 0;
        self.rests[receiver] = self.dwell.saturating_add(1);
        // Who gives does not take.
        self.roles[donor] &= !(Way::Push.takes(BEYOND) | Way::Fair.takes(BEYOND));
        if way == Way::Push {
            self.roles[donor] &= !(way.gives(LLC) | way.gives(BEYOND));
        }
        self.loads[donor] -= tasks;
        self.loads[receiver] += tasks;
        for cell in [donor, receiver] {
            self.keys[cell] = packed(self.loads[cell], cell);
        }
    }
}

/// Half of `gap` to the nearest task; a quarter is what a window's mean is off.
fn rounded_half(gap: f64) -> u16 {
    (gap / 2.0 + 0.25) as u16
}

/// A cell and its load in one number that sorts by load, then by cell.
fn packed(load: f64, cell: usize) -> u32 {
    ((load * 16.0).min(65_535.0) as u32) << 16 | cell as u32
}

fn cell_in(packed: u32) -> usize {
    (packed & 0xffff) as usize
}

#[cfg(test)]
mod tests;
