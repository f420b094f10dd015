// SPDX-License-Identifier: GPL-2.0-only
use std::panic::{AssertUnwindSafe, catch_unwind};

use hallows_lockfree::combine::{Combine, FlatCombiner, Handle};
use loom::thread;

use crate::explore;
use crate::value::Value;

/// A sum that panics when 0 is added.
struct Sum(Value);

impl Combine for Sum {
    type Op = Value;
    type Ret = Value;

    fn apply(&mut self, op: Value) -> Value {
        assert_ne!(op.get(), 0);
        self.0 = Value::new(self.0.get() + op.get());
        Value::new(self.0.get())
    }
}

fn sum(threads: usize, pass: usize) -> FlatCombiner<Sum> {
    FlatCombiner::new(Sum(Value::new(0)), threads, pass)
}

fn add(handle: &mut Handle<Sum>, value: usize) -> usize {
    handle.call(Value::new(value)).get()
}

/// A request is seen whole, and so is its answer, whoever serves it.
#[test]
fn requests_and_answers_pass_between_threads() {
    explore(3, || {
        let combiner = sum(2, 1);
        let [mut here, mut there] = [(); 2].map(|()| combiner.register().unwrap());
        let other = thread::spawn(move || add(&mut there, 1));
        let mut answers = [add(&mut here, 1), other.join().unwrap()];
        answers.sort_unstable();
        assert_eq!(answers, [1, 2]);
        assert_eq!(add(&mut here, 1), 3);
    });
}

/// No request is left asleep, also when a turn ends before it was served: the model would
/// never end.
#[test]
fn a_sleeper_takes_the_next_turn() {
    explore(1, || {
        let combiner = sum(3, 1);
        let mut here = combiner.register().unwrap();
        let others = [(); 2].map(|()| {
            let mut handle = combiner.register().unwrap();
            thread::spawn(move || add(&mut handle, 1))
        });
        let mut answers = vec![add(&mut here, 1)];
        answers.extend(others.map(|other| other.join().unwrap()));
        answers.sort_unstable();
        assert_eq!(answers, [1, 2, 3]);
    });
}

#[test]
fn a_slot_passes_to_its_next_owner() {
    explore(3, || {
        let combiner = sum(2, 2);
        let mut here = combiner.register().unwrap();
        let others = [(); 2].map(|()| {
            let combiner = combiner.clone();
            thread::spawn(move || match combiner.register() {
                Some(mut handle) => usize::from(add(&mut handle, 1) > 0),
                None => 0,
            })
        });
        add(&mut here, 1);
        let added: usize = others.map(|other| other.join().unwrap()).iter().sum();
        assert_eq!(add(&mut here, 1), 2 + added);
    });
}

#[test]
fn a_panic_is_its_callers() {
    explore(2, || {
        let combiner = sum(2, 1);
        let [mut here, mut there] = [(); 2].map(|()| combiner.register().unwrap());
        let other =
            thread::spawn(move || catch_unwind(AssertUnwindSafe(|| add(&mut there, 0))).is_err());
        assert_eq!(add(&mut here, 1), 1);
        assert!(other.join().unwrap());
        assert_eq!(add(&mut here, 1), 2);
    });
}
