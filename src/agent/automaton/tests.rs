// SPDX-License-Identifier: GPL-2.0-only
use proptest::prelude::*;

use super::*;
use crate::agent::testing::{Machine, machines};
use CellState::{Balanced, Hungry, Saturated};

/// Windows after which an average no longer moves: each halves its distance to
/// a constant load, and a double has 53 bits.
const SETTLED: u32 = 64;

/// A machine of `llcs` LLCs of `cores` CPUs in one node.
fn flat(llcs: u32, cores: u32) -> Map {
    Machine {
        nodes: 1,
        llcs,
        cores,
        smt: 1,
    }
    .map()
}

fn load(q: f64, u: f64) -> Window {
    Window::new(q, u)
}

/// Steps through `history`, one set of windows each; states and flips of each.
fn run(map: &Map, params: &Params, history: &[Vec<Window>]) -> Vec<(States, Flips)> {
    let mut prev = States::new(map);
    let step = |windows: &Vec<Window>| {
        let mut next = States::new(map);
        let flips = step(map, params, &prev, windows, &mut next);
        prev = next.clone();
        (next, flips)
    };
    history.iter().map(step).collect()
}

/// The state of cell 0 after each window, when its load is `loads` and the
/// other CPUs of its LLC are balanced and have no queue.
fn watch(params: &Params, loads: &[Window]) -> Vec<CellState> {
    let windows = |first: &Window| {
        let mut windows = vec![load(0.0, 0.9); 64];
        windows[0] = *first;
        windows
    };
    let history: Vec<_> = loads.iter().map(windows).collect();
    run(&flat(1, 64), params, &history)
        .iter()
        .map(|(states, _)| states.cells[0].state)
        .collect()
}

/// Loads whose EWMA is `averages`.
fn loads_of(averages: &[Window]) -> Vec<Window> {
    let first = averages[..1].iter().copied();
    let rest = averages.windows(2).map(|pair| {
        let extend = |old: f64, new: f64| 2.0 * new - old;
        load(extend(pair[0].q, pair[1].q), extend(pair[0].u, pair[1].u))
    });
    first.chain(rest).collect()
}

/// The state of cell 0 after each window, when its averages are these.
fn follow(averages: &[Window]) -> Vec<CellState> {
    watch(&Params::default(), &loads_of(averages))
}

#[test]
fn it_saturates_above_enter_at_once() {
    assert_eq!(follow(&[load(0.75, 1.0)]), [Balanced]);
    assert_eq!(follow(&[load(0.76, 1.0)]), [Saturated]);
}

#[test]
fn it_saturates_at_once_when_a_higher_class_has_it() {
    let held = Window {
        held: true,
        ..load(0.0, 1.0)
    };
    let idle = load(0.0, 0.0);
    let states = watch(&Params::default(), &[idle, held, idle, idle]);
    assert_eq!(states, [Hungry, Saturated, Saturated, Hungry]);
    // Nobody can tell whether it has work for the hungry.
    let history = vec![vec![idle, held]; 2];
    let rounds = run(&flat(1, 2), &Params::default(), &history);
    assert!(rounds[1].1.is_quiet());
}

#[test]
fn it_leaves_saturation_below_leave_after_the_dwell() {
    let q = |q| load(q, 1.0);
    assert_eq!(follow(&[q(1.0), q(0.36), q(0.36), q(0.36)]), [Saturated; 4]);
    assert_eq!(
        follow(&[q(1.0), q(0.34), q(0.34)]),
        [Saturated, Saturated, Balanced]
    );
    // One window above starts the count anew.
    assert_eq!(follow(&[q(1.0), q(0.34), q(0.36), q(0.34)]), [Saturated; 4]);
}

#[test]
fn it_leaves_saturation_for_hunger_when_it_idles() {
    let states = follow(&[load(1.0, 1.0), load(0.3, 0.79), load(0.3, 0.79)]);
    assert_eq!(states, [Saturated, Saturated, Hungry]);
    let states = follow(&[load(1.0, 1.0), load(0.3, 0.81), load(0.3, 0.81)]);
    assert_eq!(states, [Saturated, Saturated, Balanced]);
}

