// SPDX-License-Identifier: GPL-2.0-only
use super::read::Reader;
use super::replay::replay;
use super::write::Writer;
use super::*;
use crate::agent::params::MS;
use crate::agent::round::Controller;
use crate::agent::testing::{Machine, machines};
use proptest::prelude::*;

const MACHINE: Machine = Machine {
    nodes: 2,
    llcs: 2,
    cores: 2,
    smt: 1,
};

/// A recording of so many windows in which queues come and go.
fn recording(map: &Map, params: &Params, windows: u64, limit: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = Writer::new(&mut bytes, &Header::new(map, params), limit).unwrap();
    let mut controller = Controller::new(map, *params);
    let mut totals = controller.totals();
    for window in 1..=windows {
        let samples: Vec<_> = (0..map.cells().len() as u64)
            .map(|cell| Sample {
                updated_ns: window * 10 * MS,
                run_since_ns: MS,
                nr_queued: if (window / 7 + cell) % 4 == 0 { 6 } else { 0 },
                ..Sample::default()
            })
            .collect();
        controller.round(map, &samples, window * 10 * MS);
        let now = controller.totals();
        let frame = Frame {
            monotonic_ns: window * 10 * MS,
            samples,
            states: controller
                .states()
                .cells
                .iter()
                .map(|c| c.state as u8)
                .collect(),
            push_tokens: now.push_tokens - totals.push_tokens,
            fair_tokens: now.fair_tokens - totals.fair_tokens,
        };
        totals = now;
        if !writer.push(&frame).unwrap() {
            break;
        }
    }
    writer.end().unwrap();
    bytes
}

#[test]
fn a_replay_with_the_same_parameters_says_the_same() {
    let (map, params) = (MACHINE.map(), Params::default());
    let bytes = recording(&map, &params, 100, u64::MAX);
    let outcome = replay(&mut Reader::new(&bytes[..]).unwrap(), &[]).unwrap();
    assert_eq!(
        (outcome.cells, outcome.windows, outcome.cut),
        (8, 100, false)
    );
    assert_eq!(outcome.same_states_pct, 100.0);
    assert!(outcome.flips > 0 && outcome.fair_tokens > 0);
    assert_eq!(outcome.flips, outcome.recorded_flips);
    assert_eq!(outcome.fair_tokens, outcome.recorded_fair_tokens);
    assert_eq!(outcome.seconds, 0.99);
}

#[test]
fn other_parameters_say_something_else() {
    let (map, params) = (MACHINE.map(), Params::default());
    let bytes = recording(&map, &params, 100, u64::MAX);
    let mut reader = Reader::new(&bytes[..]).unwrap();
    let calm = change::setting("saturate_enter", "60").unwrap();
    let outcome = replay(&mut reader, &[calm]).unwrap();
    assert!(outcome.flips < outcome.recorded_flips);
    assert!(outcome.same_states_pct < 100.0);
}

#[test]
fn no_other_parameter_says_anything_else() {
    let (map, params) = (MACHINE.map(), Params::default());
    let bytes = recording(&map, &params, 100, u64::MAX);
    let says = |settings: &[change::Setting]| {
        replay(&mut Reader::new(&bytes[..]).unwrap(), settings).unwrap()
    };
    let as_it_was = says(&[]);
    for (name, value) in [
        ("period_ms", "20"),
        ("max_period_ms", "20"),
        ("signal_periods", "9"),
        ("slice_us", "2000"),
        ("min_slice_us", "1500"),
        ("long_slice_us", "5000"),
        ("target_latency_us", "30000"),
        ("kappa", "4"),
        ("hysteresis_us", "300"),
        ("affinity", "off"),
        ("guard", "off"),
    ] {
        assert!(!super::replay::ACT.contains(&name), "{name}");
        let outcome = says(&[change::setting(name, value).unwrap()]);
        assert_eq!(outcome, as_it_was, "{name}");
    }
}

#[test]
fn a_recording_is_bounded_and_small() {
    let (map, params) = (MACHINE.map(), Params::default());
    let whole = recording(&map, &params, 20_000, u64::MAX);
    let bounded = recording(&map, &params, 20_000, 20_000);
    assert!(
        whole.len() > 100_000 && bounded.len() < 60_000,
        "{} {}",
        whole.len(),
        bounded.len()
    );
    let outcome = replay(&mut Reader::new(&bounded[..]).unwrap(), &[]).unwrap();
    assert!(outcome.windows > 100 && !outcome.cut);
}

#[test]
fn foreign_files_are_told_apart() {
    let says = |bytes: &[u8]| Reader::new(bytes).err().unwrap().to_string();
    assert_eq!(says(b""), "it is no recording of scx_hallows");
    assert_eq!(
        says(b"\x7fELF something else"),
        "it is no recording of scx_hallows"
    );
    assert_eq!(
        says(b"hallows-recording 1\nwhatever"),
        "it is a recording of another version of scx_hallows"
    );
    assert!(says(super::MAGIC).contains("ends before"));
}

proptest! {
    /// However a file is cut or damaged: windows, or an error, but no panic.
    #[test]
    fn damage_is_no_panic(map in machines(), cut in 0.0..1.0, at in 0.0..1.0, flip: u8) {
        let mut bytes = recording(&map, &Params::default(), 30, u64::MAX);
        bytes.truncate((bytes.len() as f64 * cut) as usize);
        if let Ok(mut reader) = Reader::new(&bytes[..]) {
            let outcome = replay(&mut reader, &[]).unwrap();
            prop_assert!(outcome.windows <= 30 && (outcome.cut || outcome.windows == 30));
        }
        let mut damaged = recording(&map, &Params::default(), 30, u64::MAX);
        let index = (damaged.len() as f64 * at) as usize;
        damaged[index] ^= flip;
        if let Ok(mut reader) = Reader::new(&damaged[..]) {
            drop(replay(&mut reader, &[]));
        }
    }
}
