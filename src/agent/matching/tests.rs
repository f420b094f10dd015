// SPDX-License-Identifier: GPL-2.0-only
use super::*;
use crate::agent::automaton::step;
use crate::agent::params::Params;
use crate::agent::place::Ring;
use crate::agent::testing::{Machine, machines};
use crate::agent::window::Window;
use CellState::{Balanced, Hungry, Saturated};
use proptest::prelude::*;

/// What a CPU with so many tasks that never sleep shows.
fn window(tasks: u32) -> Window {
    Window::new(f64::from(tasks.saturating_sub(1)), f64::from(tasks.min(1)))
}

const DWELL: u32 = 2;

/// The automaton over cells that hold `tasks`, window by window.
struct Model<'a> {
    map: &'a Map,
    tasks: Vec<u32>,
    states: States,
    matching: Matching,
}

impl<'a> Model<'a> {
    fn new(map: &'a Map, tasks: Vec<u32>) -> Self {
        let (states, matching) = (States::new(map), Matching::default());
        Model {
            map,
            tasks,
            states,
            matching,
        }
    }

    /// One window; returns the moves (from, to) that BPF made of its grants: it
    /// moves a task only while the live gap is two or more, or one between LLCs.
    fn window(&mut self) -> Vec<(usize, usize)> {
        let windows: Vec<_> = self.tasks.iter().map(|tasks| window(*tasks)).collect();
        let mut next = States::new(self.map);
        step(
            self.map,
            &Params::default(),
            &self.states,
            &windows,
            &mut next,
        );
        self.states = next;
        self.matching.fill(self.map, DWELL, &self.states);
        let mut moves = Vec::new();
        for cell in 0..self.tasks.len() {
            let other = |grant: Grant| self.map.cell_of(grant.cpu.into()).unwrap();
            let push = self.matching.push(cell).map(|g| (cell, other(g), g.tokens));
            let fair = self.matching.fair(cell).map(|g| (other(g), cell, g.tokens));
            for (from, to, tokens) in [push, fair].into_iter().flatten() {
                let gap = 1 + u32::from(self.map.ring(from, to) <= Ring::Llc);
                for _ in 0..tokens {
                    if self.tasks[from] >= self.tasks[to] + gap {
                        self.tasks[from] -= 1;
                        self.tasks[to] += 1;
                        moves.push((from, to));
                    }
                }
            }
        }
        moves
    }
}

fn granted(matching: &Matching, map: &Map) -> Vec<(usize, usize, u16)> {
    let other = |grant: Grant| map.cell_of(grant.cpu.into()).unwrap();
    (0..map.cells().len())
        .flat_map(|cell| {
            let push = matching.push(cell).map(|g| (cell, other(g), g.tokens));
            let fair = matching.fair(cell).map(|g| (other(g), cell, g.tokens));
            [push, fair].into_iter().flatten()
        })
        .collect()
}

/// States and averages set by hand.
fn states(map: &Map, cell: impl Fn(usize) -> (CellState, Window)) -> States {
    let mut states = States::new(map);
    for (index, slot) in states.cells.iter_mut().enumerate() {
        (slot.state, slot.average) = cell(index);
    }
    states
}

const TWO_NODES: Machine = Machine {
    nodes: 2,
    llcs: 1,
    cores: 4,
    smt: 1,
};

#[test]
fn three_to_one_between_nodes_evens_out() {
    let map = TWO_NODES.map();
    let mut model = Model::new(&map, vec![3, 3, 3, 3, 1, 1, 1, 1]);
    let moved: usize = (0..20).map(|_| model.window().len()).sum();
    assert_eq!(model.tasks, [2; 8]);
    assert_eq!(moved, 4);
}

/// Three tasks that go round on two CPUs look like one and a half on each.
fn round(map: &Map, tasks: &[f64]) -> States {
    let windows: Vec<_> = tasks
        .iter()
        .map(|tasks| Window::new((tasks - 1.0).max(0.0), tasks.min(1.0)))
        .collect();
    let (mut states, mut next) = (States::new(map), States::new(map));
    for _ in 0..20 {
        step(map, &Params::default(), &states, &windows, &mut next);
        std::mem::swap(&mut states, &mut next);
    }
    states
}

#[test]
fn a_task_too_many_goes_to_the_other_node_though_no_queue_stands_out() {
    let map = Machine {
        cores: 2,
        ..TWO_NODES
    }
    .map();
    let mut matching = Matching::default();
    matching.fill(&map, DWELL, &round(&map, &[2.5, 2.5, 1.5, 1.5]));
    assert_eq!(granted(&matching, &map), [(1, 2, 1)]);
    matching.fill(&map, DWELL, &round(&map, &[2.5, 2.5, 2.0, 2.0]));
    assert!(granted(&matching, &map).is_empty());
    // Six hogs on four CPUs, and four on four.
    let map = TWO_NODES.map();
    let loads = [1.5, 1.5, 1.5, 1.5, 1.0, 1.0, 1.0, 1.0];
    matching.fill(&map, DWELL, &round(&map, &loads));
    assert_eq!(granted(&matching, &map).len(), 1);
    // Five and four share their nodes as well as they can.
    let loads = [1.25, 1.25, 1.25, 1.25, 1.0, 1.0, 1.0, 1.0];
    matching.fill(&map, DWELL, &round(&map, &loads));
    assert!(granted(&matching, &map).is_empty());
}

#[test]
fn half_the_excess_moves_at_most() {
    let map = TWO_NODES.map();
    // Node 0 has 8 tasks over the mean.
    let mut model = Model::new(&map, vec![5, 5, 5, 5, 1, 1, 1, 1]);
    let first: usize = (0..1).map(|_| model.window().len()).sum();
    assert!((1..=4).contains(&first), "{first}");
}