#[test]
fn it_hungers_when_it_idles_and_has_no_queue() {
    assert_eq!(follow(&[load(0.2, 0.79)]), [Hungry]);
    assert_eq!(follow(&[load(0.2, 0.81)]), [Balanced]);
    assert_eq!(follow(&[load(0.25, 0.5)]), [Balanced]);
}

#[test]
fn it_leaves_hunger_when_busy_or_queued_after_the_dwell() {
    let hungry = load(0.0, 0.5);
    assert_eq!(
        follow(&[hungry, load(0.4, 0.94), load(0.4, 0.94)]),
        [Hungry; 3]
    );
    let states = follow(&[hungry, load(0.0, 0.96), load(0.0, 0.96)]);
    assert_eq!(states, [Hungry, Hungry, Balanced]);
    let states = follow(&[hungry, load(0.6, 0.5), load(0.6, 0.5)]);
    assert_eq!(states, [Hungry, Hungry, Balanced]);
    let states = follow(&[hungry, load(0.8, 0.5), load(0.8, 0.5)]);
    assert_eq!(states, [Hungry, Hungry, Saturated]);
}

#[test]
fn the_thresholds_and_the_dwell_are_the_flags() {
    let params = Params {
        dwell: 4,
        saturate_enter: 2.0,
        saturate_leave: 1.0,
        ..Params::default()
    };
    let loads: Vec<_> = [1.9, 2.1, 0.9, 0.9, 0.9, 0.9]
        .map(|q| load(q, 1.0))
        .to_vec();
    let states = watch(&params, &loads_of(&loads));
    assert_eq!(
        states,
        [
            Balanced, Saturated, Saturated, Saturated, Saturated, Balanced
        ]
    );
    let params = Params {
        dwell: 1,
        hungry_enter: 0.5,
        hungry_leave: 0.4,
        ..Params::default()
    };
    let loads: Vec<_> = [0.55, 0.45, 0.55, 0.65].map(|u| load(0.0, u)).to_vec();
    assert_eq!(
        watch(&params, &loads_of(&loads)),
        [Balanced, Hungry, Hungry, Balanced]
    );
}

#[test]
fn saturation_is_relative_to_the_llc() {
    let map = flat(1, 4);
    // The mean is 4: above 5 is saturated, and below 4.35 no longer is.
    let windows = [6.0, 4.5, 3.5, 2.0].map(|q| load(q, 1.0)).to_vec();
    let states = &run(&map, &Params::default(), &[windows])[0].0;
    let shown: Vec<_> = states.cells.iter().map(|cell| cell.state).collect();
    assert_eq!(shown, [Saturated, Balanced, Balanced, Balanced]);
    let leave = [4.4, 4.3].map(|q| {
        vec![
            load(q, 1.0),
            load(4.0, 1.0),
            load(4.0, 1.0),
            load(8.0 - q, 1.0),
        ]
    });
    for (windows, state) in leave.into_iter().zip([Saturated, Balanced]) {
        let mut history = vec![vec![
            load(6.0, 1.0),
            load(4.0, 1.0),
            load(4.0, 1.0),
            load(2.0, 1.0),
        ]];
        history.extend(vec![windows; 12]);
        assert_eq!(
            run(&map, &Params::default(), &history)[12].0.cells[0].state,
            state
        );
    }
}

#[test]
fn hogs_that_go_round_saturate_nobody() {
    // Six hogs on four CPUs: at any time two have a queue, in turns.
    let (map, two) = (flat(1, 4), [1.0, 1.0, 0.0, 0.0]);
    let turn = |at: usize| (0..4).map(|cell| load(two[(cell + at) % 4], 1.0)).collect();
    let history: Vec<Vec<Window>> = (0..40).map(|window| turn(window / 2)).collect();
    let flips = run(&map, &Params::default(), &history);
    assert!(flips.iter().all(|(_, flips)| flips.is_quiet()));
    // As soon as a CPU idles, a queue of one has something to give.
    let wasted = vec![
        load(1.0, 1.0),
        load(1.0, 1.0),
        load(0.0, 0.0),
        load(0.0, 1.0),
    ];
    let states = &run(&map, &Params::default(), &[wasted])[0].0;
    let shown: Vec<_> = states.cells.iter().map(|cell| cell.state).collect();
    assert_eq!(shown, [Saturated, Saturated, Hungry, Balanced]);
}

