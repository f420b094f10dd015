// SPDX-License-Identifier: GPL-2.0-only
//! The list of all tunables. One more of them is one more entry here, and its
//! field in [`Params`](crate::agent::params::Params).

use super::key::{Key, Kind};
use crate::agent::params::{MS, US};
use crate::agent::place::NR_RINGS;
use crate::agent::price::MAX_PRICE_NS;

const HYSTERESIS: &str = "Hysteresis";
const TRACK: &str = "Track";
const MOVES: &str = "Moves";

/// Two tunables of which one must not be above the other.
#[derive(Debug)]
pub struct Pair {
    /// Name of the lower one.
    pub low: &'static str,
    /// Name of the higher one.
    pub high: &'static str,
    /// Whether they may be equal.
    pub may_equal: bool,
    /// What to tell a user who got it wrong.
    pub why: &'static str,
}

/// What has to hold beyond each tunable's own range.
pub static PAIRS: &[Pair] = &[
    Pair {
        low: "saturate_leave",
        high: "saturate_enter",
        may_equal: false,
        why: "leave must be below enter",
    },
    Pair {
        low: "hungry_leave",
        high: "hungry_enter",
        may_equal: false,
        why: "leave must be below enter",
    },
    Pair {
        low: "min_slice_us",
        high: "slice_us",
        may_equal: true,
        why: "the shortest slice can't be longer than the slice",
    },
    Pair {
        low: "slice_us",
        high: "long_slice_us",
        may_equal: true,
        why: "the slice can't be longer than the longest one",
    },
];

/// All tunables, in the order in which the help and the default file have them.
pub static KEYS: &[Key] = &[
    Key {
        name: "saturate_enter",
        group: HYSTERESIS,
        unit: "TASKS",
        doc: "Mean queue length, in waiting tasks, above which a CPU becomes saturated; more \
              lets queues grow longer before others help.",
        kind: Kind::Float {
            low: 0.01,
            high: 64.0,
            at: |params| &mut params.saturate_enter,
        },
    },
    Key {
        name: "saturate_leave",
        group: HYSTERESIS,
        unit: "TASKS",
        doc: "Mean queue length, in waiting tasks, below which a CPU stops being saturated. \
              Below saturate_enter.",
        kind: Kind::Float {
            low: 0.0,
            high: 64.0,
            at: |params| &mut params.saturate_leave,
        },
    },
    Key {
        name: "hungry_enter",
        group: HYSTERESIS,
        unit: "SHARE",
        doc: "Idle share of the time above which a CPU becomes hungry for work.",
        kind: Kind::Float {
            low: 0.01,
            high: 1.0,
            at: |params| &mut params.hungry_enter,
        },
    },
    Key {
        name: "hungry_leave",
        group: HYSTERESIS,
        unit: "SHARE",
        doc: "Idle share of the time below which a CPU stops being hungry. Below hungry_enter.",
        kind: Kind::Float {
            low: 0.0,
            high: 1.0,
            at: |params| &mut params.hungry_leave,
        },
    },
    Key {
        name: "dwell",
        group: HYSTERESIS,
        unit: "WINDOWS",
        doc: "Windows in a row for which a CPU must want to leave a state before it does; more \
              is steadier and slower to react.",
        kind: Kind::Count {
            low: 1,
            high: 100,
            at: |params| &mut params.dwell,
        },
    },
    Key {
        name: "period_ms",
        group: HYSTERESIS,
        unit: "MS",
        doc: "Length of a window in milliseconds; it stretches to 100 while no CPU changes its \
              state.",
        kind: Kind::Time {
            unit_ns: MS,
            low: 4,
            high: 100,
            at: |params| &mut params.period_ns,
        },
    },
    Key {
        name: "slice_us",
        group: TRACK,
        unit: "US",
        doc: "Time slice of a task in microseconds; shorter answers faster, longer switches \
              less.",
        kind: Kind::Time {
            unit_ns: US,
            low: 100,
            high: 100_000,
            at: |params| &mut params.slice_ns,
        },
    },
    Key {
        name: "min_slice_us",
        group: TRACK,
        unit: "US",
        doc: "Shortest time slice in microseconds, for long queues. No more than slice_us.",
        kind: Kind::Time {
            unit_ns: US,
            low: 50,
            high: 100_000,
            at: |params| &mut params.min_slice_ns,
        },
    },
    Key {
        name: "long_slice_us",
        group: TRACK,
        unit: "US",
        doc: "Time slice in microseconds on CPUs that have idle ones in their LLC and none with \
              a queue; it is cut to slice_us when somebody comes to wait. No less than slice_us.",
        kind: Kind::Time {
            unit_ns: US,
            low: 100,
            high: 100_000,
            at: |params| &mut params.long_slice_ns,
        },
    },
    Key {
        name: "target_latency_us",
        group: TRACK,
        unit: "US",
        doc: "Time in microseconds within which the queue of a saturated CPU should go round \
              once; its slices shrink for it, down to min_slice_us.",
        kind: Kind::Time {
            unit_ns: US,
            low: 100,
            high: 1_000_000,
            at: |params| &mut params.target_latency_ns,
        },
    },
    Key {
        name: "kappa",
        group: MOVES,
        unit: "FACTOR",
        doc: "Factor on the price of moving a task; 0 moves work freely, more keeps it near its \
              caches.",
        kind: Kind::Float {
            low: 0.0,
            high: 16.0,
            at: |params| &mut params.kappa,
        },
    },
    Key {
        name: "hysteresis_us",
        group: MOVES,
        unit: "US",
        doc: "Waiting time in microseconds that a move must save beyond its price.",
        // A wait of more than 5 ms beside an idle CPU is never worth a move saved.
        kind: Kind::Time {
            unit_ns: US,
            low: 0,
            high: 5_000,
            at: |params| &mut params.hysteresis_ns,
        },
    },
    Key {
        name: "price",
        group: MOVES,
        unit: "HOW",
        doc: "Whether prices of moves follow what moves are seen to cost.",
        kind: Kind::Choice {
            words: &["learn", "static"],
            get: |params| usize::from(!params.price_learn),
            set: |params, word| params.price_learn = word == 0,
        },
    },
    Key {
        name: "price_us",
        group: MOVES,
        unit: "US,US,US,US",
        doc: "Static prices in microseconds of a move to an SMT sibling, within the LLC, within \
              the node and to another node, which hold until better ones are learnt; auto takes \
              those that the topology suggests.",
        kind: Kind::Times {
            unit_ns: US,
            len: NR_RINGS - 1,
            high: MAX_PRICE_NS / US,
            get: |params| params.prices_ns.as_ref().map(|prices| &prices[..]),
            set: |params, times| {
                params.prices_ns = times.and_then(|times| times.try_into().ok());
            },
        },
    },
    Key {
        name: "affinity",
        group: MOVES,
        unit: "SWITCH",
        doc: "Whether threads of a process are brought together in an LLC.",
        kind: Kind::Choice {
            words: &["on", "off"],
            get: |params| usize::from(!params.affinity),
            set: |params, word| params.affinity = word == 0,
        },
    },
];
