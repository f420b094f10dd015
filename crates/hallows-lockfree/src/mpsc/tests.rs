// SPDX-License-Identifier: GPL-2.0-only
use std::collections::VecDeque;
use std::mem::MaybeUninit;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

#[cfg(not(miri))]
use proptest::prelude::*;

use super::*;

const ROUNDS: u64 = if cfg!(miri) { 100 } else { 20_000 };

fn queue<T: Send>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    channel(capacity).expect("a file descriptor")
}

#[test]
fn values_come_in_order_and_batches_join() {
    let (sender, mut receiver) = queue(8);
    for i in 0..3 {
        sender.send(i).expect("room");
    }
    let mut grant = sender.reserve(4).expect("room");
    assert_eq!(grant.push_slice(&[3, 4, 5, 6, 7]), 4);
    assert_eq!(grant.push(8), Err(8));
    assert_eq!(receiver.recv_batch(2).expect("two").as_slice(), [0, 1]);
    // Not what is reserved and not committed.
    assert_eq!(receiver.recv_batch(9).expect("one").as_slice(), [2]);
    assert!(receiver.recv_batch(9).is_err());
    grant.commit();
    assert_eq!(receiver.recv(), Ok(3));
    assert!(receiver.recv_batch(9).expect("three").eq([4, 5, 6]));
    assert_eq!(receiver.recv(), Err(RecvError::Empty));
    assert_eq!(receiver.stats().received, 7);
}

#[test]
fn a_grant_is_contiguous_and_may_be_committed_in_part() {
    let (sender, mut receiver) = queue(8);
    for _ in 0..20 {
        let mut grant = sender.reserve(3).expect("room");
        for (slot, value) in grant.as_uninit().iter_mut().zip([7, 8]) {
            slot.write(value);
        }
        // SAFETY: two slots were written.
        unsafe { grant.commit_filled(2) };
        assert_eq!(receiver.recv_batch(9).expect("two").as_slice(), [7, 8]);
    }
    assert_eq!(receiver.stats().used, 0);
}

#[test]
fn what_was_pushed_is_out_of_reach() {
    let (sender, mut receiver) = queue(8);
    let mut grant = sender.reserve(3).expect("room");
    grant.push(Box::new(1)).expect("room");
    assert_eq!(grant.as_uninit().len(), 2);
    grant.as_uninit().fill_with(MaybeUninit::uninit);
    grant.as_uninit()[0].write(Box::new(2));
    // SAFETY: one was pushed, and the slot after it written.
    unsafe { grant.commit_filled(2) };
    let batch = receiver.recv_batch(9).expect("two");
    assert!(batch.eq([Box::new(1), Box::new(2)]));
}

#[test]
fn an_aborted_grant_is_skipped_and_drops_what_it_had() {
    let (sender, mut receiver) = queue(4);
    let value = Arc::new(());
    for _ in 0..10 {
        let mut grant = sender.reserve(2).expect("room");
        grant.push(value.clone()).expect("room");
        drop(grant);
        assert_eq!(Arc::strong_count(&value), 1);
        assert!(receiver.recv().is_err());
    }
    sender.send(value).expect("room");
    assert!(receiver.recv().is_ok());
    assert_eq!(receiver.stats().aborted, 10);
}

#[test]
fn a_full_queue_refuses() {
    let (sender, mut receiver) = queue(3);
    for i in 0..4 {
        sender.send(i).expect("room");
    }
    assert_eq!(sender.send(4), Err(SendError::Full(4)));
    assert_eq!(sender.reserve(2).map(drop), Err(SendError::Full(())));
    let stats = receiver.stats();
    assert_eq!((stats.refused, stats.used, stats.capacity), (2, 4, 4));
    assert_eq!(receiver.recv(), Ok(0));
    sender.send(4).expect("room");
}

#[test]
#[should_panic(expected = "a batch of 3: 1 to 2 fit")]
fn a_batch_above_half_the_ring_is_a_mistake() {
    let (sender, _receiver) = queue::<u8>(4);
    drop(sender.reserve(3));
}

#[test]
fn both_ends_learn_that_the_other_went() {
    let (sender, mut receiver) = queue(4);
    let other = sender.clone();
    sender.send(1).expect("room");
    drop(sender);
    assert!(!other.is_closed());
    drop(other);
    assert!(!receiver.arm());
    assert_eq!(receiver.recv(), Ok(1));
    assert_eq!(receiver.recv(), Err(RecvError::Disconnected));
    let (sender, receiver) = queue(4);
    drop(receiver);
    assert_eq!(sender.send(1), Err(SendError::Closed(1)));
}

