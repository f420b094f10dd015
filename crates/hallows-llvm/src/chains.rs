// SPDX-License-Identifier: GPL-2.0-only
//! The order of a function's blocks: chains along the edges that run most, after
//! Pettis and Hansen, "Profile guided code positioning" (PLDI 1990).
//!
//! The blocks of a loop stay together and in their order. What the verifier
//! walks of a loop depends on which way it looks first, and can multiply; loops
//! are also where the present order is best, as clang has rotated them.

use crate::flow::{Edge, Flow};

/// An order for the blocks, with what it is worth.
#[derive(Clone, Debug, PartialEq)]
pub struct Layout {
    /// Blocks by their present index. The entry, 0, is first.
    pub order: Vec<usize>,
    /// Expected taken branches in a call as the blocks lie now.
    pub before: f64,
    /// The same as `order` lays them.
    pub after: f64,
}

/// The present order.
pub fn keep(flow: &Flow) -> Layout {
    let order: Vec<usize> = (0..flow.frequency.len()).collect();
    let taken = flow.taken(&order);
    Layout {
        order,
        before: taken,
        after: taken,
    }
}

/// The order for a function: a better one than the present or else that one,
/// which functions without any weights keep, for there it would be a guess.
pub fn layout(flow: &Flow) -> Layout {
    let Layout { before, .. } = keep(flow);
    let order = Chains::new(flow).merge(flow).order(flow);
    let after = flow.taken(&order);
    // A rounding error is no reason to move anything.
    if flow.weighted && after < before * (1.0 - 1e-6) {
        Layout {
            order,
            before,
            after,
        }
    } else {
        keep(flow)
    }
}

/// Blocks in rows that stay as they are.
struct Chains {
    /// Rows; those that were appended to others are empty.
    rows: Vec<Vec<usize>>,
    /// The row of each block.
    row_of: Vec<usize>,
}

impl Chains {
    /// A row for each loop, and for each block outside of loops.
    fn new(flow: &Flow) -> Self {
        let mut chains = Self {
            rows: Vec::new(),
            row_of: vec![usize::MAX; flow.frequency.len()],
        };
        for blocks in &flow.loops {
            chains.add(blocks.clone());
        }
        for block in 0..flow.frequency.len() {
            if chains.row_of[block] == usize::MAX {
                chains.add(vec![block]);
            }
        }
        chains
    }

    fn add(&mut self, row: Vec<usize>) {
        for &block in &row {
            self.row_of[block] = self.rows.len();
        }
        self.rows.push(row);
    }

    /// Joins rows whose end leads to the other's start, the busiest edges first.
    fn merge(mut self, flow: &Flow) -> Self {
        let mut edges: Vec<&Edge> = flow.edges.iter().filter(|edge| !edge.fixed).collect();
        // Of equals, one that falls through already, then the first.
        let apart = |edge: &Edge| edge.to != edge.from + 1;
        edges.sort_by(|a, b| {
            let busier = b.frequency.total_cmp(&a.frequency);
            busier
                .then(apart(a).cmp(&apart(b)))
                .then(a.from.cmp(&b.from))
        });
        for edge in edges {
            self.join(edge.from, edge.to);
        }
        self
    }

    fn join(&mut self, from: usize, to: usize) {
        let (front, back) = (self.row_of[from], self.row_of[to]);
        let ends = self.rows[front].last() == Some(&from);
        let starts = self.rows[back].first() == Some(&to);
        if front == back || !ends || !starts || to == 0 {
            return;
        }
        let moved = std::mem::take(&mut self.rows[back]);
        for &block in &moved {
            self.row_of[block] = front;
        }
        self.rows[front].extend(moved);
    }

