// SPDX-License-Identifier: GPL-2.0-only
use std::time::Duration;

use hallows_lockfree::epoch::{Atomic, Collector, Policy};
use loom::sync::Arc;
use loom::thread;

use crate::explore;
use crate::value::Value;

/// Always due, whatever the clock says.
const EAGER: Policy = Policy {
    min_bytes: 0,
    max_bytes: 0,
    max_age: Duration::ZERO,
    scan_budget: 4,
    free_budget: 4,
    max_pending: 2,
};

fn cell(value: usize) -> (Collector, Arc<Atomic<Value>>) {
    let collector = Collector::new(EAGER);
    let cell = Arc::new(Atomic::new(&collector, Value::new(value)));
    (collector, cell)
}

/// A thread that pins and reads, so many times.
fn reader(
    collector: &Collector,
    cell: &Arc<Atomic<Value>>,
    times: usize,
) -> thread::JoinHandle<()> {
    let (mut participant, cell) = (collector.register(), cell.clone());
    thread::spawn(move || {
        for _ in 0..times {
            let guard = participant.pin();
            let value = cell.load(&guard).expect("never empty").get();
            assert!(value == 1 || value == 2);
        }
    })
}

#[test]
fn what_is_read_is_not_freed() {
    explore(3, || {
        let (collector, cell) = cell(1);
        let reader = reader(&collector, &cell, 1);
        drop(cell.swap(Value::new(2)).unwrap());
        collector.collect();
        collector.collect();
        reader.join().unwrap();
    });
}

#[test]
fn pinning_again_is_as_good_as_unpinning() {
    explore(4, || {
        let (collector, cell) = cell(1);
        let reader = reader(&collector, &cell, 2);
        drop(cell.swap(Value::new(2)).unwrap());
        collector.collect();
        reader.join().unwrap();
    });
}

#[test]
fn who_registers_late_is_safe() {
    explore(2, || {
        let (collector, cell) = cell(1);
        let late = {
            let (collector, cell) = (collector.clone(), cell.clone());
            thread::spawn(move || {
                let mut participant = collector.register();
                let guard = participant.pin();
                cell.load(&guard).map(Value::get);
            })
        };
        drop(cell.swap(Value::new(2)).unwrap());
        collector.collect();
        late.join().unwrap();
    });
}

/// A thread goes and another takes over its record while the collector looks at it: what it
/// finds is of the second, by which it has to see that the first has ended too.
#[test]
fn a_record_passes_to_its_next_owner() {
    explore(2, || {
        let (collector, cell) = cell(1);
        let gone = reader(&collector, &cell, 1);
        let next = {
            let (collector, cell) = (collector.clone(), cell.clone());
            thread::spawn(move || {
                let mut participant = collector.register();
                let guard = participant.pin();
                let value = cell.load(&guard).expect("never empty").get();
                assert!(value == 1 || value == 2);
            })
        };
        drop(cell.swap(Value::new(2)).unwrap());
        collector.collect();
        collector.collect();
        gone.join().unwrap();
        next.join().unwrap();
    });
}

#[test]
fn who_collects_need_not_be_who_unlinked() {
    explore(2, || {
        let (collector, cell) = cell(1);
        let reader = reader(&collector, &cell, 1);
        let writer = {
            let cell = cell.clone();
            thread::spawn(move || {
                let old = cell.swap(Value::new(2)).unwrap().unwrap();
                assert_eq!(old.get(), 1);
            })
        };
        collector.collect();
        collector.collect();
        reader.join().unwrap();
        writer.join().unwrap();
    });
}

/// Who takes a value out may read it, without having had it protected before.
#[test]
fn who_takes_a_value_out_reads_it_whole() {
    explore(3, || {
        let (_, cell) = cell(1);
        let other = {
            let cell = cell.clone();
            thread::spawn(move || drop(cell.swap(Value::new(2)).unwrap()))
        };
        let old = cell.swap(Value::new(3)).unwrap().unwrap();
        assert!(old.get() == 1 || old.get() == 2);
        other.join().unwrap();
    });
}

