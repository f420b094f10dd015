// SPDX-License-Identifier: GPL-2.0-only
use std::future::Future;
use std::pin::pin;
use std::sync::atomic::AtomicUsize;
use std::task::{Context, Poll, Wake, Waker};

use super::*;
use crate::combine::node::Group;

/// Counts how often it is called.
#[derive(Default)]
struct Bell(AtomicUsize);

impl Wake for Bell {
    fn wake(self: Arc<Bell>) {
        self.0.fetch_add(1, Relaxed);
    }
}

/// Wakes a thread that parks.
struct Unpark(thread::Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Unpark>) {
        self.0.unpark();
    }
}

/// An executor of one task.
fn block_on<F: Future>(future: F) -> F::Output {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(answer) => return answer,
            Poll::Pending => thread::park(),
        }
    }
}

/// A task that was never woken.
struct Task {
    bell: Arc<Bell>,
    waker: Waker,
}

impl Task {
    fn new() -> Task {
        let bell = Arc::new(Bell::default());
        let waker = Waker::from(bell.clone());
        Task { bell, waker }
    }

    /// The sum that the request was answered with, if it was.
    fn poll(&self, request: &mut Submit<'_, Log>) -> Option<usize> {
        let context = &mut Context::from_waker(&self.waker);
        match std::pin::Pin::new(request).poll(context) {
            Poll::Ready(answer) => Some(answer.0),
            Poll::Pending => None,
        }
    }

    fn rings(&self) -> usize {
        self.bell.0.load(Relaxed)
    }
}

fn handles<const N: usize>(combiner: &FlatCombiner<Log>) -> [Handle<Log>; N] {
    [(); N].map(|()| combiner.register().expect("a slot"))
}

/// A turn of a thread that has no request.
fn turn(combiner: &FlatCombiner<Log>) -> turn::Turn<'_, Log> {
    combiner.shared.turn(Group::NONE).expect("it is free")
}

/// Lets that turn serve what waits.
fn serve(turn: turn::Turn<'_, Log>) {
    assert!(turn.serve(None).is_none());
}

#[test]
fn nothing_happens_before_it_is_polled() {
    let combiner = FlatCombiner::new(Log::default(), 1, 1);
    let [mut handle] = handles(&combiner);
    drop(handle.submit(nothing()));
    assert_eq!(Task::new().poll(&mut handle.submit(nothing())), Some(0));
    assert_eq!(block_on(handle.submit(nothing())).1, thread::current().id());
}

#[test]
fn who_has_the_turn_answers_and_wakes() {
    let combiner = FlatCombiner::new(Log::default(), 2, 2);
    let [mut a, mut b] = handles(&combiner);
    let busy = turn(&combiner);
    let (task, other) = (Task::new(), Task::new());
    let (mut a, mut b) = (a.submit(nothing()), b.submit(nothing()));
    assert_eq!((task.poll(&mut a), other.poll(&mut b)), (None, None));
    // The waker of the last poll is the one that counts.
    assert_eq!(other.poll(&mut a), None);
    assert_eq!(task.poll(&mut b), None);
    assert_eq!((task.rings(), other.rings()), (0, 0));
    serve(busy);
    assert_eq!((task.rings(), other.rings()), (1, 1));
    assert_eq!((task.poll(&mut a), task.poll(&mut b)), (Some(0), Some(1)));
    // Answered, they hold no waker.
    assert_eq!(Arc::strong_count(&task.bell), 2);
    assert_eq!(Arc::strong_count(&other.bell), 2);
}

#[test]
fn a_request_that_is_taken_back_is_not_served() {
    let held = Arc::new(());
    let combiner = FlatCombiner::new(Log::default(), 1, 1);
    let [mut handle] = handles(&combiner);
    let (busy, task) = (turn(&combiner), Task::new());
    let op = held.clone();
    let mut request = handle.submit(Box::new(move |_| drop(op)));
    assert_eq!(task.poll(&mut request), None);
    drop(request);
    assert_eq!(Arc::strong_count(&held), 1);
    assert_eq!(Arc::strong_count(&task.bell), 2);
    serve(busy);
    assert_eq!((task.rings(), handle.call(nothing()).0), (0, 0));
}