    /// The entry's row first, then the busiest; rows as busy as each other stay
    /// in their order, so that what never runs keeps to the end.
    fn order(self, flow: &Flow) -> Vec<usize> {
        let busiest = |row: &[usize]| {
            let frequencies = row.iter().map(|&block| flow.frequency[block]);
            frequencies.fold(0.0, f64::max)
        };
        let mut rows: Vec<_> = self
            .rows
            .into_iter()
            .filter(|row| !row.is_empty())
            .collect();
        rows.sort_by(|a, b| {
            let entry = b.contains(&0).cmp(&a.contains(&0));
            entry
                .then(busiest(b).total_cmp(&busiest(a)))
                .then(a[0].cmp(&b[0]))
        });
        rows.concat()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::layout;
    use crate::flow::Flow;
    use crate::flow::tests::{block, functions};

    #[test]
    fn a_rare_body_moves_out_of_the_way() {
        // if (rare) 1; 2
        let flow = Flow::of(&[block(&[1, 2], &[1, 99]), block(&[2], &[]), block(&[], &[])]);
        let layout = layout(&flow);
        assert_eq!(layout.order, [0, 2, 1]);
        assert!((layout.before - 0.99).abs() < 1e-9 && (layout.after - 0.02).abs() < 1e-9);
    }

    #[test]
    fn a_likely_body_stays() {
        let flow = Flow::of(&[block(&[1, 2], &[99, 1]), block(&[2], &[]), block(&[], &[])]);
        assert_eq!(layout(&flow).order, [0, 1, 2]);
    }

    #[test]
    fn without_weights_nothing_moves() {
        // 1 is a dead end that a guess would put last.
        let mut dead = block(&[], &[]);
        dead.dead_end = true;
        let flow = Flow::of(&[block(&[1, 2], &[]), dead, block(&[], &[])]);
        assert_eq!(layout(&flow).order, [0, 1, 2]);
    }

    #[test]
    fn a_loop_stays_together_and_the_rare_body_before_it_goes() {
        // 0 -> 1 rarely -> 2; loop 2, 4; 3 is a rare exit in the middle of it, more
        // frequent than 1 by the rounds that the loop makes
        let flow = Flow::of(&[
            block(&[1, 2], &[1, 99]),
            block(&[2], &[]),
            block(&[3, 4], &[1, 99]),
            block(&[], &[]),
            block(&[2, 5], &[9, 1]),
            block(&[], &[]),
        ]);
        assert_eq!(layout(&flow).order, [0, 2, 4, 5, 3, 1]);
    }

    #[test]
    fn of_two_ways_as_likely_the_nearer_one_stays() {
        let flow = Flow::of(&[
            block(&[2, 1], &[50, 50]),
            block(&[3], &[]),
            block(&[3], &[]),
            block(&[], &[]),
        ]);
        assert_eq!(layout(&flow).order, [0, 1, 2, 3]);
    }

    proptest! {
        #[test]
        fn an_order_has_every_block_once_and_the_entry_first(blocks in functions()) {
            let layout = layout(&Flow::of(&blocks));
            prop_assert_eq!(layout.order[0], 0);
            let mut sorted = layout.order;
            sorted.sort_unstable();
            prop_assert_eq!(sorted, (0..blocks.len()).collect::<Vec<_>>());
        }

        #[test]
        fn an_order_is_never_worse(blocks in functions()) {
            let flow = Flow::of(&blocks);
            let layout = layout(&flow);
            prop_assert!(layout.after <= layout.before);
            prop_assert_eq!(layout.after, flow.taken(&layout.order));
        }

        #[test]
        fn loops_keep_their_order(blocks in functions()) {
            let flow = Flow::of(&blocks);
            let order = layout(&flow).order;
            let place = |block| order.iter().position(|&b| b == block);
            for blocks in &flow.loops {
                prop_assert!(blocks.windows(2).all(|pair| place(pair[0]) < place(pair[1])));
            }
        }

        #[test]
        fn weights_a_hundred_times_as_large_make_the_same_order(mut blocks in functions()) {
            let order = layout(&Flow::of(&blocks)).order;
            for weight in blocks.iter_mut().filter_map(|b| b.weights.as_mut()).flatten() {
                *weight *= 128;
            }
            prop_assert_eq!(layout(&Flow::of(&blocks)).order, order);
        }
    }
}
