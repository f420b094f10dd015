// SPDX-License-Identifier: GPL-2.0-only
//! What an operation costs in instructions: a figure that no busy machine blurs. Counted by
//! callgrind, of an optimised build:
//!
//! `cargo test --release -p hallows-lockfree --test instructions -- --ignored`
#![cfg(not(any(loom, miri)))]

use std::env;
use std::hint::black_box;
use std::process::Command;

use hallows_lockfree::combine::{Combine, FlatCombiner};
use hallows_lockfree::layout::Counter;
use hallows_lockfree::{epoch, hp, mpsc};

/// Operations, and how many instructions each may take: at most a quarter more than it did.
/// Valgrind knows no membarrier(2), so fences are sequential.
const MOST: &[(&str, f64)] = &[
    ("hp::Reader::load", 27.0),
    ("hp::HazardPointer::protect", 30.0),
    ("epoch: pin, load, unpin", 31.0),
    ("epoch: pin, load, hold, unpin", 34.0),
    ("mpsc: a message of 32", 29.0),
    ("mpsc: a message alone", 301.0),
    ("combine: a call alone", 28.0),
    ("Counter: an addition alone", 32.0),
];

/// What is around an operation.
const NOTHING: &str = "nothing";
const TEST: &str = "no_operation_takes_more_instructions_than_stated";
const NAME: &str = "HALLOWS_OPERATION";
const TIMES: &str = "HALLOWS_TIMES";

#[test]
#[ignore = "needs valgrind and an optimised build"]
fn no_operation_takes_more_instructions_than_stated() {
    if let (Ok(name), Ok(times)) = (env::var(NAME), env::var(TIMES)) {
        return run(&name, times.parse().expect("a number"));
    }
    let each = |name| {
        // What starts and ends the process is in both.
        let (few, many) = (count(name, 320), count(name, 3520));
        many.saturating_sub(few) as f64 / 3200.0
    };
    let around = each(NOTHING);
    let counts = MOST.iter().map(|(name, most)| {
        let each = each(name) - around;
        println!("{name}: {each:.1} of {most}");
        (name, each, most)
    });
    let over: Vec<_> = counts.filter(|(_, each, most)| each > most).collect();
    assert!(over.is_empty(), "more than stated: {over:?}");
}

/// Instructions of a process that does the operation so many times.
fn count(name: &str, times: u32) -> u64 {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(env::current_exe().expect("a test runs from a file"))
        .args(["--ignored", "--exact", TEST])
        .env(NAME, name)
        .env(TIMES, times.to_string())
        .output()
        .expect("valgrind runs");
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    let collected = text.lines().find_map(|line| line.split_once("Collected :"));
    let number = collected.and_then(|(_, number)| number.trim().parse().ok());
    number.unwrap_or_else(|| panic!("callgrind tells no count: {text}"))
}

struct Sum(u64);

impl Combine for Sum {
    type Op = u64;
    type Ret = u64;

    fn apply(&mut self, op: u64) -> u64 {
        self.0 += op;
        self.0
    }
}

fn run(name: &str, times: u64) {
    let (_publisher, mut reader) = hp::snapshot(1_u64);
    let domain = hp::Domain::new();
    let cell = hp::Atomic::new(&domain, 1_u64);
    let mut hazard = domain.hazard_pointer();
    let collector = epoch::Collector::default();
    let value = epoch::Atomic::new(&collector, 1_u64);
    let (mut participant, mut keep) = (collector.register(), collector.hazard());
    let (sender, mut receiver) = mpsc::channel(64).expect("a file descriptor");
    let mut handle = FlatCombiner::new(Sum(0), 1, 1).register().expect("a slot");
    let mut adder = Counter::new().adder();
    let mut operation: Box<dyn FnMut(u64)> = match name {
        NOTHING => Box::new(|i| {
            black_box(i);
        }),
        "hp::Reader::load" => Box::new(|_| {
            black_box(*reader.load());
        }),
        "hp::HazardPointer::protect" => Box::new(|_| {
            black_box(hazard.protect(&cell).copied());
        }),
        "epoch: pin, load, unpin" => Box::new(|_| {
            black_box(value.load(&participant.pin()).copied());
        }),
        "epoch: pin, load, hold, unpin" => Box::new(|_| {
            let guard = participant.pin();
            let found = value.load_guarded(&guard).expect("a value");
            let held = found.hold(&mut keep);
            drop(guard);
            black_box(*held);
        }),
        "mpsc: a message of 32" => Box::new(|i| {
            if i.is_multiple_of(32) {
                let mut grant = sender.reserve(32).expect("room");
                grant.push_slice(&[i; 32]);
                grant.commit();
                let batch = receiver.recv_batch(32).expect("32");
                black_box(batch.as_slice().iter().sum::<u64>());
            }
        }),
        "mpsc: a message alone" => Box::new(|i| {
            sender.send(i).expect("room");
            black_box(receiver.recv_batch(1).map(|batch| batch.as_slice()[0])).expect("one");
        }),
        "combine: a call alone" => Box::new(|i| {
            black_box(handle.call(i));
        }),
        "Counter: an addition alone" => Box::new(|i| adder.add(i)),
        other => panic!("no operation {other}"),
    };
    (0..times).for_each(|i| operation(black_box(i)));
}