#[test]
fn a_uniformly_overloaded_llc_is_seen_by_its_super_cell_only() {
    let map = flat(2, 8);
    let mut windows = vec![load(3.0, 1.0); 8];
    windows.extend(vec![load(0.0, 1.0); 8]);
    let (states, flips) = &run(&map, &Params::default(), &[windows])[0];
    assert_eq!(
        [states.llcs[0].state(), states.llcs[1].state()],
        [Saturated, Hungry]
    );
    assert!(
        states.cells[..8]
            .iter()
            .all(|cell| cell.relative() == Balanced)
    );
    assert!(states.cells[..8].iter().all(|cell| cell.state == Saturated));
    assert!(states.cells[8..].iter().all(|cell| cell.state == Balanced));
    assert_eq!(
        *flips,
        Flips {
            cells: 8,
            super_cells: 2,
            wasted_idle: false
        }
    );
}

#[test]
fn a_uniformly_overloaded_node_is_seen_by_its_super_cell_only() {
    let map = Machine {
        nodes: 2,
        llcs: 2,
        cores: 4,
        smt: 1,
    }
    .map();
    let mut windows = vec![load(3.0, 1.0); 8];
    windows.extend(vec![load(0.0, 1.0); 8]);
    let states = &run(&map, &Params::default(), &[windows])[0].0;
    assert!(states.llcs.iter().all(|llc| llc.state() == Balanced));
    assert_eq!(
        [states.nodes[0].state(), states.nodes[1].state()],
        [Saturated, Hungry]
    );
    assert!(states.cells[..8].iter().all(|cell| cell.state == Saturated));
}

#[test]
fn a_cell_without_a_queue_has_nothing_to_give_in_a_saturated_llc() {
    let map = flat(2, 4);
    let mut windows = vec![
        load(4.0, 1.0),
        load(4.0, 1.0),
        load(0.5, 1.0),
        load(0.0, 0.2),
    ];
    windows.extend(vec![load(0.0, 0.9); 4]);
    let (states, flips) = &run(&map, &Params::default(), &[windows])[0];
    assert_eq!(states.llcs[0].state(), Saturated);
    let shown: Vec<_> = states.cells[..4].iter().map(|cell| cell.state).collect();
    assert_eq!(shown, [Saturated, Saturated, Balanced, Hungry]);
    assert!(flips.wasted_idle && !flips.is_quiet());
}

#[test]
fn a_machine_that_is_overloaded_everywhere_has_nobody_to_help() {
    let windows = vec![load(3.0, 1.0); 16];
    let (states, flips) = &run(&flat(2, 8), &Params::default(), &[windows])[0];
    assert!(states.cells.iter().all(|cell| cell.state == Balanced));
    assert!(flips.is_quiet());
}

#[test]
fn noise_inside_the_band_never_flips() {
    // Between leave and enter: a queue of 0.4 or 0.7, idle for 6 % or 19 %.
    for (first, others) in [(load(5.0, 1.0), Saturated), (load(0.5, 0.9), Balanced)] {
        let mut loads = vec![first];
        loads.extend([load(0.7, 0.81), load(0.4, 0.94)].repeat(100));
        assert_eq!(watch(&Params::default(), &loads)[1..], [others; 200]);
    }
    let mut loads = vec![load(0.0, 0.2)];
    loads.extend([load(0.45, 0.94), load(0.0, 0.81)].repeat(100));
    assert_eq!(watch(&Params::default(), &loads), [Hungry; 201]);
}

