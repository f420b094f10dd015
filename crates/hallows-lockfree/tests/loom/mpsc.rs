// SPDX-License-Identifier: GPL-2.0-only
use hallows_lockfree::mpsc::{Grant, Receiver, RecvError, Sender, channel, lanes};
use loom::sync::Arc;
use loom::sync::atomic::{AtomicBool, Ordering};
use loom::thread;

use crate::explore;
use crate::value::Value;

fn queue(capacity: usize) -> (Sender<Value>, Receiver<Value>) {
    channel(capacity).unwrap()
}

/// What there is, read and dropped in place.
fn receive(receiver: &mut Receiver<Value>) -> Vec<usize> {
    let mut all = Vec::new();
    while let Ok(batch) = receiver.recv_batch(2) {
        all.extend(batch.as_slice().iter().map(Value::get));
    }
    all
}

#[test]
fn a_batch_is_seen_whole_and_filled() {
    explore(3, || {
        let (sender, mut receiver) = queue(4);
        let producer = thread::spawn(move || {
            let mut grant = sender.reserve(2).unwrap();
            for i in 1..=2 {
                assert!(grant.push(Value::new(i)).is_ok());
            }
            grant.commit();
        });
        let mut all = receive(&mut receiver);
        assert!(all.is_empty() || all == [1, 2]);
        producer.join().unwrap();
        all.extend(receive(&mut receiver));
        assert_eq!(all, [1, 2]);
    });
}

#[test]
fn a_slot_is_used_again_only_when_it_is_free() {
    explore(3, || {
        let (sender, mut receiver) = queue(2);
        for i in 1..=2 {
            assert!(sender.send(Value::new(i)).is_ok());
        }
        let producer = thread::spawn(move || sender.send(Value::new(3)).is_ok());
        let mut all = receive(&mut receiver);
        let sent = producer.join().unwrap();
        all.extend(receive(&mut receiver));
        assert_eq!(all, [1, 2, 3][..2 + usize::from(sent)]);
    });
}

/// One producer learns from the other that a slot is free.
#[test]
fn a_free_slot_is_passed_on_between_producers() {
    explore(3, || {
        let (sender, mut receiver) = queue(2);
        for i in 1..=2 {
            assert!(sender.send(Value::new(i)).is_ok());
        }
        let sender = Arc::new(sender);
        let producers = [3, 4].map(|i| {
            let sender = sender.clone();
            thread::spawn(move || sender.send(Value::new(i)).is_ok())
        });
        let mut all = receive(&mut receiver);
        let sent = producers.map(|p| p.join().unwrap());
        all.extend(receive(&mut receiver));
        all.sort_unstable();
        let wanted = [(1, true), (2, true), (3, sent[0]), (4, sent[1])];
        let wanted: Vec<_> = wanted.iter().filter(|w| w.1).map(|w| w.0).collect();
        assert_eq!(all, wanted);
    });
}

#[test]
fn an_aborted_claim_between_others_is_skipped() {
    explore(2, || {
        let (sender, mut receiver) = queue(8);
        let aborter = {
            let sender = sender.clone();
            thread::spawn(move || {
                let mut grant = sender.reserve(2).unwrap();
                assert!(grant.push(Value::new(9)).is_ok());
            })
        };
        let producer = thread::spawn(move || {
            assert!(sender.send(Value::new(1)).is_ok());
        });
        let mut all = receive(&mut receiver);
        aborter.join().unwrap();
        producer.join().unwrap();
        all.extend(receive(&mut receiver));
        assert_eq!(all, [1]);
        assert_eq!(receiver.recv().map(drop), Err(RecvError::Disconnected));
    });
}

/// The consumer never sleeps beside a message: the model would never end.
#[test]
fn no_wake_up_is_lost() {
    explore(3, || {
        let (sender, mut receiver) = queue(2);
        let producer = thread::spawn(move || {
            assert!(sender.send(Value::new(1)).is_ok());
            sender
        });
        receiver.wait(None).unwrap();
        assert_eq!(receiver.recv().unwrap().get(), 1);
        drop(producer.join().unwrap());
        receiver.wait(None).unwrap();
        assert_eq!(receiver.recv().map(drop), Err(RecvError::Disconnected));
    });
}

