// SPDX-License-Identifier: GPL-2.0-only
//! How often each block and each edge of a function runs in one call, from the
//! weights of its branches.

use crate::loops;

/// Rounds that a loop without weights is taken to make.
const ROUNDS: f64 = 31.0;
/// The least probability of an edge inside a loop: a profile that never saw the
/// loop left would make it run for ever.
const LEAST: f64 = 1.0 / 1024.0;
/// Sweeps over a loop until its frequencies must have settled: by then an error
/// of the most patient loop that `LEAST` allows is below a millionth.
const SWEEPS: usize = 1 << 15;

/// How a block ends.
#[derive(Clone, Debug, Default)]
pub struct Block {
    /// Where it may go next. Empty where the function returns.
    pub exits: Vec<Exit>,
    /// Weights of the exits where a hint or a profile gives them.
    pub weights: Option<Vec<u64>>,
    /// It never ends in the program's sense (`unreachable`).
    pub dead_end: bool,
}

/// One way out of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exit {
    /// The block that is next.
    pub to: usize,
    /// A jump wherever the next block is put: inline assembly makes it.
    pub fixed: bool,
}

/// An edge with its frequency.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Edge {
    /// The block that it leaves.
    pub from: usize,
    /// The block that it enters.
    pub to: usize,
    /// Times per call of the function.
    pub frequency: f64,
    /// As in [`Exit`].
    pub fixed: bool,
}

/// A function's control flow. Block 0 is its entry.
#[derive(Clone, Debug)]
pub struct Flow {
    /// All edges, by the block that they leave.
    pub edges: Vec<Edge>,
    /// Times per call that a block runs.
    pub frequency: Vec<f64>,
    /// Outermost loops, each one's blocks in their present order.
    pub loops: Vec<Vec<usize>>,
    /// Whether any branch has weights.
    pub weighted: bool,
}

impl Flow {
    /// Solves the flow through a function: a block runs as often as the edges
    /// into it, the entry once more.
    ///
    /// A branch without weights stays in its loop 31 times out of 32, avoids
    /// dead ends, and else goes each way as often.
    ///
    /// # Panics
    /// When an exit's index is no block's.
    pub fn of(blocks: &[Block]) -> Self {
        let successors: Vec<Vec<usize>> = blocks
            .iter()
            .map(|block| block.exits.iter().map(|exit| exit.to).collect())
            .collect();
        let components = loops::components(&successors);
        let mut component_of = vec![0; blocks.len()];
        for (number, component) in components.iter().enumerate() {
            for &block in component {
                component_of[block] = number;
            }
        }
        let odds: Vec<Vec<f64>> = (0..blocks.len())
            .map(|block| odds(blocks, block, &component_of))
            .collect();
        let frequency = solve(&successors, &odds, &components);
        let edges = edges(blocks, &odds, &frequency);
        let weighted = blocks.iter().any(|block| block.weights.is_some());
        let loops = components
            .into_iter()
            .filter(|component| loops::is_loop(component, &successors))
            .collect();
        Self {
            edges,
            frequency,
            loops,
            weighted,
        }
    }

    /// Taken branches in one call when the blocks are laid out as `order` says:
    /// every edge that does not lead to the next block.
    ///
    /// # Panics
    /// When `order` is no permutation of the blocks.
    pub fn taken(&self, order: &[usize]) -> f64 {
        let mut place = vec![0; order.len()];
        for (position, &block) in order.iter().enumerate() {
            place[block] = position;
        }
        let falls = |edge: &&Edge| !edge.fixed && place[edge.to] == place[edge.from] + 1;
        // Summed up one by one: a difference of large sums would blur small gains.
        let jumps = self.edges.iter().filter(|edge| !falls(edge));
        jumps.fold(0.0, |sum, edge| sum + edge.frequency)
    }
}

/// The probability of each of a block's exits.
fn odds(blocks: &[Block], block: usize, component_of: &[usize]) -> Vec<f64> {
    let Block { exits, weights, .. } = &blocks[block];
    let inside = |exit: &Exit| component_of[exit.to] == component_of[block];
    let in_loop = exits.iter().any(inside);
    let mut odds: Vec<f64> = match weights {
        Some(weights) if weights.len() == exits.len() && weights.iter().any(|&w| w > 0) => {
            weights.iter().map(|&weight| weight as f64).collect()
        }
        _ => exits
            .iter()
            .map(|exit| match exit {
                exit if blocks[exit.to].dead_end => LEAST,
                exit if in_loop && inside(exit) => ROUNDS,
                _ => 1.0,
            })
            .collect(),
    };
    let total: f64 = odds.iter().sum();
    if in_loop {
        odds.iter_mut()
            .for_each(|odd| *odd = odd.max(LEAST * total));
    }
    let total: f64 = odds.iter().sum();
    odds.iter_mut().for_each(|odd| *odd /= total);
    odds
}

