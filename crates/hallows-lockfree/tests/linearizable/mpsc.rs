// SPDX-License-Identifier: GPL-2.0-only
//! A ring is a queue, but that it may look empty while a send into it is under way (what was
//! sent behind a claim that isn't committed waits for it). Lanes are a queue for each producer,
//! and between them there is no order.

use std::thread::yield_now;

use hallows_lockfree::mpsc::{Grant, Receiver, SendError, channel, lanes};

use super::history::{Clock, Event, Part, is_linearizable, record};

const PRODUCERS: u32 = 3;

#[derive(Clone, Debug)]
enum Op {
    /// Values that were sent together, or refused.
    Send(Vec<u32>, bool),
    /// Values that were received together; none: it looked empty.
    Recv(Vec<u32>),
}

/// Sends values together; false: they were refused.
type Sending = Box<dyn FnMut(&[u32]) -> bool + Send>;

/// What is made anew for each history.
struct Queue {
    senders: Vec<Sending>,
    receiver: Receiver<u32>,
}

/// How queues are made, and what of.
#[derive(Clone, Copy)]
struct Kind {
    make: fn(usize) -> Queue,
    rings: u32,
    /// Slots of a ring.
    capacity: usize,
    /// Values that are sent together.
    batch: u32,
}

fn fill(grant: Result<Grant<'_, u32>, SendError>, values: &[u32]) -> bool {
    let Ok(mut grant) = grant else { return false };
    yield_now();
    assert_eq!(grant.push_slice(values), values.len());
    grant.commit();
    true
}

fn one_ring(capacity: usize) -> Queue {
    let (sender, receiver) = channel(capacity).expect("a file descriptor");
    let senders = vec![sender; PRODUCERS as usize].into_iter();
    Queue {
        senders: senders
            .map(|sender| -> Sending {
                Box::new(move |values| fill(sender.reserve(values.len()), values))
            })
            .collect(),
        receiver,
    }
}

fn a_ring_each(capacity: usize) -> Queue {
    let (lanes, receiver) = lanes(PRODUCERS as usize, capacity).expect("a file descriptor");
    Queue {
        senders: lanes
            .into_iter()
            .map(|mut lane| -> Sending {
                Box::new(move |values| fill(lane.reserve(values.len()), values))
            })
            .collect(),
        receiver,
    }
}

fn producer<'p>(mut send: Sending, id: u32, batch: u32) -> Part<'p, Op> {
    Box::new(move |clock: &Clock| {
        (0..5)
            .map(|round| {
                let first = id * 100 + round * 10;
                let values: Vec<_> = (first..first + batch).collect();
                clock.run(|| {
                    let sent = send(&values);
                    Op::Send(values, sent)
                })
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

impl Kind {
    fn new(make: fn(usize) -> Queue, rings: u32, capacity: usize, batch: u32) -> Kind {
        Kind {
            make,
            rings,
            capacity,
            batch,
        }
    }

    /// The ring of the producer that sends these.
    fn ring(&self, values: &[u32]) -> usize {
        (values[0] / 100 % self.rings) as usize
    }

    /// Whether something is sent into a ring during an event.
    fn is_busy(&self, history: &[Event<Op>], ring: usize, event: &Event<Op>) -> bool {
        history.iter().any(|other| match &other.op {
            Op::Send(values, _) => self.ring(values) == ring && other.overlaps(event),
            Op::Recv(_) => false,
        })
    }

    fn allows(&self, history: &[Event<Op>]) -> bool {
        let empty = vec![Vec::<u32>::new(); self.rings as usize];
        is_linearizable(history, empty, |rings: &Vec<Vec<u32>>, event| {
            let mut after = rings.clone();
            let is_allowed = match &event.op {
                Op::Send(values, true) => {
                    after[self.ring(values)].extend(values);
                    true
                }
                // Gaps at the end of the ring take room as well.
                Op::Send(values, false) => {
                    self.batch > 1 || rings[self.ring(values)].len() == self.capacity
                }
                Op::Recv(values) if values.is_empty() => (0..)
                    .zip(rings)
                    .all(|(ring, queue)| queue.is_empty() || self.is_busy(history, ring, event)),
                Op::Recv(values) => {
                    let queue = &mut after[self.ring(values)];
                    let is_first = queue.starts_with(values);
                    is_first.then(|| queue.drain(..values.len()));
                    is_first
                }
            };
            is_allowed.then_some(after)
        })
    }

    fn check(self) {
        for round in 0..if cfg!(debug_assertions) { 300 } else { 5000 } {
            let Queue {
                senders,
                mut receiver,
            } = (self.make)(self.capacity);
            let producers = (0..).zip(senders);
            let producers = producers.map(|(id, send)| producer(send, id, self.batch));
            let all = producers.chain([consumer(&mut receiver, self.batch as usize)]);
            let history = record(all.collect());
            assert!(self.allows(&history), "round {round}: {history:?}");
        }
    }
}

#[test]
fn single_values_are_a_queue() {
    Kind::new(one_ring, 1, 4, 1).check();
}

#[test]
fn batches_are_a_queue() {
    Kind::new(one_ring, 1, 4, 2).check();
}

#[test]
fn single_values_are_a_queue_in_each_lane() {
    Kind::new(a_ring_each, PRODUCERS, 2, 1).check();
}

#[test]
fn batches_are_a_queue_in_each_lane() {
    Kind::new(a_ring_each, PRODUCERS, 4, 2).check();
}
