// SPDX-License-Identifier: GPL-2.0-only
//! The queue is a queue, but that it may look empty while a send is under way (what was
//! sent behind a claim that isn't committed waits for it).

use std::thread::yield_now;

use hallows_lockfree::mpsc::{Receiver, Sender, channel};

use super::history::{Clock, Event, Part, is_linearizable, record};

const CAPACITY: usize = 4;

#[derive(Clone, Debug)]
enum Op {
    /// Values that were sent together, or refused.
    Send(Vec<u32>, bool),
    /// Values that were received together; none: it looked empty.
    Recv(Vec<u32>),
}

fn send(sender: &Sender<u32>, values: Vec<u32>) -> Op {
    let sent = match sender.reserve(values.len()) {
        Ok(mut grant) => {
            yield_now();
            assert_eq!(grant.push_slice(&values), values.len());
            grant.commit();
            true
        }
        Err(_) => false,
    };
    Op::Send(values, sent)
}

fn producer<'p>(sender: Sender<u32>, id: u32, batch: u32) -> Part<'p, Op> {
    Box::new(move |clock: &Clock| {
        (0..5)
            .map(|round| {
                let first = id * 100 + round * 10;
                clock.run(|| send(&sender, (first..first + batch).collect()))
            })
            .collect()
    })
}

fn consumer<'p>(receiver: &'p mut Receiver<u32>, batch: usize) -> Part<'p, Op> {
    Box::new(move |clock: &Clock| {
        (0..8)
            .map(|_| {
                clock.run(|| {
                    let values = receiver.recv_batch(batch);
                    Op::Recv(values.map_or_else(|_| vec![], |values| values.collect()))
                })
            })
            .collect()
    })
}

fn is_queue(history: &[Event<Op>], batch: u32) -> bool {
    let busy = |event: &Event<Op>| {
        let sends = |other: &&Event<Op>| matches!(other.op, Op::Send(..));
        history
            .iter()
            .filter(sends)
            .any(|send| send.overlaps(event))
    };
    is_linearizable(history, Vec::new(), |queue: &Vec<u32>, event| {
        match &event.op {
            Op::Send(values, true) => Some([queue.as_slice(), values].concat()),
            // Gaps at the end of the ring take room as well.
            Op::Send(_, false) => (queue.len() == CAPACITY || batch > 1).then(|| queue.clone()),
            Op::Recv(values) if values.is_empty() => {
                (queue.is_empty() || busy(event)).then(|| queue.clone())
            }
            Op::Recv(values) => queue.strip_prefix(values.as_slice()).map(<[u32]>::to_vec),
        }
    })
}

fn check(batch: u32) {
    for round in 0..if cfg!(debug_assertions) { 300 } else { 5000 } {
        let (sender, mut receiver) = channel(CAPACITY).expect("a file descriptor");
        let producers = (0..3).map(|id| producer(sender.clone(), id, batch));
        let all = producers.chain([consumer(&mut receiver, batch as usize)]);
        let history = record(all.collect());
        assert!(is_queue(&history, batch), "round {round}: {history:?}");
    }
}

#[test]
fn single_values_are_a_queue() {
    check(1);
}

#[test]
fn batches_are_a_queue() {
    check(2);
}