#[test]
fn one_of_two_exchanges_succeeds() {
    explore(2, || {
        let (collector, cell) = cell(1);
        let exchange = |collector: &Collector, cell: &Atomic<Value>| {
            let mut participant = collector.register();
            let guard = participant.pin();
            let current = cell.load(&guard).unwrap();
            let before = current.get();
            match cell.compare_exchange(current, Value::new(before + 1)) {
                Ok(old) => old.get() == before,
                Err(_) => false,
            }
        };
        let other = {
            let (collector, cell) = (collector.clone(), cell.clone());
            thread::spawn(move || exchange(&collector, &cell))
        };
        let won = usize::from(exchange(&collector, &cell)) + usize::from(other.join().unwrap());
        let mut participant = collector.register();
        let guard = participant.pin();
        assert_eq!(cell.load(&guard).unwrap().get(), 1 + won);
        assert!(won >= 1);
    });
}

#[test]
fn the_bound_holds_when_two_retire() {
    explore(2, || {
        let (collector, cell) = cell(1);
        let swap = |cell: &Atomic<Value>| usize::from(cell.swap(Value::new(2)).is_ok());
        let other = {
            let cell = cell.clone();
            thread::spawn(move || swap(&cell) + swap(&cell))
        };
        let swapped = swap(&cell) + swap(&cell);
        assert!(collector.stats().pending <= 4);
        let swapped = swapped + other.join().unwrap();
        assert_eq!(collector.stats().pending, swapped);
        assert!(swapped <= 2);
    });
}

/// A thread that finds a value, holds it, unpins, and reads it after that.
fn holder(collector: &Collector, cell: &Arc<Atomic<Value>>) -> thread::JoinHandle<()> {
    let (mut participant, mut hazard) = (collector.register(), collector.hazard());
    let cell = cell.clone();
    thread::spawn(move || {
        let guard = participant.pin();
        let found = cell.load_guarded(&guard).expect("never empty");
        let held = found.hold(&mut hazard);
        drop(guard);
        let value = held.get();
        assert!(value == 1 || value == 2);
    })
}

#[test]
fn what_is_held_is_not_freed() {
    explore(3, || {
        let (collector, cell) = cell(1);
        let holder = holder(&collector, &cell);
        drop(cell.swap(Value::new(2)).unwrap());
        collector.collect();
        collector.collect();
        holder.join().unwrap();
        // By now nobody has it.
        collector.collect();
        collector.collect();
        assert_eq!(collector.stats().pending, 0);
    });
}

/// The hazard goes from one value to another, and the first may be freed then.
#[test]
fn a_hazard_that_moves_on_lets_go_of_what_it_held() {
    explore(3, || {
        let (collector, first) = cell(1);
        let second = Arc::new(Atomic::new(&collector, Value::new(2)));
        let (mut participant, mut hazard) = (collector.register(), collector.hazard());
        let reader = {
            let (first, second) = (first.clone(), second.clone());
            thread::spawn(move || {
                let guard = participant.pin();
                let held = first.load_guarded(&guard).map(|v| v.hold(&mut hazard));
                drop(guard);
                let guard = participant.pin();
                // Beyond the fence of pinning.
                held.map(Value::get);
                let held = second.load_guarded(&guard).map(|v| v.hold(&mut hazard));
                drop(guard);
                held.map(Value::get);
            })
        };
        drop(first.take().unwrap());
        collector.collect();
        collector.collect();
        reader.join().unwrap();
    });
}

#[test]
fn a_hazard_that_is_reset_lets_go_of_what_it_held() {
    explore(3, || {
        let (collector, cell) = cell(1);
        let (mut participant, mut hazard) = (collector.register(), collector.hazard());
        let reader = {
            let cell = cell.clone();
            thread::spawn(move || {
                let guard = participant.pin();
                let held = cell.load_guarded(&guard).unwrap().hold(&mut hazard);
                drop(guard);
                held.get();
                hazard.reset();
                hazard
            })
        };
        drop(cell.swap(Value::new(2)).unwrap());
        collector.collect();
        collector.collect();
        drop(reader.join().unwrap());
    });
}