/// Frequencies of all blocks: component by component in the order of the flow,
/// and round and round in those that are loops (Gauss and Seidel).
fn solve(successors: &[Vec<usize>], odds: &[Vec<f64>], components: &[Vec<usize>]) -> Vec<f64> {
    let mut into: Vec<Vec<(usize, f64)>> = vec![Vec::new(); successors.len()];
    for (from, next) in successors.iter().enumerate() {
        for (&to, &odd) in next.iter().zip(&odds[from]) {
            into[to].push((from, odd));
        }
    }
    let mut frequency = vec![0.0; successors.len()];
    for component in components {
        let sweeps = if loops::is_loop(component, successors) {
            SWEEPS
        } else {
            1
        };
        for _ in 0..sweeps {
            let mut change: f64 = 0.0;
            for &block in component {
                let entered = f64::from(u8::from(block == 0));
                let flow: f64 = into[block]
                    .iter()
                    .map(|&(from, odd)| frequency[from] * odd)
                    .sum();
                let now = entered + flow;
                change = change.max((now - frequency[block]).abs() / now.max(1e-12));
                frequency[block] = now;
            }
            if change < 1e-10 {
                break;
            }
        }
    }
    frequency
}

fn edges(blocks: &[Block], odds: &[Vec<f64>], frequency: &[f64]) -> Vec<Edge> {
    let mut edges = Vec::new();
    for (from, block) in blocks.iter().enumerate() {
        for (exit, odd) in block.exits.iter().zip(&odds[from]) {
            edges.push(Edge {
                from,
                to: exit.to,
                frequency: frequency[from] * odd,
                fixed: exit.fixed,
            });
        }
    }
    edges
}

#[cfg(test)]
pub mod tests {
    use proptest::prelude::*;

    use super::{Block, Exit, Flow};

    /// A block with these successors and, where there are any, weights.
    pub fn block(to: &[usize], weights: &[u64]) -> Block {
        Block {
            exits: to.iter().map(|&to| Exit { to, fixed: false }).collect(),
            weights: (!weights.is_empty()).then(|| weights.to_vec()),
            dead_end: false,
        }
    }

    /// Any function of up to 12 blocks: an entry that nothing leads back to,
    /// blocks with up to two exits, with and without weights.
    pub fn functions() -> impl Strategy<Value = Vec<Block>> {
        (1..12usize).prop_flat_map(|n| {
            let exits = prop::collection::vec((1..n.max(2), 0..1000u64), 0..3);
            let one = (exits, any::<bool>()).prop_map(move |(exits, weighted)| {
                let to: Vec<_> = exits.iter().map(|e| e.0).filter(|&to| to < n).collect();
                let weights: Vec<_> = exits.iter().map(|e| e.1).take(to.len()).collect();
                block(&to, if weighted { &weights } else { &[] })
            });
            prop::collection::vec(one, n)
        })
    }

    #[test]
    fn a_guard_splits_the_flow_by_its_weights() {
        let flow = Flow::of(&[block(&[1, 2], &[1, 3]), block(&[2], &[]), block(&[], &[])]);
        assert_eq!(flow.frequency, [1.0, 0.25, 1.0]);
        assert_eq!(flow.taken(&[0, 1, 2]), 0.75);
        assert_eq!(flow.taken(&[0, 2, 1]), 0.5);
    }

    #[test]
    fn a_loop_runs_as_often_as_its_weights_say() {
        let flow = Flow::of(&[block(&[1], &[]), block(&[1, 2], &[9, 1]), block(&[], &[])]);
        assert!(
            (flow.frequency[1] - 10.0).abs() < 1e-6,
            "{:?}",
            flow.frequency
        );
        assert_eq!(flow.loops, [[1]]);
    }

    #[test]
    fn a_loop_that_was_never_left_ends_all_the_same() {
        let flow = Flow::of(&[block(&[1], &[]), block(&[1, 2], &[9, 0]), block(&[], &[])]);
        assert!(
            (flow.frequency[1] - 1025.0).abs() < 1.0,
            "{:?}",
            flow.frequency
        );
    }

    #[test]
    fn dead_ends_are_avoided() {
        let mut dead = block(&[], &[]);
        dead.dead_end = true;
        let flow = Flow::of(&[block(&[1, 2], &[]), dead, block(&[], &[])]);
        assert!(flow.frequency[1] < 0.01 && flow.frequency[2] > 0.99);
        assert!(!flow.weighted);
    }

    #[test]
    fn a_fixed_jump_is_taken_wherever_it_leads() {
        let mut entry = block(&[1], &[]);
        entry.exits[0].fixed = true;
        assert_eq!(Flow::of(&[entry, block(&[], &[])]).taken(&[0, 1]), 1.0);
    }

    proptest! {
        #[test]
        fn what_flows_in_flows_out(blocks in functions()) {
            let flow = Flow::of(&blocks);
            for (number, block) in blocks.iter().enumerate() {
                let frequency = flow.frequency[number];
                prop_assert!(frequency.is_finite() && frequency >= 0.0);
                let out: f64 = flow.edges.iter().filter(|e| e.from == number).map(|e| e.frequency).sum();
                if !block.exits.is_empty() {
                    prop_assert!((out - frequency).abs() <= 1e-6 * frequency.max(1.0));
                }
            }
        }
    }
}
