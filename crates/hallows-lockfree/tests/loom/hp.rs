// SPDX-License-Identifier: GPL-2.0-only
use hallows_lockfree::hp::{Atomic, Domain, snapshot};
use loom::sync::Arc;
use loom::thread;

use crate::explore;
use crate::value::Value;

fn cell(value: usize) -> (Domain, Arc<Atomic<Value>>) {
    let domain = Domain::new();
    let cell = Arc::new(Atomic::new(&domain, Value::new(value)));
    (domain, cell)
}

/// A thread that reads the cell once.
fn reader(cell: &Arc<Atomic<Value>>) -> thread::JoinHandle<()> {
    let cell = cell.clone();
    thread::spawn(move || {
        let mut hazard = cell.domain().hazard_pointer();
        let value = hazard.protect(&cell).expect("never empty").get();
        assert!(value == 1 || value == 2);
    })
}

#[test]
fn what_is_read_is_not_freed() {
    explore(3, || {
        let (domain, cell) = cell(1);
        let reader = reader(&cell);
        drop(cell.swap(Value::new(2)));
        domain.reclaim(usize::MAX);
        reader.join().unwrap();
    });
}

#[test]
fn who_reclaims_need_not_be_who_unlinked() {
    explore(2, || {
        let (domain, cell) = cell(1);
        let reader = reader(&cell);
        let writer = {
            let cell = cell.clone();
            thread::spawn(move || {
                let old = cell.swap(Value::new(2)).unwrap();
                assert_eq!(old.get(), 1);
            })
        };
        domain.reclaim(usize::MAX);
        reader.join().unwrap();
        writer.join().unwrap();
    });
}

#[test]
fn a_hazard_that_moves_on_lets_go() {
    explore(3, || {
        let (domain, first) = cell(1);
        let second = Arc::new(Atomic::new(&domain, Value::new(2)));
        let reader = {
            let (first, second) = (first.clone(), second.clone());
            thread::spawn(move || {
                let mut hazard = first.domain().hazard_pointer();
                hazard.protect(&first).map(Value::get);
                hazard.protect(&second).map(Value::get);
            })
        };
        drop(first.take());
        domain.reclaim(usize::MAX);
        drop(second.take());
        domain.reclaim(usize::MAX);
        reader.join().unwrap();
    });
}

#[test]
fn a_hazard_that_is_reset_lets_go() {
    explore(3, || {
        let (domain, cell) = cell(1);
        let mut hazard = domain.hazard_pointer();
        let reader = {
            let cell = cell.clone();
            thread::spawn(move || {
                hazard.protect(&cell).map(Value::get);
                hazard.reset();
                hazard
            })
        };
        drop(cell.take());
        domain.reclaim(usize::MAX);
        reader.join().unwrap();
    });
}

#[test]
fn a_hazard_used_again_protects() {
    explore(2, || {
        let (domain, cell) = cell(1);
        // Held on this thread, given up on another.
        let hazard = domain.hazard_pointer();
        let gone = thread::spawn(move || drop(hazard));
        let reader = reader(&cell);
        drop(cell.swap(Value::new(2)));
        domain.reclaim(usize::MAX);
        gone.join().unwrap();
        reader.join().unwrap();
    });
}

/// Who takes a value out may read it, without having had it protected before.
#[test]
fn who_takes_a_value_out_reads_it_whole() {
    explore(3, || {
        let (_, cell) = cell(1);
        let other = {
            let cell = cell.clone();
            thread::spawn(move || drop(cell.swap(Value::new(2))))
        };
        let old = cell.swap(Value::new(3)).unwrap();
        assert!(old.get() == 1 || old.get() == 2);
        other.join().unwrap();
    });
}

#[test]
fn one_of_two_exchanges_succeeds() {
    explore(3, || {
        let (_, cell) = cell(1);
        let exchange = |cell: &Atomic<Value>| {
            let mut hazard = cell.domain().hazard_pointer();
            let current = hazard.protect(cell).unwrap();
            let before = current.get();
            let done = cell.compare_exchange(current, Value::new(before + 1));
            done.map(|old| old.get() == before).unwrap_or(false)
        };
        let other = {
            let cell = cell.clone();
            thread::spawn(move || exchange(&cell))
        };
        let won = usize::from(exchange(&cell)) + usize::from(other.join().unwrap());
        let mut hazard = cell.domain().hazard_pointer();
        assert_eq!(hazard.protect(&cell).unwrap().get(), 1 + won);
        assert!(won >= 1);
    });
}

#[test]
fn two_that_reclaim_do_not_meet() {
    explore(3, || {
        let (domain, cell) = cell(1);
        let sweep = |cell: &Atomic<Value>| {
            drop(cell.take());
            cell.domain().reclaim(1);
            cell.domain().reclaim(1);
        };
        let other = {
            let cell = cell.clone();
            thread::spawn(move || sweep(&cell))
        };
        drop(cell.swap(Value::new(2)));
        sweep(&cell);
        other.join().unwrap();
        assert_eq!(domain.reclaim(usize::MAX).pending, 0);
    });
}

#[test]
fn readers_of_a_snapshot_see_what_was_published() {
    explore(2, || {
        let (mut publisher, mut reader) = snapshot(Value::new(1));
        let reader = thread::spawn(move || {
            let first = reader.load().get();
            let then = reader.load_if_changed().map_or(first, Value::get);
            assert!(first >= 1 && then >= first);
        });
        publisher.publish(Value::new(2));
        publisher.publish(Value::new(3));
        assert_eq!(publisher.current().get(), 3);
        reader.join().unwrap();
    });
}