#[test]
fn a_request_under_way_is_waited_for() {
    let combiner = FlatCombiner::new(Log::default(), 2, 1);
    let [mut here, mut there] = handles(&combiner);
    let task = Task::new();
    let done = Arc::new(AtomicUsize::new(0));
    let (begun, begin) = std::sync::mpsc::channel();
    let busy = turn(&combiner);
    let work: Work = {
        let done = done.clone();
        Box::new(move |_| {
            begun.send(()).expect("a receiver");
            (0..1000).for_each(|_| thread::yield_now());
            done.store(1, Relaxed);
            panic_any("nobody's");
        })
    };
    let mut request = here.submit(work);
    assert_eq!(task.poll(&mut request), None);
    drop(busy);
    thread::scope(|scope| {
        scope.spawn(|| {
            combiner.shared.note_waiting();
            assert_eq!(there.call(nothing()).0, 0);
        });
        begin.recv().expect("it is served");
        drop(request);
        assert_eq!(done.load(Relaxed), 1);
    });
    // The panic went with the request.
    assert_eq!(here.call(nothing()).0, 1);
}

#[test]
fn a_forgotten_request_is_taken_back_when_the_slot_is_needed() {
    let combiner = FlatCombiner::new(Log::default(), 2, 2);
    let [mut handle, mut other] = handles(&combiner);
    let task = Task::new();
    let forget = |handle: &mut Handle<Log>| {
        let mut request = handle.submit(Box::new(|_| panic_any("forgotten")));
        assert_eq!(task.poll(&mut request), None);
        mem::forget(request);
    };
    let busy = turn(&combiner);
    forget(&mut handle);
    let mut again = handle.submit(nothing());
    assert_eq!(task.poll(&mut again), None);
    serve(busy);
    assert_eq!(task.poll(&mut again), Some(0));
    drop(again);
    let busy = turn(&combiner);
    forget(&mut handle);
    forget(&mut other);
    drop(handle);
    serve(busy);
    // That of `other` was served, to nobody.
    assert_eq!(other.call(nothing()).0, 1);
    drop(other);
    let [mut a, mut b] = handles(&combiner);
    assert_eq!((a.call(nothing()).0, b.call(nothing()).0), (2, 3));
}

#[test]
fn a_panic_of_apply_reaches_who_polls() {
    let combiner = FlatCombiner::new(Log::default(), 1, 1);
    let [mut handle] = handles(&combiner);
    let (busy, task) = (turn(&combiner), Task::new());
    let mut request = handle.submit(Box::new(|_| panic_any("mine")));
    assert_eq!(task.poll(&mut request), None);
    serve(busy);
    let polled = catch_unwind(AssertUnwindSafe(|| task.poll(&mut request)));
    assert_eq!(polled.expect_err("it panics").downcast_ref(), Some(&"mine"));
    drop(request);
    assert_eq!(handle.call(nothing()).0, 0);
}

/// As a turn serves no more than its pass, the others are woken to take the next one, and
/// none of them can keep the rest from it.
#[test]
fn no_future_holds_up_another() {
    let combiner = FlatCombiner::new(Log::default(), 4, 1);
    let mut handles: [_; 4] = handles(&combiner);
    let tasks = [(); 4].map(|()| Task::new());
    let busy = turn(&combiner);
    let mut requests = handles.each_mut().map(|handle| handle.submit(nothing()));
    for (task, request) in tasks.iter().zip(&mut requests) {
        assert_eq!(task.poll(request), None);
    }
    serve(busy);
    assert!(tasks.iter().all(|task| task.rings() == 1));
    // The one that was answered and one that wasn't are not polled.
    let [_answered, dropped, waits, goes_on] = requests;
    drop(dropped);
    let mut goes_on = goes_on;
    // The third is served with it, after it was answered in its place.
    assert_eq!(tasks[3].poll(&mut goes_on), Some(1));
    assert_eq!(
        tasks[2].rings(),
        1,
        "its waker was called, and left no other"
    );
    let mut waits = waits;
    assert_eq!(tasks[2].poll(&mut waits), Some(2));
}

/// Panics when it is called, and so do its destructor and what it panics with.
struct Bad {
    when_called: bool,
}

impl Wake for Bad {
    fn wake(self: Arc<Bad>) {
        if self.when_called {
            panic_any(Bad { when_called: true });
        }
    }
}

impl Drop for Bad {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            panic_any("a destructor's");
        }
    }
}