#[test]
fn no_value_is_leaked_or_dropped_twice() {
    let value = Arc::new(());
    let (sender, mut receiver) = queue(8);
    let send = |n: usize| {
        let mut grant = sender.reserve(n).expect("room");
        while grant.push(value.clone()).is_ok() {}
        grant
    };
    send(3).commit();
    let mut batch = receiver.recv_batch(9).expect("three");
    assert!(batch.next().is_some());
    drop(batch);
    assert_eq!(Arc::strong_count(&value), 1);
    send(4).commit();
    // Values of a batch that is forgotten leak; the ring goes on.
    std::mem::forget(receiver.recv_batch(1).expect("four"));
    send(1).commit();
    assert_eq!(receiver.recv_batch(9).expect("four").len(), 4);
    let late = send(2);
    drop(receiver);
    late.commit();
    assert_eq!(Arc::strong_count(&value), 1 + 1 + 2);
    drop(sender);
    assert_eq!(Arc::strong_count(&value), 1 + 1);
    // SAFETY: the count of the one that was forgotten.
    unsafe { Arc::decrement_strong_count(Arc::as_ptr(&value)) };
}

#[test]
fn asking_for_nothing_tells_nothing() {
    let (sender, mut receiver) = queue(4);
    sender.send(1).expect("room");
    drop(sender);
    assert_eq!(receiver.recv_batch(0).map(drop), Err(RecvError::Empty));
    assert_eq!(receiver.recv(), Ok(1));
    assert_eq!(receiver.recv_batch(0).map(drop), Err(RecvError::Empty));
    assert_eq!(receiver.recv(), Err(RecvError::Disconnected));
}

/// A value whose destructor panics if it says so.
struct Touchy(
    #[allow(dead_code, reason = "held for its count")] Arc<()>,
    bool,
);

impl Drop for Touchy {
    fn drop(&mut self) {
        assert!(!self.1, "a destructor's");
    }
}

#[test]
fn all_lanes_are_told_and_emptied_whatever_panics() {
    let (mut lanes, receiver) = lanes(3, 4).expect("a file descriptor");
    let value = Arc::new(());
    for (i, lane) in lanes.iter_mut().enumerate() {
        assert!(lane.send(Touchy(value.clone(), i == 0)).is_ok());
        assert!(lane.send(Touchy(value.clone(), false)).is_ok());
    }
    let dropped = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(receiver)));
    assert!(dropped.is_err());
    assert!(lanes.iter().all(Lane::is_closed));
    assert_eq!(Arc::strong_count(&value), 1);
}

/// What is not in one piece is dropped piece by piece.
#[test]
fn a_ring_is_emptied_whatever_panics() {
    let (sender, mut receiver) = queue(4);
    let value = Arc::new(());
    for _ in 0..3 {
        assert!(sender.send(Touchy(value.clone(), false)).is_ok());
        assert!(receiver.recv().is_ok());
    }
    for i in 0..4 {
        assert!(sender.send(Touchy(value.clone(), i == 0)).is_ok());
    }
    let dropped = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(receiver)));
    assert!(dropped.is_err());
    assert_eq!(Arc::strong_count(&value), 1);
}

#[test]
fn a_lane_delays_its_own_only() {
    let (mut lanes, mut receiver) = lanes(3, 4).expect("a file descriptor");
    let [a, b, c] = &mut lanes[..] else {
        panic!("three lanes")
    };
    let stuck = a.reserve(1).expect("room");
    b.send(1).expect("room");
    c.send(2).expect("room");
    b.send(3).expect("room");
    let mut received: Vec<_> = std::iter::from_fn(|| receiver.recv().ok()).collect();
    received.sort_unstable();
    assert_eq!(received, [1, 2, 3]);
    drop(stuck);
}

#[cfg_attr(miri, ignore = "Miri has no poll")]
#[test]
fn the_descriptor_tells_of_the_first_message() {
    let (sender, mut receiver) = queue(4);
    let readable = |receiver: &Receiver<i32>| {
        let mut poll = libc::pollfd {
            fd: std::os::fd::AsRawFd::as_raw_fd(&receiver.as_fd()),
            events: libc::POLLIN,
            revents: 0,
        };
        // SAFETY: one pollfd, which lives through the call.
        unsafe { libc::poll(&raw mut poll, 1, 0) == 1 }
    };
    sender.send(1).expect("room");
    // Nobody asked.
    assert!(!readable(&receiver));
    assert!(!receiver.arm());
    assert_eq!(receiver.recv(), Ok(1));
    assert!(receiver.arm());
    assert!(!readable(&receiver));
    sender.send(2).expect("room");
    assert!(readable(&receiver));
    assert_eq!(receiver.recv(), Ok(2));
    assert!(receiver.arm());
    assert!(!readable(&receiver));
    drop(sender);
    assert!(readable(&receiver));
}

#[cfg_attr(miri, ignore = "Miri has no poll")]
#[test]
fn waiting_ends_at_the_timeout() {
    let (_sender, mut receiver) = queue::<u8>(4);
    receiver
        .wait(Some(Duration::from_micros(1)))
        .expect("no error");
    assert_eq!(receiver.recv(), Err(RecvError::Empty));
    assert_eq!(receiver.stats().waits, 1);
}

