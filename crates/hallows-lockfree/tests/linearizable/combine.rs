// SPDX-License-Identifier: GPL-2.0-only
//! Requests are served one after the other, each between its call and its return; one that is
//! taken back is served before that has returned, or never.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread, yield_now};

use hallows_lockfree::combine::{Batch, Combine, FlatCombiner, Handle};

use super::history::{Clock, Event, Part, is_linearizable, record};

/// The last request, and their number.
#[derive(Default)]
struct Last(u32, u32);

impl Combine for Last {
    type Op = u32;
    type Ret = (u32, u32);

    fn apply(&mut self, op: u32) -> (u32, u32) {
        let before = (self.0, self.1);
        if op.is_multiple_of(3) {
            yield_now();
        }
        *self = Last(op, self.1 + 1);
        before
    }

    /// From the last to the first, which any order of requests under way may be.
    fn apply_batch(&mut self, batch: Batch<'_, Last>) {
        let mut requests: Vec<_> = batch.collect();
        while let Some((op, reply)) = requests.pop() {
            reply.send(self.apply(op));
        }
    }
}

/// A request, and what it was answered; None: it was taken back.
type Call = (u32, Option<(u32, u32)>);

struct Unpark(Thread);

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

/// The answer, if the first look has it, else the request is taken back: at once, or when a
/// turn has perhaps taken it.
fn try_once<F: Future>(future: F, at_once: bool) -> Option<F::Output> {
    let mut future = pin!(future);
    match future
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()))
    {
        Poll::Ready(answer) => return Some(answer),
        Poll::Pending if at_once => {}
        Poll::Pending => yield_now(),
    }
    None
}

/// By threads that wait, by tasks, and by tasks that give up.
fn part<'p>(mut handle: Handle<Last>, id: u32) -> Part<'p, Call> {
    Box::new(move |clock: &Clock| {
        let mut request = |op: u32| match (id + op) % 3 {
            0 => Some(handle.call(op)),
            1 => Some(block_on(handle.submit(op))),
            _ => try_once(handle.submit(op), op.is_multiple_of(2)),
        };
        let mut events = Vec::new();
        for op in (0..6).map(|round| id * 10 + round + 1) {
            events.push(clock.run(|| (op, request(op))));
            // Time for others to serve what was taken back, which they must not.
            yield_now();
        }
        events
    })
}

#[test]
fn requests_are_served_in_an_order_that_keeps_to_time() {
    for round in 0..if cfg!(debug_assertions) { 300 } else { 5000 } {
        let combiner = FlatCombiner::new(Last::default(), 4, 1 + round % 3);
        let handles = (0..4).map_while(|id| combiner.register_in(id % 2));
        let parts = (0..4).zip(handles).map(|(id, handle)| part(handle, id));
        let history = record(parts.collect());
        assert_eq!(history.len(), 24);
        let step = |state: &(u32, u32), event: &Event<Call>| {
            let (op, answer) = event.op;
            let served = (op, state.1 + 1);
            match answer {
                Some(answer) => vec![served; usize::from(answer == *state)],
                None => vec![*state, served],
            }
        };
        assert!(
            is_linearizable(&history, (0, 0), step),
            "round {round}: {history:?}"
        );
    }
}
