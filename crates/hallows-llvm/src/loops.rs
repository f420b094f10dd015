// SPDX-License-Identifier: GPL-2.0-only
//! Strongly connected components of a control flow graph: its outermost loops,
//! and every block outside of loops by itself.

/// The components of a graph, each component's blocks in ascending order.
/// `successors` has for each block those that may run next.
///
/// A component comes before all that it leads to (Tarjan, "Depth-first search
/// and linear graph algorithms", 1972, which yields them the other way round).
pub fn components(successors: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let mut search = Search {
        successors,
        index: vec![None; successors.len()],
        low: vec![0; successors.len()],
        on_stack: vec![false; successors.len()],
        stack: Vec::new(),
        found: Vec::new(),
        next: 0,
    };
    for block in 0..successors.len() {
        if search.index[block].is_none() {
            search.visit(block);
        }
    }
    search.found.reverse();
    search.found
}

/// Whether a component is a loop: more than one block, or one that leads to itself.
pub fn is_loop(component: &[usize], successors: &[Vec<usize>]) -> bool {
    match component {
        [block] => successors[*block].contains(block),
        _ => true,
    }
}

struct Search<'a> {
    successors: &'a [Vec<usize>],
    index: Vec<Option<usize>>,
    low: Vec<usize>,
    on_stack: Vec<bool>,
    stack: Vec<usize>,
    found: Vec<Vec<usize>>,
    next: usize,
}

impl Search<'_> {
    /// Walks all that `root` leads to, with a stack of its own: a function may
    /// have more blocks in a row than the compiler has stack left.
    fn visit(&mut self, root: usize) {
        let mut path = vec![(root, 0)];
        self.enter(root);
        while let Some((block, edge)) = path.last_mut() {
            let block = *block;
            if let Some(&next) = self.successors[block].get(*edge) {
                *edge += 1;
                if self.index[next].is_none() {
                    self.enter(next);
                    path.push((next, 0));
                } else if self.on_stack[next] {
                    self.low[block] = self.low[block].min(self.index[next].unwrap_or(0));
                }
                continue;
            }
            path.pop();
            if let Some(&(parent, _)) = path.last() {
                self.low[parent] = self.low[parent].min(self.low[block]);
            }
            if self.index[block] == Some(self.low[block]) {
                self.close(block);
            }
        }
    }

    fn enter(&mut self, block: usize) {
        self.index[block] = Some(self.next);
        self.low[block] = self.next;
        self.next += 1;
        self.stack.push(block);
        self.on_stack[block] = true;
    }

    /// `head` is the first block seen of a component: what lies on it is the rest.
    fn close(&mut self, head: usize) {
        let mut component = Vec::new();
        while let Some(block) = self.stack.pop() {
            self.on_stack[block] = false;
            component.push(block);
            if block == head {
                break;
            }
        }
        component.sort_unstable();
        self.found.push(component);
    }
}

#[cfg(test)]
mod tests {
    use super::{components, is_loop};

    #[test]
    fn a_loop_is_one_component_and_comes_before_its_exit() {
        // 0 -> 1 -> 2 -> 1, 2 -> 3
        let graph = [vec![1], vec![2], vec![1, 3], vec![]];
        let found = components(&graph);
        assert_eq!(found, [vec![0], vec![1, 2], vec![3]]);
        let loops: Vec<_> = found.iter().map(|c| is_loop(c, &graph)).collect();
        assert_eq!(loops, [false, true, false]);
    }

    #[test]
    fn a_block_that_leads_to_itself_is_a_loop() {
        let graph = [vec![1], vec![1, 2], vec![]];
        assert!(is_loop(&[1], &graph) && !is_loop(&[2], &graph));
    }

    #[test]
    fn nested_loops_are_one() {
        // outer 1..4, inner 2..3
        let graph = [vec![1], vec![2], vec![3], vec![2, 4], vec![1, 5], vec![]];
        assert_eq!(components(&graph), [vec![0], vec![1, 2, 3, 4], vec![5]]);
    }

    #[test]
    fn a_long_row_of_blocks_takes_no_stack() {
        let n = 200_000;
        let graph: Vec<_> = (0..n)
            .map(|i| if i + 1 < n { vec![i + 1] } else { vec![] })
            .collect();
        assert_eq!(components(&graph).len(), n);
    }
}