/// What each producer sends arrives once and in its order. More threads than CPUs;
/// the consumer sleeps whenever it finds nothing.
fn exchange(senders: Vec<impl FnMut(&[u64]) -> bool + Send>, mut receiver: Receiver<u64>) {
    let producers = senders.len();
    thread::scope(|scope| {
        for (id, mut send) in senders.into_iter().enumerate() {
            scope.spawn(move || {
                let mut next = 0;
                while next < ROUNDS {
                    let len = (1 + next % 3).min(ROUNDS - next);
                    let batch: Vec<_> = (next..next + len)
                        .map(|i| i * producers as u64 + id as u64)
                        .collect();
                    if send(&batch) {
                        next += len;
                    } else {
                        thread::yield_now();
                    }
                }
            });
        }
        let mut next = vec![0; producers];
        loop {
            let failed = match receiver.recv_batch(5) {
                Ok(batch) => {
                    for value in batch {
                        let id = (value % producers as u64) as usize;
                        assert_eq!(value / producers as u64, next[id]);
                        next[id] += 1;
                    }
                    continue;
                }
                Err(error) => error,
            };
            match failed {
                RecvError::Disconnected => break,
                RecvError::Empty if cfg!(miri) => thread::yield_now(),
                RecvError::Empty => receiver.wait(None).expect("no error"),
            }
        }
        assert!(next.iter().all(|&n| n == ROUNDS));
    });
}

fn send_all(grant: Result<Grant<'_, u64>, SendError>, values: &[u64]) -> bool {
    let Ok(mut grant) = grant else {
        return false;
    };
    grant.push_slice(values);
    grant.commit();
    true
}

#[test]
fn producers_share_a_ring() {
    let (sender, receiver) = queue(16);
    let senders = (0..4).map(|_| {
        let sender = sender.clone();
        move |values: &[u64]| send_all(sender.reserve(values.len()), values)
    });
    let senders = senders.collect();
    drop(sender);
    exchange(senders, receiver);
}

#[test]
fn producers_have_lanes() {
    let (lanes, receiver) = lanes(4, 8).expect("a file descriptor");
    let senders = lanes
        .into_iter()
        .map(|mut lane| move |values: &[u64]| send_all(lane.reserve(values.len()), values));
    exchange(senders.collect(), receiver);
}

#[cfg(not(miri))]
#[derive(Clone, Debug)]
enum Op {
    /// Reserve so many slots and fill so many of them.
    Send(usize, usize),
    Abort(usize),
    Recv(usize),
    /// Move so many of a batch out and drop the others.
    Part(usize, usize),
}

#[cfg(not(miri))]
fn op() -> impl Strategy<Value = Op> {
    let sized = (1..=8usize).prop_flat_map(|n| (Just(n), 0..=n));
    prop_oneof![
        3 => sized.clone().prop_map(|(n, k)| Op::Send(n, k)),
        1 => (1..=8usize).prop_map(Op::Abort),
        2 => (1..20usize).prop_map(Op::Recv),
        1 => sized.prop_map(|(n, k)| Op::Part(n, k)),
    ]
}

#[cfg(not(miri))]
proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Against a queue of the standard library: what is sent is received, in order,
    /// and an empty ring has room for the largest batch wherever it stands.
    #[test]
    fn it_is_a_queue(ops in prop::collection::vec(op(), 1..200)) {
        let (sender, mut receiver) = queue(16);
        let mut model = VecDeque::new();
        let mut next = 0;
        for op in ops {
            match op {
                Op::Send(n, k) => {
                    let Ok(mut grant) = sender.reserve(n) else {
                        prop_assert!(receiver.stats().used + 2 * n > 16);
                        continue;
                    };
                    for _ in 0..k {
                        prop_assert!(grant.push(next).is_ok());
                        model.push_back(next);
                        next += 1;
                    }
                    grant.commit();
                }
                Op::Abort(n) => drop(sender.reserve(n)),
                Op::Recv(max) => {
                    let batch = receiver.recv_batch(max).map(Iterator::collect::<Vec<_>>);
                    let batch = batch.unwrap_or_default();
                    prop_assert!(batch.len() <= max);
                    prop_assert_eq!(batch.is_empty(), model.is_empty());
                    let wanted: Vec<_> = model.drain(..batch.len()).collect();
                    prop_assert_eq!(batch, wanted);
                }
                Op::Part(max, k) => {
                    if let Ok(mut batch) = receiver.recv_batch(max) {
                        let len = batch.len();
                        let moved: Vec<_> = batch.by_ref().take(k).collect();
                        drop(batch);
                        let wanted: Vec<_> = model.drain(..len).take(k).collect();
                        prop_assert_eq!(moved, wanted);
                    }
                }
            }
            if model.is_empty() {
                prop_assert!(receiver.recv().is_err());
                prop_assert_eq!(receiver.stats().used, 0);
            }
        }
    }
}