#[test]
fn noise_inside_the_band_of_a_super_cell_never_flips() {
    let map = flat(2, 4);
    let both = |a: f64, b: f64| [vec![load(a, 1.0); 4], vec![load(b, 1.0); 4]].concat();
    // The band is a quarter task: in at 2.3 against a mean of 2, out at 2.125.
    let mut history = vec![both(2.3, 1.7)];
    (0..50).for_each(|_| history.extend([both(2.24, 1.76), both(2.14, 1.86)]));
    for (states, _) in run(&map, &Params::default(), &history) {
        assert_eq!(
            [states.llcs[0].state(), states.llcs[1].state()],
            [Saturated, Hungry]
        );
    }
    for (states, _) in run(&map, &Params::default(), &history[1..]) {
        assert_eq!(
            [states.llcs[0].state(), states.llcs[1].state()],
            [Balanced, Balanced]
        );
    }
}

/// Loads on a grid coarse enough that sums of them are exact.
fn loads(len: usize) -> impl Strategy<Value = Vec<Window>> {
    let cell = (0..=256u32, 0..=64u32);
    let grid = cell.prop_map(|(q, u)| load(f64::from(q) / 64.0, f64::from(u) / 64.0));
    prop::collection::vec(grid, len)
}

fn machine_and_loads() -> impl Strategy<Value = (Map, Vec<Vec<Window>>)> {
    machines().prop_flat_map(|map| {
        let len = map.cells().len();
        (Just(map), prop::collection::vec(loads(len), 1..6))
    })
}

fn params() -> impl Strategy<Value = Params> {
    let enter = (0.02..8.0, 0.02..1.0);
    let leave = (0.0..0.99, 0.0..0.99);
    (enter, leave, 1..6u32).prop_map(|(enter, leave, dwell)| Params {
        saturate_enter: enter.0,
        saturate_leave: enter.0 * leave.0,
        hungry_enter: enter.1,
        hungry_leave: enter.1 * leave.1,
        dwell,
        ..Params::default()
    })
}

proptest! {
    /// From any past, a constant load comes to rest: its averages settle, and
    /// then each state is left at most twice.
    #[test]
    fn a_constant_load_never_flips_after_k_steps(
        (map, mut history) in machine_and_loads(), params in params(),
    ) {
        params.validate().unwrap();
        let k = (SETTLED + 4 * params.dwell) as usize + history.len();
        let last = history[history.len() - 1].clone();
        history.extend(vec![last; k + 50]);
        for (_, flips) in &run(&map, &params, &history)[k..] {
            prop_assert_eq!((flips.cells, flips.super_cells), (0, 0));
        }
    }

    /// CPUs of an LLC differ in nothing but their loads.
    #[test]
    fn permuting_equal_cpus_permutes_states(
        (map, history) in machine_and_loads(), turn in 1..8usize,
    ) {
        let mut turned = history.clone();
        let rotate = |cells: &mut [Window]| cells.rotate_left(turn % cells.len());
        for windows in &mut turned {
            map.llcs().iter().for_each(|llc| rotate(&mut windows[llc.cells.clone()]));
        }
        let params = Params::default();
        let (plain, turned) = (run(&map, &params, &history), run(&map, &params, &turned));
        for ((mut plain, flips), (turned, turned_flips)) in plain.into_iter().zip(turned) {
            for llc in map.llcs() {
                let cells = &mut plain.cells[llc.cells.clone()];
                cells.rotate_left(turn % cells.len());
            }
            prop_assert_eq!(plain, turned);
            prop_assert_eq!(flips, turned_flips);
        }
    }

    /// What the buffer for the next states held before does not matter.
    #[test]
    fn a_step_is_a_pure_function((map, history) in machine_and_loads()) {
        let params = Params::default();
        let states: Vec<_> = run(&map, &params, &history).into_iter().map(|(s, _)| s).collect();
        let (mut clean, mut dirty) = (States::new(&map), states[0].clone());
        let last = states.last().unwrap();
        let clean_flips = step(&map, &params, last, &history[0], &mut clean);
        let dirty_flips = step(&map, &params, last, &history[0], &mut dirty);
        prop_assert_eq!(clean, dirty);
        prop_assert_eq!(clean_flips, dirty_flips);
    }
}
