// SPDX-License-Identifier: GPL-2.0-only
mod groups;
mod submit;

use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::thread::{self, ThreadId};

#[cfg(not(miri))]
use proptest::prelude::*;

use super::*;

/// A request to add 1 after some work; answered with the sum before.
type Work = Box<dyn FnOnce(&mut Log) + Send>;

/// A sum, and which thread served batches of which size.
#[derive(Default)]
struct Log {
    sum: usize,
    batches: Vec<(ThreadId, usize)>,
    /// What `apply_batch` does before its first request, and with two left.
    before: Option<fn()>,
    two_left: Option<fn()>,
}

impl Combine for Log {
    type Op = Work;
    type Ret = (usize, ThreadId);

    fn apply(&mut self, work: Work) -> Self::Ret {
        work(self);
        self.sum += 1;
        (self.sum - 1, thread::current().id())
    }

    fn apply_batch(&mut self, mut batch: Batch<'_, Log>) {
        assert_eq!(batch.ops().count(), batch.len());
        self.batches.push((thread::current().id(), batch.len()));
        if let Some(before) = self.before.take() {
            before();
        }
        while let Some((op, reply)) = batch.next() {
            reply.send(self.apply(op));
            if let Some(after) = self.two_left.take_if(|_| batch.len() == 2) {
                let _third = batch.next();
                after();
            }
        }
    }
}

fn nothing() -> Work {
    Box::new(|_| ())
}

/// Each of `requests` by a thread of its own, all published before the first turn, which
/// is the caller's, goes on. Returns what the callers got, in order.
fn together<R: Send>(
    combiner: &FlatCombiner<Log>,
    requests: Vec<Work>,
    call: impl Fn(&mut Handle<Log>, Work) -> R + Sync,
) -> Vec<R> {
    let mut first = combiner.register().expect("a slot");
    let mut handles: Vec<_> = requests.iter().map(|_| combiner.register()).collect();
    let shared = combiner.shared.clone();
    let count = requests.len();
    thread::scope(|scope| {
        let (begun, begin) = std::sync::mpsc::channel();
        let call = &call;
        let started = scope.spawn(move || {
            begin.recv().expect("the turn");
            let spawn = |(handle, work): (&mut Option<Handle<Log>>, Work)| {
                let mut handle = handle.take().expect("a slot");
                scope.spawn(move || call(&mut handle, work))
            };
            let threads: Vec<_> = handles.iter_mut().zip(requests).map(spawn).collect();
            threads
                .into_iter()
                .map(|t| t.join().expect("caught"))
                .collect()
        });
        first.call(Box::new(move |_| {
            begun.send(()).expect("a receiver");
            let pending = || shared.slots.iter().filter(|slot| slot.is_pending());
            while pending().count() < count || !shared.head.waiting.load(Relaxed) {
                thread::yield_now();
            }
        }));
        started.join().expect("caught")
    })
}

fn caught(handle: &mut Handle<Log>, work: Work) -> Result<usize, String> {
    catch_unwind(AssertUnwindSafe(|| handle.call(work).0)).map_err(|thrown| {
        let text = thrown.downcast_ref::<&str>().map(|text| text.to_string());
        text.unwrap_or_else(|| "?".into())
    })
}

#[test]
fn a_lone_request_is_applied_by_its_caller() {
    let combiner = FlatCombiner::new(Log::default(), 1, 1);
    let mut handle = combiner.register().expect("a slot");
    assert!(combiner.register().is_none());
    for i in 0..3 {
        assert_eq!(handle.call(nothing()), (i, thread::current().id()));
    }
    drop(handle);
    assert_eq!(combiner.register().expect("a slot").call(nothing()).0, 3);
}

#[test]
fn a_turn_serves_what_waits_in_one_batch() {
    let combiner = FlatCombiner::new(Log::default(), 6, 16);
    let requests = (0..4).map(|_| nothing()).collect();
    let mut answers = together(&combiner, requests, |handle, work| handle.call(work));
    answers.sort_unstable_by_key(|answer| answer.0);
    let here = thread::current().id();
    assert_eq!(answers, [1, 2, 3, 4].map(|sum| (sum, here)));
    let mut handle = combiner.register().expect("a slot");
    handle.call(Box::new(move |log| assert_eq!(log.batches, [(here, 4)])));
}

#[test]
fn a_turn_serves_no_more_than_its_pass() {
    let combiner = FlatCombiner::new(Log::default(), 6, 2);
    let requests = (0..5).map(|_| nothing()).collect();
    let answers = together(&combiner, requests, |handle, work| handle.call(work));
    let here = thread::current().id();
    assert_eq!(answers.iter().filter(|answer| answer.1 == here).count(), 2);
    let mut sums: Vec<_> = answers.iter().map(|answer| answer.0).collect();
    sums.sort_unstable();
    assert_eq!(sums, [1, 2, 3, 4, 5]);
}

