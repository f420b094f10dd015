// SPDX-License-Identifier: GPL-2.0-only
//! In which order schedulers take turns.

/// One turn: a candidate runs all tests once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn {
    /// Counted from 0.
    pub round: usize,
    /// Index of the candidate.
    pub candidate: usize,
}

/// Each candidate once a round: A, B, C, A, B, C. What changes slowly on the
/// machine then changes for all of them.
pub fn turns(rounds: usize, candidates: usize) -> impl Iterator<Item = Turn> {
    (0..rounds)
        .flat_map(move |round| (0..candidates).map(move |candidate| Turn { round, candidate }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn candidates_take_turns() {
        let order: Vec<usize> = turns(2, 3).map(|turn| turn.candidate).collect();
        assert_eq!(order, [0, 1, 2, 0, 1, 2]);
        let rounds: Vec<usize> = turns(2, 3).map(|turn| turn.round).collect();
        assert_eq!(rounds, [0, 0, 0, 1, 1, 1]);
    }
}
