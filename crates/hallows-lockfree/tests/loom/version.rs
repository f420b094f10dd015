// SPDX-License-Identifier: GPL-2.0-only
use hallows_lockfree::layout::{Counter, Version};
use loom::thread;

use crate::explore;

/// In a model one failed attempt changes the version.
#[test]
fn nothing_is_lost_by_a_change() {
    explore(3, || {
        let counter = Counter::new();
        let [mut here, mut there] = [(); 2].map(|()| counter.adder());
        let other = thread::spawn(move || (0..2).for_each(|_| there.add(1)));
        here.add(10);
        let before = counter.sum();
        here.add(10);
        assert!(counter.sum() >= before + 10);
        other.join().unwrap();
        assert_eq!(counter.sum(), 22);
        let is_apart = counter.version() == Version::Apart;
        assert_eq!(counter.changes(), u16::from(is_apart));
    });
}

/// A part that is given up is gone on with, not begun anew.
#[test]
fn a_part_passes_to_its_next_owner() {
    explore(1, || {
        let counter = Counter::new();
        let add = |counter: &Counter| {
            let mut adder = counter.adder();
            (0..2).for_each(|_| adder.add(1));
        };
        let others = [(); 2].map(|()| {
            let counter = counter.clone();
            thread::spawn(move || add(&counter))
        });
        add(&counter);
        for other in others {
            other.join().unwrap();
        }
        assert_eq!(counter.sum(), 6);
    });
}