#[test]
fn a_hot_spot_spreads_within_twelve_windows() {
    for (nodes, llcs, cores) in [(1, 1, 8), (2, 2, 4), (4, 4, 16)] {
        let map = Machine {
            nodes,
            llcs,
            cores,
            smt: 1,
        }
        .map();
        let nr = map.cells().len();
        // BPF has let no CPU idle: one task each, the rest where they were born.
        let mut tasks = vec![1; nr];
        tasks[0] += 3 * nr as u32;
        let mut model = Model::new(&map, tasks);
        (0..12).for_each(|_| drop(model.window()));
        let (least, most) = (model.tasks.iter().min(), model.tasks.iter().max());
        assert!(
            most.unwrap() - least.unwrap() <= if nr > 64 { 40 } else { 4 },
            "{:?}",
            model.tasks
        );
    }
}

#[test]
fn the_hungry_are_pushed_to_and_the_busy_pull() {
    let map = TWO_NODES.map();
    let state = |cell| match cell {
        0 => (Saturated, Window::new(4.0, 1.0)),
        1 => (Hungry, Window::new(0.0, 0.1)),
        2 => (Balanced, Window::new(0.0, 1.0)),
        _ => (Balanced, Window::new(2.0, 1.0)),
    };
    let mut matching = Matching::default();
    matching.fill(&map, DWELL, &states(&map, state));
    assert_eq!(matching.push(0), Some(Grant { cpu: 1, tokens: 2 }));
    // After that push the donor has three tasks.
    assert_eq!(matching.fair(2), Some(Grant { cpu: 0, tokens: 1 }));
    assert_eq!(granted(&matching, &map).len(), 2);
}

#[test]
fn a_gap_of_one_task_moves_nothing() {
    let map = TWO_NODES.map();
    let mut model = Model::new(&map, vec![2, 1, 2, 1, 2, 1, 2, 1]);
    let moved: usize = (0..20).map(|_| model.window().len()).sum();
    assert_eq!(moved, 0);
    assert!(granted(&model.matching, &map).is_empty());
}

#[test]
fn nobody_saturated_is_nobody_matched() {
    let map = TWO_NODES.map();
    let mut matching = Matching::default();
    matching.fill(
        &map,
        DWELL,
        &states(&map, |_| (Saturated, Window::new(9.0, 1.0))),
    );
    matching.fill(
        &map,
        DWELL,
        &states(&map, |_| (Hungry, Window::new(9.0, 0.0))),
    );
    assert!(granted(&matching, &map).is_empty());
}

fn random_load(salt: u64, cell: usize) -> u32 {
    let bits = salt
        .wrapping_mul(2 * cell as u64 + 1)
        .rotate_left(cell as u32 & 63);
    [0, 0, 1, 1, 1, 2, 3, 9][(bits & 7) as usize]
}

proptest! {
    /// One donor for each receiver, none of both kinds, no grant above half the
    /// gap as it stood, and no granted move that raises the potential.
    #[test]
    fn grants_are_sound(map in machines(), salt: u64) {
        let nr = map.cells().len();
        let tasks: Vec<_> = (0..nr).map(|cell| random_load(salt, cell)).collect();
        let mut model = Model::new(&map, tasks.clone());
        model.window();
        let mut served = vec![0; nr];
        let mut loads: Vec<_> = tasks.iter().map(|tasks| f64::from(*tasks)).collect();
        let mut moves = granted(&model.matching, &map);
        moves.sort_by_key(|(from, to, _)| std::cmp::Reverse(map.ring(*from, *to)));
        for (from, to, tokens) in moves.into_iter().rev() {
            served[to] += 1;
            prop_assert!(from != to && tokens <= MAX_TOKENS);
            prop_assert!(map.ring(from, to) != Ring::SelfCpu);
            let gap = f64::from(tasks[from]) - f64::from(tasks[to]);
            if map.ring(from, to) <= Ring::Llc {
                prop_assert_eq!(model.states.cells[from].state, Saturated);
                prop_assert!(model.states.cells[to].state != Saturated);
                prop_assert!(f64::from(tokens) <= gap / 2.0 + 0.25);
            } else {
                prop_assert!(f64::from(tokens) <= (gap / 2.0 + 0.25).max(1.0));
            }
            let potential = |loads: &[f64]| loads.iter().map(|load| load * load).sum::<f64>();
            let before = potential(&loads);
            loads[from] -= f64::from(tokens);
            loads[to] += f64::from(tokens);
            prop_assert!(potential(&loads) <= before + 1e-9);
        }
        prop_assert!(served.iter().all(|served| *served <= 1));
    }

    /// A constant load comes to rest, and no pair of cells gives work back and
    /// forth on the way there.
    #[test]
    fn moves_end_and_do_not_return(map in machines(), salt: u64) {
        let nr = map.cells().len();
        let tasks: Vec<_> = (0..nr).map(|cell| random_load(salt, cell)).collect();
        let mut model = Model::new(&map, tasks);
        let mut recent: Vec<Vec<(usize, usize)>> = Vec::new();
        // An average that converges to a threshold reaches it after 50 halvings.
        for _ in 0..80 {
            let moves = model.window();
            for (from, to) in &moves {
                // Who got more from a third meanwhile may give to anybody.
                let got_more = |(donor, cell): &(usize, usize)| cell == from && donor != to;
                let lately = recent.iter().rev().take(DWELL as usize);
                let mut back = lately.take_while(|moves| !moves.iter().any(got_more)).flatten();
                prop_assert!(back.all(|earlier| *earlier != (*to, *from)));
            }
            recent.push(moves);
        }
        prop_assert!(recent[70..].iter().all(Vec::is_empty));
        prop_assert!(granted(&model.matching, &map).is_empty());
    }
}
