// SPDX-License-Identifier: GPL-2.0-only
//! Requests are served one after the other, each between its call and its return.

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

/// A request, and what it was answered.
type Call = (u32, (u32, u32));

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

/// By threads that wait and by tasks.
fn part<'p>(mut handle: Handle<Last>, id: u32) -> Part<'p, Call> {
    Box::new(move |clock: &Clock| {
        let mut request = |op: u32| match (id + op).is_multiple_of(2) {
            true => handle.call(op),
            false => block_on(handle.submit(op)),
        };
        let ops = (0..6).map(|round| id * 10 + round + 1);
        ops.map(|op| clock.run(|| (op, request(op)))).collect()
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
            (answer == *state).then_some((op, state.1 + 1))
        };
        assert!(
            is_linearizable(&history, (0, 0), step),
            "round {round}: {history:?}"
        );
    }
}
