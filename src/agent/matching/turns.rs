// SPDX-License-Identifier: GPL-2.0-only
//! Turns: who comes next in a round from which some drop out.

use crate::agent::picks::Picks;

/// Numbers that take turns, the largest first. A round of all of them costs one
/// pass, however many leave in it: those who stay move up as they pass.
#[derive(Clone, Debug, Default)]
pub(super) struct Turns {
    numbers: Picks<u32>,
    /// Whose turn it is.
    at: usize,
    /// Those in front of this place passed in this round; from here to `at`
    /// everybody left.
    stayed: usize,
}

impl Turns {
    /// Begins anew, with room for so many offers.
    pub fn start(&mut self, offers: usize) {
        self.numbers.start(offers);
        (self.at, self.stayed) = (0, 0);
    }

    /// Lets `number` take part if it is picked.
    pub fn offer(&mut self, number: u32, is_picked: bool) {
        self.numbers.offer(number, is_picked);
    }

    /// Nobody takes part.
    pub fn is_empty(&self) -> bool {
        self.numbers.list().is_empty()
    }

    /// Puts them in order, before the first turn, which is the largest's.
    pub fn sort(&mut self) {
        self.numbers.list_mut().sort_unstable_by(|a, b| b.cmp(a));
    }

    /// Whose turn it is; `None` when all left.
    pub fn current(&mut self) -> Option<u32> {
        if self.at == self.numbers.list().len() {
            self.numbers.truncate(self.stayed);
            (self.at, self.stayed) = (0, 0);
        }
        self.numbers.list().get(self.at).copied()
    }

    /// Ends the turn of [`current`](Self::current).
    pub fn pass(&mut self) {
        let numbers = self.numbers.list_mut();
        numbers[self.stayed] = numbers[self.at];
        self.stayed += 1;
        self.at += 1;
    }

    /// Ends it for good.
    pub fn leave(&mut self) {
        self.at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// The same as an index into a list from which the middle is removed.
        #[test]
        fn everybody_who_stays_has_a_turn(
            numbers in prop::collection::vec(0..100u32, 0..20),
            stays in prop::collection::vec(any::<bool>(), 0..80),
        ) {
            let (mut list, mut turn) = (numbers.clone(), 0);
            list.sort_unstable_by(|a, b| b.cmp(a));
            let mut turns = Turns::default();
            turns.start(numbers.len());
            numbers.into_iter().for_each(|number| turns.offer(number, true));
            turns.sort();
            for stays in stays {
                turn = if turn == list.len() { 0 } else { turn };
                prop_assert_eq!(turns.current(), list.get(turn).copied());
                match list.is_empty() {
                    true => break,
                    false if stays => {
                        turns.pass();
                        turn += 1;
                    }
                    false => {
                        turns.leave();
                        list.remove(turn);
                    }
                }
            }
        }
    }
}