#[test]
fn a_panic_of_apply_reaches_its_caller_only() {
    let combiner = FlatCombiner::new(Log::default(), 4, 4);
    let requests = vec![
        nothing(),
        Box::new(|_: &mut Log| panic_any("mine")),
        nothing(),
    ];
    let mut answers = together(&combiner, requests, caught);
    assert_eq!(answers.remove(1), Err("mine".into()));
    answers.sort_unstable();
    assert_eq!(answers, [Ok(1), Ok(2)]);
    let mut handle = combiner.register().expect("a slot");
    assert_eq!(
        caught(&mut handle, Box::new(|_| panic_any("alone"))),
        Err("alone".into())
    );
    assert_eq!(handle.call(nothing()).0, 3);
}

/// Two are answered, the third is under way, the fourth untouched.
#[test]
fn a_panic_of_apply_batch_is_of_the_request_under_way() {
    let state = Log {
        two_left: Some(|| panic_any("batch")),
        ..Log::default()
    };
    let combiner = FlatCombiner::new(state, 5, 4);
    let requests = (0..4).map(|_| nothing()).collect();
    let mut answers = together(&combiner, requests, caught);
    answers.sort_unstable();
    assert_eq!(answers, [Ok(1), Ok(2), Ok(3), Err("batch".into())]);
}

#[test]
fn a_panic_about_no_request_is_of_who_combines() {
    let state = Log {
        before: Some(|| panic_any("nobody's")),
        ..Log::default()
    };
    let combiner = FlatCombiner::new(state, 4, 4);
    let mut answers = Vec::new();
    let turn = catch_unwind(AssertUnwindSafe(|| {
        answers = together(&combiner, (0..2).map(|_| nothing()).collect(), caught);
    }));
    let thrown = turn.expect_err("the combining call panics");
    assert_eq!(thrown.downcast_ref(), Some(&"nobody's"));
    // Those who waited were served all the same.
    assert_eq!(combiner.register().expect("a slot").call(nothing()).0, 3);
}

#[test]
fn requests_are_dropped_once() {
    let held = Arc::new(());
    let combiner = FlatCombiner::new(Log::default(), 4, 2);
    let work = || -> Work {
        let held = held.clone();
        Box::new(move |_| drop(held))
    };
    together(&combiner, vec![work(), work(), work()], caught);
    assert_eq!(Arc::strong_count(&held), 1);
}

/// Whatever the shape, the sums that were answered are those of some order of the
/// requests in which each thread's come in its own.
fn check_order(threads: usize, groups: u16, pass: usize, rounds: usize) {
    let register = |combiner: &FlatCombiner<Log>, i: usize| match groups {
        0 => combiner.register(),
        _ => combiner.register_in(i as u16 % groups),
    };
    let combiner = FlatCombiner::new(Log::default(), threads, pass);
    let answers: Vec<Vec<usize>> = thread::scope(|scope| {
        let threads: Vec<_> = (0..threads)
            .map(|i| {
                let mut handle = register(&combiner, i).expect("a slot");
                let work = move |round| -> Work {
                    let is_slow = (i + round) % 7 == 0;
                    // As if the combiner were preempted.
                    Box::new(move |_| is_slow.then(thread::yield_now).unwrap_or_default())
                };
                scope.spawn(move || {
                    let rounds = 0..rounds;
                    rounds.map(|round| handle.call(work(round)).0).collect()
                })
            })
            .collect();
        let threads = threads.into_iter();
        threads.map(|t| t.join().expect("no panic")).collect()
    });
    assert!(answers.iter().all(|sums| sums.is_sorted()));
    let mut all: Vec<_> = answers.into_iter().flatten().collect();
    all.sort_unstable();
    assert!(all.into_iter().eq(0..threads * rounds));
}

/// Each request is answered, also when most threads are not on a CPU at any time.
#[test]
fn more_threads_than_cpus_go_on() {
    let cpus = thread::available_parallelism().map_or(2, usize::from);
    let (threads, rounds) = if cfg!(miri) { (4, 5) } else { (4 * cpus, 2000) };
    check_order(threads, 2, 2, rounds);
}

#[cfg(not(miri))]
proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn answers_are_of_one_order(
        threads in 1..7_usize,
        groups in 0..3_u16,
        pass in 1..5_usize,
        rounds in 1..60_usize,
    ) {
        check_order(threads, groups, pass, rounds);
    }
}
