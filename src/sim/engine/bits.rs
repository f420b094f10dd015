// SPDX-License-Identifier: GPL-2.0-only
//! A bit for each CPU, searched round a range as the kernel searches its masks.

use std::ops::Range;

/// A set of cells.
#[derive(Clone, Debug)]
pub struct Bits {
    words: Vec<u64>,
}

impl Bits {
    /// The empty set of cells below `len`.
    pub fn new(len: usize) -> Bits {
        Bits {
            words: vec![0; len.div_ceil(64)],
        }
    }

    /// Is `at` in the set?
    pub fn get(&self, at: usize) -> bool {
        self.words[at / 64] >> (at % 64) & 1 == 1
    }

    /// Adds or removes `at`.
    pub fn set(&mut self, at: usize, on: bool) {
        let bit = 1 << (at % 64);
        if on {
            self.words[at / 64] |= bit;
        } else {
            self.words[at / 64] &= !bit;
        }
    }

    /// The first member of `range` at or after `from`, which is in it, going
    /// round.
    pub fn next(&self, range: &Range<usize>, from: usize) -> Option<usize> {
        self.scan(from, range.end)
            .or_else(|| self.scan(range.start, from))
    }

    /// The members of `range` as bits of one word: a cell's number in the range,
    /// modulo 64.
    pub fn fold(&self, range: &Range<usize>) -> u64 {
        let mut fold = 0;
        let mut at = range.start;
        while let Some(found) = self.scan(at, range.end) {
            fold |= 1 << ((found - range.start) % 64);
            at = found + 1;
        }
        fold
    }

    fn scan(&self, mut at: usize, end: usize) -> Option<usize> {
        while at < end {
            let word = self.words[at / 64] >> (at % 64);
            if word != 0 {
                let found = at + word.trailing_zeros() as usize;
                return (found < end).then_some(found);
            }
            at = (at / 64 + 1) * 64;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn next_is_the_first_going_round(
            members in prop::collection::btree_set(0..300usize, 0..20),
            start in 0..200usize, len in 1..100usize, offset in 0..100usize,
        ) {
            let mut bits = Bits::new(300);
            members.iter().for_each(|at| bits.set(*at, true));
            let (range, from) = (start..start + len, start + offset % len);
            let slow = (from..range.end).chain(range.start..from).find(|at| members.contains(at));
            prop_assert_eq!(bits.next(&range, from), slow);
            members.iter().for_each(|at| bits.set(*at, false));
            prop_assert_eq!(bits.next(&range, from), None);
        }
    }
}