/// Polls with a waker that is the last of its kind where it is left.
fn poll_badly(request: &mut Submit<'_, Log>, when_called: bool) {
    let bad = Waker::from(Arc::new(Bad { when_called }));
    let polled = std::pin::Pin::new(request).poll(&mut Context::from_waker(&bad));
    assert!(polled.is_pending());
}

#[test]
fn a_panic_of_a_waker_keeps_nobody_asleep() {
    for when_called in [true, false] {
        let combiner = FlatCombiner::new(Log::default(), 2, 2);
        let [mut a, mut b] = handles(&combiner);
        let (busy, task) = (turn(&combiner), Task::new());
        let (mut a, mut b) = (a.submit(nothing()), b.submit(nothing()));
        poll_badly(&mut a, when_called);
        assert_eq!(task.poll(&mut b), None);
        serve(busy);
        assert_eq!(task.rings(), 1);
        assert_eq!(task.poll(&mut a), Some(0));
    }
}

#[test]
fn a_waker_that_panics_when_it_is_replaced_is_replaced() {
    let combiner = FlatCombiner::new(Log::default(), 1, 1);
    let [mut handle] = handles(&combiner);
    let (busy, task) = (turn(&combiner), Task::new());
    let mut request = handle.submit(nothing());
    poll_badly(&mut request, false);
    assert_eq!(task.poll(&mut request), None);
    serve(busy);
    assert_eq!((task.rings(), task.poll(&mut request)), (1, Some(0)));
}

#[test]
fn a_request_whose_waker_panics_is_taken_back() {
    let combiner = FlatCombiner::new(Log::default(), 1, 1);
    let [mut handle] = handles(&combiner);
    let busy = turn(&combiner);
    let mut request = handle.submit(nothing());
    poll_badly(&mut request, false);
    let _ = catch_unwind(AssertUnwindSafe(|| drop(request)));
    serve(busy);
    assert_eq!(handle.call(nothing()).0, 0);
}

#[test]
fn a_request_under_way_whose_waker_panics_is_waited_for() {
    let combiner = FlatCombiner::new(Log::default(), 2, 1);
    let [mut here, mut there] = handles(&combiner);
    let (begun, begin) = std::sync::mpsc::channel();
    let busy = turn(&combiner);
    let mut request = here.submit(Box::new(move |_| {
        begun.send(()).expect("a receiver");
        (0..1000).for_each(|_| thread::yield_now());
    }));
    poll_badly(&mut request, false);
    // Unlocks without calling its waker.
    mem::forget(busy);
    combiner.shared.head.lock.unlock();
    let other = thread::spawn(move || there.call(nothing()).0);
    begin.recv().expect("it is served");
    let _ = catch_unwind(AssertUnwindSafe(|| drop(request)));
    // Not what the one that was dropped was answered with.
    assert_eq!(here.call(nothing()).0, 2);
    assert_eq!(other.join().expect("no panic"), 0);
}

/// What is left in the slot panics when it is dropped.
#[test]
fn a_handle_leaves_its_slot_whatever_panics() {
    let combiner = FlatCombiner::new(Log::default(), 1, 1);
    let [mut handle] = handles(&combiner);
    let (busy, task) = (turn(&combiner), Task::new());
    let bad = Bad { when_called: false };
    let mut request = handle.submit(Box::new(move |_| drop(bad)));
    assert_eq!(task.poll(&mut request), None);
    mem::forget(request);
    let dropped = catch_unwind(AssertUnwindSafe(|| drop(handle)));
    let thrown = dropped.expect_err("it panics");
    assert_eq!(thrown.downcast_ref(), Some(&"a destructor's"));
    serve(busy);
    let mut next = combiner.register().expect("a slot");
    assert_eq!(next.call(nothing()).0, 0);
}

