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
mod turns;

use std::ops::Range;

use super::automaton::{Cell, States};
use super::hysteresis::CellState;
use super::picks::Picks;
use super::place::Map;
use budget::Budgets;
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

/// Between what tasks move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Level {
    /// The cells of an LLC.
    Llc,
    /// The LLCs of a node, or the nodes.
    Parts,
}

/// The two ways to move a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// A donor sends to a receiver with idle time whatever it would queue.
    Push,
    /// A receiver that is busy pulls when a slice ends.
    Fair,
}

impl Way {
    /// The role of a cell that may give this way.
    fn gives(self, level: Level) -> u8 {
        1 << (self as u8 + 4 * level as u8)
    }

    /// The role of one that may take this way.
    fn takes(self, level: Level) -> u8 {
        4 << (self as u8 + 4 * level as u8)
    }

    /// The roles of a cell that nobody matched yet. A state takes its time to
    /// change: a hungry cell that did not idle lately is one that can pull.
    fn roles(cell: &Cell, rests: bool) -> u8 {
        let idles = cell.state == CellState::Hungry && cell.latest.idle() > IDLE_NOW;
        let takes = if idles { Way::Push } else { Way::Fair };
        let mut roles = takes.takes(Level::Parts);
        if cell.state == CellState::Saturated {
            roles |= Way::Push.gives(Level::Llc) | Way::Fair.gives(Level::Llc);
            roles |= Way::Push.gives(Level::Parts);
        } else {
            roles |= takes.takes(Level::Llc);
        }
        if cell.average.q >= QUEUE_MIN {
            roles |= Way::Fair.gives(Level::Parts);
        }
        if rests {
            roles &= !(Way::Push.gives(Level::Parts) | Way::Fair.gives(Level::Parts));
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
        let nr = map.cells().len();
        assert_eq!(states.cells.len(), nr);
        self.dwell = dwell;
        self.start(map, states);
        let mut cells = states.cells.iter();
        if cells.any(|cell| cell.state == CellState::Saturated) {
            for llc in map.llcs() {
                self.match_group(map, llc.cells.clone(), |_| None);
            }
        }
        for node in map.nodes().iter().filter(|node| node.llcs.len() > 1) {
            let first = node.llcs.start;
            if self.budgets.set(&states.llcs[node.llcs.clone()]) {
                let llc_of = |cell: usize| Some(map.cells()[cell].llc as usize - first);
                self.match_group(map, node.cells.clone(), llc_of);
            }
        }
        if map.nodes().len() > 1 && self.budgets.set(&states.nodes) {
            let node_of = |cell: usize| Some(map.cells()[cell].node as usize);
            self.match_group(map, 0..nr, node_of);
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
            .extend(cells.clone().map(|cell| cell.average.q + cell.average.u));
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

    /// Matches the cells of one group whose budgets are found by `part_of`.
    fn match_group(
        &mut self,
        map: &Map,
        cells: Range<usize>,
        part_of: impl Fn(usize) -> Option<usize>,
    ) {
        for way in [Way::Push, Way::Fair] {
            self.collect(cells.clone(), way, &part_of);
            for at in 0..self.receivers.list().len() {
                let receiver = cell_in(self.receivers.list()[at]);
                while let Some(donor) = self.donors.current() {
                    let donor = cell_in(donor);
                    let tokens = self.affordable(donor, receiver, &part_of);
                    if tokens > 0 {
                        self.grant(map, way, donor, receiver, tokens, &part_of);
                        match way {
                            // It can name one receiver a window.
                            Way::Push => self.donors.leave(),
                            Way::Fair => self.donors.pass(),
                        }
                        break;
                    }
                    if self.lacks_room(donor, receiver, &part_of) {
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
    fn collect(
        &mut self,
        cells: Range<usize>,
        way: Way,
        part_of: &impl Fn(usize) -> Option<usize>,
    ) {
        self.donors.start(cells.len());
        self.receivers.start(cells.len());
        for cell in cells {
            let (key, roles, part) = (self.keys[cell], self.roles[cell], part_of(cell));
            let level = part.map_or(Level::Llc, |_| Level::Parts);
            let (gives, takes) = (roles & way.gives(level), roles & way.takes(level));
            let may_give = part.is_none_or(|part| self.budgets.gives(part));
            let may_take = part.is_none_or(|part| self.budgets.takes(part));
            self.donors.offer(key, may_give && gives != 0);
            self.receivers.offer(key, may_take && takes != 0);
        }
        if !self.receivers.list().is_empty() {
            self.donors.sort();
            self.receivers.list_mut().sort_unstable();
        }
    }

    /// How many tasks the gap and the budgets allow to move.
    fn affordable(
        &self,
        donor: usize,
        receiver: usize,
        part_of: &impl Fn(usize) -> Option<usize>,
    ) -> u16 {
        let gap = self.loads[donor] - self.loads[receiver];
        let tasks = rounded_half(gap).min(MAX_TOKENS);
        match parts(donor, receiver, part_of) {
            None if gap < GAP_MIN => 0,
            None => tasks,
            Some(_) if gap < GAP_MIN_BETWEEN => 0,
            Some((from, to)) => tasks.max(1).min(self.budgets.tasks(from, to)),
        }
    }

    /// Nothing may go from `donor` to `receiver`: is that the receiver's part?
    fn lacks_room(
        &self,
        donor: usize,
        receiver: usize,
        part_of: &impl Fn(usize) -> Option<usize>,
    ) -> bool {
        parts(donor, receiver, part_of).is_some_and(|(from, to)| {
            self.budgets.tasks(from, to) == 0 && self.budgets.lacks_room(from, to)
        })
    }

    fn grant(
        &mut self,
        map: &Map,
        way: Way,
        donor: usize,
        receiver: usize,
        tokens: u16,
        part_of: &impl Fn(usize) -> Option<usize>,
    ) {
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
        self.roles[donor] &= !(Way::Push.takes(Level::Parts) | Way::Fair.takes(Level::Parts));
        if way == Way::Push {
            self.roles[donor] &= !(way.gives(Level::Llc) | way.gives(Level::Parts));
        }
        self.loads[donor] -= tasks;
        self.loads[receiver] += tasks;
        for cell in [donor, receiver] {
            self.keys[cell] = packed(self.loads[cell], cell);
        }
        if let Some((from, to)) = parts(donor, receiver, part_of) {
            self.budgets.spend(from, to, tokens);
        }
    }
}

/// The parts between which a task would move, if not within one.
fn parts(
    donor: usize,
    receiver: usize,
    part_of: &impl Fn(usize) -> Option<usize>,
) -> Option<(usize, usize)> {
    let (from, to) = (part_of(donor)?, part_of(receiver)?);
    (from != to).then_some((from, to))
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