#[test]
fn the_last_sender_leaves_after_its_messages() {
    explore(3, || {
        let (sender, mut receiver) = queue(2);
        let producer = thread::spawn(move || {
            assert!(sender.send(Value::new(1)).is_ok());
        });
        let mut all = receive(&mut receiver);
        if receiver.recv().map(drop) == Err(RecvError::Disconnected) {
            assert_eq!(all, [1]);
        }
        producer.join().unwrap();
        all.extend(receive(&mut receiver));
        drop(all);
        assert_eq!(receiver.recv().map(drop), Err(RecvError::Disconnected));
    });
}

#[test]
fn what_is_committed_after_the_receiver_went_is_dropped() {
    explore(3, || {
        let (sender, receiver) = queue(2);
        let value = Arc::new(());
        let (late, seen) = (Late(value.clone()), value.clone());
        let (other, late_receiver) = channel::<Late>(2).unwrap();
        let producer = thread::spawn(move || {
            let _ = sender.send(Value::new(1));
            let _ = other.send(late);
        });
        drop((receiver, late_receiver));
        producer.join().unwrap();
        assert_eq!(Arc::strong_count(&seen), 2);
        drop(value);
    });
}

/// A value whose leak loom reports.
struct Late(#[allow(dead_code, reason = "held for its count")] Arc<()>);

#[test]
fn lanes_do_not_meet() {
    explore(2, || {
        let (lanes, mut receiver) = lanes::<Value>(2, 2).unwrap();
        let producers: Vec<_> = lanes
            .into_iter()
            .map(|mut lane| thread::spawn(move || assert!(lane.send(Value::new(1)).is_ok())))
            .collect();
        let mut all = receive(&mut receiver);
        for producer in producers {
            producer.join().unwrap();
        }
        all.extend(receive(&mut receiver));
        assert_eq!(all, [1, 1]);
    });
}

/// A claim that is older than another's message, and how it ends.
fn a_hole_is_not_passed(end: fn(Grant<'_, Value>), wanted: &'static [usize]) {
    explore(3, move || {
        let (sender, mut receiver) = queue(4);
        // So that slots have been used, and the claim starts with a gap up to the ring's end.
        for i in 0..3 {
            assert!(sender.send(Value::new(i)).is_ok());
            assert_eq!(receiver.recv().unwrap().get(), i);
        }
        let grant = sender.reserve(2).unwrap();
        let other = sender.clone();
        let is_open = Arc::new(AtomicBool::new(true));
        let seen_open = is_open.clone();
        let producer = thread::spawn(move || assert!(other.send(Value::new(9)).is_ok()));
        let consumer = thread::spawn(move || {
            let got = receive(&mut receiver);
            assert!(got.is_empty() || !seen_open.load(Ordering::Relaxed));
            (got, receiver)
        });
        is_open.store(false, Ordering::Relaxed);
        end(grant);
        producer.join().unwrap();
        let (mut all, mut receiver) = consumer.join().unwrap();
        all.extend(receive(&mut receiver));
        assert_eq!(all, wanted);
    });
}

#[test]
fn what_is_sent_behind_a_claim_waits_until_it_is_committed() {
    let commit = |mut grant: Grant<'_, Value>| {
        for i in 1..=2 {
            assert!(grant.push(Value::new(i)).is_ok());
        }
        grant.commit();
    };
    a_hole_is_not_passed(commit, &[1, 2, 9]);
}

#[test]
fn what_is_sent_behind_a_claim_waits_until_it_is_aborted() {
    let abort = |mut grant: Grant<'_, Value>| {
        assert!(grant.push(Value::new(1)).is_ok());
    };
    a_hole_is_not_passed(abort, &[9]);
}
