// SPDX-License-Identifier: GPL-2.0-only
//! A window costs the agent no memory: what it needs it has from the first ones.

#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use fastrand::Rng;
use scx_hallows::agent::group::{Groups, Usage};
use scx_hallows::agent::params::Params;
use scx_hallows::agent::round::Controller;

mod load;

use load::{Cells, Load, WINDOW_NS};

/// The system's allocator, counting the calls of each thread that ask for memory.
struct Counting;

thread_local! {
    static CALLS: Cell<u64> = const { Cell::new(0) };
}

fn count() {
    // A thread that ends allocates when its counter is gone already.
    let _ = CALLS.try_with(|calls| calls.set(calls.get() + 1));
}

// SAFETY: every call is handed to the system's allocator as it is.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        count();
        // SAFETY: as above.
        unsafe { System.realloc(memory, layout, new_size) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// How often `work` asks for memory.
fn allocations(work: impl FnOnce()) -> u64 {
    let before = CALLS.get();
    work();
    CALLS.get() - before
}

#[test]
fn allocations_are_counted() {
    let one = allocations(|| drop(Box::new(1)));
    let two = allocations(|| {
        let mut list = Vec::with_capacity(1);
        list.extend_from_slice(&[1, 2, 3]);
    });
    assert_eq!((one, two), (1, 2));
}

/// The first window is quiet, so that nothing has been matched, nor any route
/// made, before the ones that count.
#[test]
fn rounds_of_changing_states_allocate_nothing() {
    let map = load::machine(1024);
    let mut controller = Controller::new(&map, Params::default());
    let mut cells = Cells::new(map.cells().len());
    let mut window = |cells: &mut Cells| {
        let (samples, now_ns) = cells.next_window();
        allocations(|| assert!(controller.round(&map, samples, now_ns) > now_ns))
    };
    assert!(window(&mut cells) > 0);
    for load in [Load::Balanced, Load::Mixed, Load::Halves, Load::Mixed] {
        cells.turn_to(load);
        for number in 0..100 {
            assert_eq!(window(&mut cells), 0, "{load:?}, window {number}");
        }
    }
    let totals = controller.totals();
    assert!(totals.flips > 20_000, "{totals:?}");
    assert!(
        totals.push_tokens > 0 && totals.fair_tokens > 0,
        "{totals:?}"
    );
}

/// The same processes all the time, which move between LLCs.
#[test]
fn homes_of_known_groups_cost_no_allocation() {
    let map = load::machine(1024);
    let (mut groups, mut rng) = (Groups::default(), Rng::with_seed(1));
    let mut usages = Vec::new();
    let mut window = |groups: &mut Groups, number: u64| {
        load::usages(&mut rng, 1000, &mut usages);
        let shift = (number / 5 % 2) as u16 * 3;
        let moved = usages.iter().map(|usage| Usage {
            llc: (usage.llc + shift) % 64,
            ..*usage
        });
        allocations(|| groups.observe(&map, &Params::default(), moved, number * WINDOW_NS))
    };
    assert!(
        (1..40)
            .map(|number| window(&mut groups, number))
            .sum::<u64>()
            > 0
    );
    let switches = groups.switches();
    for number in 40..140 {
        assert_eq!(window(&mut groups, number), 0, "window {number}");
    }
    assert!(groups.homes().len() > 500, "{}", groups.homes().len());
    assert!(groups.switches() > switches);
}
