// SPDX-License-Identifier: GPL-2.0-only
//! Messages from several producers to one consumer, all of them as fast as they can.

use std::hint::{black_box, spin_loop};
use std::sync::{Arc, Barrier, Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use anyhow::Context;
use crossbeam_queue::ArrayQueue;
use hallows_lockfree::mpsc;

use crate::group::Group;

const CAPACITY: usize = 1024;

/// A message of so many words.
type Message<const WORDS: usize> = [u64; WORDS];

/// A while without progress: a few pauses, then the CPU to somebody else.
#[derive(Default)]
struct Patience(u32);

impl Patience {
    fn wait(&mut self) {
        self.0 += 1;
        if self.0.is_multiple_of(64) {
            thread::yield_now();
        } else {
            spin_loop();
        }
    }
}

/// Nanoseconds per message from the start of `producers` threads, each of which runs
/// `send` for `each` messages, to the end of `receive`, which gets them all.
fn time(
    producers: usize,
    each: u64,
    send: impl Fn(usize, u64) + Sync,
    receive: impl FnOnce(u64) -> u64,
) -> f64 {
    let total = each * producers as u64;
    let barrier = Barrier::new(producers + 1);
    thread::scope(|scope| {
        for producer in 0..producers {
            let (send, barrier) = (&send, &barrier);
            scope.spawn(move || {
                barrier.wait();
                send(producer, each);
            });
        }
        barrier.wait();
        let start = Instant::now();
        assert_eq!(receive(total), total);
        start.elapsed().as_nanos() as f64 / total as f64
    })
}

pub fn groups(scale: u64) -> anyhow::Result<Vec<Group>> {
    let mut groups = Vec::new();
    for producers in [1, 2, 4] {
        groups.push(group::<1>(producers, scale)?);
    }
    for producers in [1, 2, 4] {
        groups.push(group::<7>(producers, scale)?);
    }
    Ok(groups)
}

fn group<const WORDS: usize>(producers: usize, scale: u64) -> anyhow::Result<Group> {
    let each = 4_000 * scale / producers as u64 / 32 * 32;
    let bytes = 8 * WORDS;
    let mut group = Group::new(format!("queue, {producers} producers, {bytes} bytes"))
        .subject("claim 32", batches::<WORDS>(producers, each)?)
        .subject("claim 1", singles::<WORDS>(producers, each)?)
        .subject("lanes, claim 32", lanes::<WORDS>(producers, each)?)
        .subject("ArrayQueue", array_queue::<WORDS>(producers, each))
        .subject("kanal", kanal::<WORDS>(producers, each))
        .bar("claim 32", "ArrayQueue", 1.0 / 1.25)
        .bar("claim 1", "ArrayQueue", 1.0);
    if producers == 4 {
        group = group.bar("claim 32", "kanal", 1.0);
    }
    Ok(group)
}

/// Receives from ours until `total` messages came.
fn receive_all<const WORDS: usize>(
    receiver: &mut mpsc::Receiver<Message<WORDS>>,
    total: u64,
) -> u64 {
    let (mut got, mut patience) = (0, Patience::default());
    while got < total {
        match receiver.recv_batch(64) {
            Ok(batch) => {
                for message in batch.as_slice() {
                    black_box(message);
                }
                got += batch.len() as u64;
            }
            Err(_) => patience.wait(),
        }
    }
    got
}

/// Sends `each` messages, 32 to a grant of what `reserve` gives.
fn send_batches(each: u64, mut reserve: impl FnMut() -> Option<u64>) {
    let (mut sent, mut patience) = (0, Patience::default());
    while sent < each {
        match reserve() {
            Some(n) => sent += n,
            None => patience.wait(),
        }
    }
}

/// Fills a grant, if there is one, and commits it.
fn fill<const WORDS: usize>(grant: Option<mpsc::Grant<'_, Message<WORDS>>>) -> Option<u64> {
    let mut grant = grant?;
    let n = grant.capacity() as u64;
    for i in 0..n {
        if grant.push([i; WORDS]).is_err() {
            unreachable!("a grant has its capacity");
        }
    }
    grant.commit();
    Some(n)
}

fn batches<const WORDS: usize>(producers: usize, each: u64) -> anyhow::Result<impl FnMut() -> f64> {
    let (sender, mut receiver) = mpsc::channel::<Message<WORDS>>(CAPACITY).context("a queue")?;
    Ok(move || {
        let send = |_, each| send_batches(each, || fill(sender.reserve(32).ok()));
        time(producers, each, send, |total| {
            receive_all(&mut receiver, total)
        })
    })
}

fn lanes<const WORDS: usize>(producers: usize, each: u64) -> anyhow::Result<impl FnMut() -> f64> {
    let (lanes, mut receiver) =
        mpsc::lanes::<Message<WORDS>>(producers, CAPACITY / producers).context("a queue")?;
    let lanes: Vec<_> = lanes.into_iter().map(Mutex::new).collect();
    Ok(move || {
        let send = |producer: usize, each| {
            let mut lane = lanes[producer]
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            send_batches(each, || fill(lane.reserve(32).ok()));
        };
        time(producers, each, send, |total| {
            receive_all(&mut receiver, total)
        })
    })
}

fn singles<const WORDS: usize>(producers: usize, each: u64) -> anyhow::Result<impl FnMut() -> f64> {
    let (sender, mut receiver) = mpsc::channel::<Message<WORDS>>(CAPACITY).context("a queue")?;
    Ok(move || {
        let send = |_, each| {
            let mut patience = Patience::default();
            for i in 0..each {
                while sender.send([i; WORDS]).is_err() {
                    patience.wait();
                }
            }
        };
        time(producers, each, send, |total| {
            receive_all(&mut receiver, total)
        })
    })
}

fn array_queue<const WORDS: usize>(producers: usize, each: u64) -> impl FnMut() -> f64 {
    let queue = Arc::new(ArrayQueue::<Message<WORDS>>::new(CAPACITY));
    move || {
        let send = |_, each| {
            let mut patience = Patience::default();
            for i in 0..each {
                while queue.push([i; WORDS]).is_err() {
                    patience.wait();
                }
            }
        };
        time(producers, each, send, |total| {
            let (mut got, mut patience) = (0, Patience::default());
            while got < total {
                match queue.pop() {
                    Some(message) => {
                        black_box(&message);
                        got += 1;
                    }
                    None => patience.wait(),
                }
            }
            got
        })
    }
}

fn kanal<const WORDS: usize>(producers: usize, each: u64) -> impl FnMut() -> f64 {
    let (sender, receiver) = kanal::bounded::<Message<WORDS>>(CAPACITY);
    move || {
        let send = |_, each| {
            for i in 0..each {
                if sender.send([i; WORDS]).is_err() {
                    unreachable!("the receiver is there");
                }
            }
        };
        time(producers, each, send, |total| {
            let received = (0..total).map_while(|_| receiver.recv().ok());
            received.map(black_box).count() as u64
        })
    }
}