/// The next turn does not wait for the user's code that a waker is.
#[test]
fn a_thread_is_woken_before_tasks_are_told() {
    /// Notes whether the thread of that slot is still asleep.
    struct Look {
        shared: Arc<Shared<Log>>,
        slot: usize,
        asleep: AtomicUsize,
    }
    impl Wake for Look {
        fn wake(self: Arc<Look>) {
            let asleep = self.shared.slots[self.slot].is_asleep();
            self.asleep.fetch_add(1 + usize::from(asleep), Relaxed);
        }
    }
    let combiner = FlatCombiner::new(Log::default(), 2, 1);
    let [mut task, mut other] = handles(&combiner);
    let (shared, slot) = (combiner.shared.clone(), other.slot);
    let asleep = AtomicUsize::new(0);
    let look = Arc::new(Look {
        shared,
        slot,
        asleep,
    });
    let waker = Waker::from(look.clone());
    let busy = turn(&combiner);
    let mut request = task.submit(nothing());
    let polled = std::pin::Pin::new(&mut request).poll(&mut Context::from_waker(&waker));
    assert!(polled.is_pending());
    thread::scope(|scope| {
        scope.spawn(move || assert_eq!(other.call(nothing()).0, 1));
        while !combiner.shared.slots[slot].is_asleep() {
            thread::yield_now();
        }
        serve(busy);
    });
    assert_eq!(look.asleep.load(Relaxed), 1);
}

#[test]
#[should_panic(expected = "after it was answered")]
fn polling_an_answered_request_panics() {
    let combiner = FlatCombiner::new(Log::default(), 1, 1);
    let [mut handle] = handles(&combiner);
    let (mut request, task) = (handle.submit(nothing()), Task::new());
    assert_eq!(task.poll(&mut request), Some(0));
    task.poll(&mut request);
}

#[test]
fn it_can_be_spawned() {
    fn check(_: impl Future + Send + Unpin) {}
    let combiner = FlatCombiner::new(Log::default(), 1, 1);
    let [mut handle] = handles(&combiner);
    check(handle.submit(nothing()));
}

/// A future that polls another once, and is ready then.
fn once<F: Future + Unpin>(mut future: F) -> impl Future<Output = Option<F::Output>> {
    std::future::poll_fn(move |context| {
        let polled = std::pin::Pin::new(&mut future).poll(context);
        Poll::Ready(match polled {
            Poll::Ready(answer) => Some(answer),
            Poll::Pending => None,
        })
    })
}

/// Threads that wait, tasks that wait and tasks that give up: who was answered was served
/// once, in an order in which each one's come in its own, and each request is dropped.
fn check_mix(threads: usize, pass: usize, rounds: usize) {
    let held = Arc::new(());
    let combiner = FlatCombiner::new(Log::default(), threads, pass);
    let part = |id: usize, mut handle: Handle<Log>| {
        let held = held.clone();
        move || -> Vec<usize> {
            let request = |round: usize| -> Work {
                let (held, is_slow) = (held.clone(), (id + round).is_multiple_of(5));
                Box::new(move |_| {
                    is_slow.then(thread::yield_now).unwrap_or_default();
                    drop(held);
                })
            };
            let answer = |round: usize| match (id + round) % 3 {
                0 => Some(handle.call(request(round)).0),
                1 => Some(block_on(handle.submit(request(round))).0),
                _ => block_on(once(handle.submit(request(round)))).map(|answer| answer.0),
            };
            (0..rounds).filter_map(answer).collect()
        }
    };
    let answers: Vec<Vec<usize>> = thread::scope(|scope| {
        let parts = (0..threads).map(|id| part(id, combiner.register().expect("a slot")));
        let threads: Vec<_> = parts.map(|part| scope.spawn(part)).collect();
        let threads = threads.into_iter();
        threads.map(|t| t.join().expect("no panic")).collect()
    });
    assert!(answers.iter().all(|sums| sums.is_sorted()));
    let mut all: Vec<_> = answers.into_iter().flatten().collect();
    let answered = all.len();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), answered);
    let served = combiner.register().expect("a slot").call(nothing()).0;
    assert!((answered..=threads * rounds).contains(&served));
    assert_eq!(Arc::strong_count(&held), 1);
}

#[test]
fn threads_and_tasks_share_a_combiner() {
    let cpus = thread::available_parallelism().map_or(2, usize::from);
    let (threads, rounds) = if cfg!(miri) { (4, 6) } else { (4 * cpus, 1000) };
    check_mix(threads, 2, rounds);
}

#[cfg(not(miri))]
proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn threads_and_tasks_of_any_number(
        threads in 1..6_usize,
        pass in 1..4_usize,
        rounds in 1..60_usize,
    ) {
        check_mix(threads, pass, rounds);
    }
}
