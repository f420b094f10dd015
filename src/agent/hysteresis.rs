// SPDX-License-Identifier: GPL-2.0-only
//! The three states, and the dwell that guards the way out of two of them.

/// What a cell is. The numbers are those of `enum hallows_state`.
#[repr(u8)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum CellState {
    /// Has time to give.
    Hungry = 0,
    /// Neither.
    #[default]
    Balanced = 1,
    /// Has work to give.
    Saturated = 2,
}

/// A state, and for how many windows in a row there was reason to leave it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hysteresis {
    state: CellState,
    waited: u32,
}

impl Hysteresis {
    /// Where everybody begins.
    pub(super) const BALANCED: Hysteresis = Hysteresis {
        state: CellState::Balanced,
        waited: 0,
    };

    /// The state.
    pub fn state(self) -> CellState {
        self.state
    }

    /// Enters `state` at once.
    pub(super) fn enter(state: CellState) -> Self {
        Hysteresis { state, waited: 0 }
    }

    /// No reason to leave in this window: the count starts anew.
    pub(super) fn stay(self) -> Self {
        Hysteresis::enter(self.state)
    }

    /// A reason to leave for `state`: done in the `dwell`-th window in a row.
    pub(super) fn leave(self, state: CellState, dwell: u32) -> Self {
        let waited = self.waited + 1;
        if waited >= dwell {
            return Hysteresis::enter(state);
        }
        Hysteresis {
            state: self.state,
            waited,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use CellState::{Balanced, Saturated};

    #[test]
    fn leaving_takes_dwell_windows_in_a_row() {
        let mut state = Hysteresis::enter(Saturated);
        state = state.leave(Balanced, 3).leave(Balanced, 3);
        assert_eq!(state.state(), Saturated);
        state = state.stay().leave(Balanced, 3).leave(Balanced, 3);
        assert_eq!(state.state(), Saturated);
        assert_eq!(state.leave(Balanced, 3), Hysteresis::enter(Balanced));
    }

    #[test]
    fn a_dwell_of_one_is_none() {
        assert_eq!(
            Hysteresis::enter(Saturated).leave(Balanced, 1).state(),
            Balanced
        );
    }
}
