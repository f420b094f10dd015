// SPDX-License-Identifier: GPL-2.0-only
use std::mem::forget;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use hallows_lockfree::combine::{Batch, Combine, FlatCombiner, Handle, Submit};
use loom::sync::atomic::AtomicBool;
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

/// As above in a group, where a turn looks at a slot more than once.
#[test]
fn a_group_is_served_once() {
    explore(1, || {
        let combiner = sum(3, 2);
        let mut here = combiner.register_in(1).unwrap();
        let others = [(); 2].map(|()| {
            let mut handle = combiner.register_in(1).unwrap();
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

/// Wakes a task and, unlike any executor, passes nothing on with it.
struct Bell(AtomicBool);

impl Wake for Bell {
    fn wake(self: std::sync::Arc<Bell>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn bell() -> (std::sync::Arc<Bell>, Waker) {
    let bell = std::sync::Arc::new(Bell(AtomicBool::new(false)));
    (bell.clone(), Waker::from(bell))
}

/// An executor of one task. It polls only who was woken: a model without that never ends.
fn block_on(request: Submit<'_, Sum>) -> usize {
    let (bell, waker) = bell();
    let mut request = pin!(request);
    loop {
        match request.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(answer) => return answer.get(),
            Poll::Pending => {}
        }
        // No swap: a model may put off the store beyond any number of them.
        while !bell.0.load(Ordering::Relaxed) {
            thread::yield_now();
        }
        bell.0.store(false, Ordering::Relaxed);
    }
}

/// The answer, if the first poll has it.
fn poll_once<C: Combine<Ret = Value>>(request: &mut Submit<'_, C>) -> Option<usize> {
    match Pin::new(request).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => Some(answer.get()),
        Poll::Pending => None,
    }
}

/// As between threads, and a task is woken when there is something for it to do.
#[test]
fn tasks_are_answered() {
    explore(3, || {
        let combiner = sum(2, 1);
        let [mut here, mut there] = [(); 2].map(|()| combiner.register().unwrap());
        let task = thread::spawn(move || {
            let answer = block_on(there.submit(Value::new(1)));
            (answer, there)
        });
        let mut answers = [add(&mut here, 1), 0];
        let (answer, mut there) = task.join().unwrap();
        answers[1] = answer;
        answers.sort_unstable();
        assert_eq!(answers, [1, 2]);
        assert_eq!(add(&mut there, 1), 3);
    });
}

/// A turn that takes the note of a request sees the request, or later turns would not look for it.
#[test]
fn a_note_is_of_a_request_that_is_seen() {
    explore(3, || {
        let combiner = sum(2, 1);
        let [mut here, mut there] = [(); 2].map(|()| combiner.register().unwrap());
        let task = thread::spawn(move || {
            let mut request = there.submit(Value::new(1));
            poll_once(&mut request);
            forget(request);
            there
        });
        add(&mut here, 10);
        // Where it is, until its handle is dropped.
        let _there = task.join().unwrap();
        add(&mut here, 100);
        assert_eq!(add(&mut here, 1000), 1111);
    });
}

#[test]
fn a_task_takes_the_next_turn() {
    explore(1, || {
        let combiner = sum(3, 1);
        let mut here = combiner.register().unwrap();
        let tasks = [(); 2].map(|()| {
            let mut handle = combiner.register().unwrap();
            thread::spawn(move || block_on(handle.submit(Value::new(1))))
        });
        let mut answers = vec![add(&mut here, 1)];
        answers.extend(tasks.map(|task| task.join().unwrap()));
        answers.sort_unstable();
        assert_eq!(answers, [1, 2, 3]);
    });
}

/// What is taken back is not served, and what was taken before that is waited for; the slot
/// is good for the next request at once.
#[test]
fn a_request_is_taken_back_or_waited_out() {
    explore(3, || {
        let combiner = sum(2, 1);
        let [mut here, mut there] = [(); 2].map(|()| combiner.register().unwrap());
        let task = thread::spawn(move || {
            let mut first = there.submit(Value::new(1));
            let answered = poll_once(&mut first).is_some();
            drop(first);
            (answered, block_on(there.submit(Value::new(10))))
        });
        let before = add(&mut here, 100);
        let (answered, second) = task.join().unwrap();
        let after = add(&mut here, 1000);
        let first = usize::from(after % 10 == 1);
        assert!(first == 1 || !answered);
        assert_eq!(after, 1110 + first);
        // The dropped one is never served after the next one of its slot.
        assert_eq!(second % 10, first);
        assert!(before % 10 <= first && before >= 100);
    });
}

/// A waker that is left while another is called: the new one is, and who comes by it sees the
/// answer, also when the lock is taken again by then.
#[test]
fn a_task_that_changes_its_waker_is_woken() {
    explore(3, || {
        let combiner = sum(2, 1);
        let [mut here, mut there] = [(); 2].map(|()| combiner.register().unwrap());
        let task = thread::spawn(move || {
            let mut request = there.submit(Value::new(1));
            match poll_once(&mut request) {
                Some(answer) => answer,
                None => block_on(request),
            }
        });
        let mut answers = [add(&mut here, 1), add(&mut here, 1), 0];
        answers[2] = task.join().unwrap();
        answers.sort_unstable();
        assert_eq!(answers, [1, 2, 3]);
    });
}

/// A sum that merges up to `most` requests of a batch, adding them up and answering the last
/// first, and leaves others to `apply`.
struct Merged {
    sum: usize,
    most: usize,
}

/// How many were merged at most, in any interleaving.
static MERGED: AtomicUsize = AtomicUsize::new(0);

impl Combine for Merged {
    type Op = Value;
    type Ret = Value;

    fn apply(&mut self, op: Value) -> Value {
        self.sum += op.get();
        Value::new(self.sum)
    }

    fn apply_batch(&mut self, mut batch: Batch<'_, Merged>) {
        self.sum += batch.ops().take(self.most).map(Value::get).sum::<usize>();
        let mut merged: Vec<_> = batch.by_ref().take(self.most).collect();
        MERGED.fetch_max(merged.len(), Ordering::Relaxed);
        let mut sum = self.sum;
        while let Some((op, reply)) = merged.pop() {
            reply.send(Value::new(sum));
            sum -= op.get();
        }
    }
}

/// Each gets the answer to its own request, which has its digit, and is served once.
fn all_are_answered(most: usize) {
    explore(1, move || {
        let combiner = FlatCombiner::new(Merged { sum: 0, most }, 3, 2);
        let add = |handle: &mut Handle<Merged>, value: usize| {
            let sum = handle.call(Value::new(value)).get();
            assert_eq!(sum / value % 10, 1);
            sum
        };
        let mut here = combiner.register().unwrap();
        let others = [10, 100].map(|value| {
            let mut handle = combiner.register().unwrap();
            thread::spawn(move || add(&mut handle, value))
        });
        let mut answers = vec![add(&mut here, 1)];
        answers.extend(others.map(|other| other.join().unwrap()));
        answers.sort_unstable();
        answers.dedup();
        assert_eq!((answers.len(), answers[2]), (3, 111));
    });
}

#[test]
fn a_batch_is_merged() {
    all_are_answered(2);
    // Of three threads, two of which go away: so that they come to be served at once.
    explore(2, || {
        let combiner = FlatCombiner::new(Merged { sum: 0, most: 2 }, 3, 2);
        let mut here = combiner.register().unwrap();
        let others = [10, 100].map(|value| {
            let mut there = combiner.register().unwrap();
            thread::spawn(move || {
                let mut request = there.submit(Value::new(value));
                poll_once(&mut request);
                forget(request);
                there
            })
        });
        here.call(Value::new(1));
        let _there = others.map(|other| other.join().unwrap());
        here.call(Value::new(1000));
        assert_eq!(here.call(Value::new(1)).get(), 1112);
    });
    assert!(MERGED.load(Ordering::Relaxed) > 1);
}

#[test]
fn what_is_left_of_a_batch_is_served() {
    all_are_answered(1);
}
