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
const GUARD: &str = "Guard";

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
    Pair {
        low: "period_ms",
        high: "max_period_ms",
        may_equal: true,
        why: "a window can't stretch to less than its length",
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
        doc: "Length of a window in milliseconds while CPUs change their states.",
        kind: Kind::Time {
            unit_ns: MS,
            low: 4,
            high: 100,
            at: |params| &mut params.period_ns,
        },
    },
    Key {
        name: "max_period_ms",
        group: HYSTERESIS,
        unit: "MS",
        doc: "Length in milliseconds up to which windows stretch while no CPU changes its state, and \
              at once while all idle. No less than period_ms.",
        kind: Kind::Time {
            unit_ns: MS,
            low: 4,
            high: 100,
            at: |params| &mut params.max_period_ns,
        },
    },
    Key {
        name: "signal_periods",
        group: HYSTERESIS,
        unit: "WINDOWS",
        doc: "Windows for which BPF obeys what the agent asked of a CPU, 900 ms at most; more \
              bears an agent that is late, less takes up the static defaults sooner.",
        kind: Kind::Count {
            low: 2,
            high: 50,
            at: |params| &mut params.signal_periods,
        },
    },
    Key {
        name: "band",
        group: HYSTERESIS,
        unit: "SHARE",
        doc: "How far the load of an LLC or a node has to be from the mean of its siblings, as a \
              share of that mean, for it to become saturated or hungry.",
        // Never 0, so that a constant load comes to rest.
        kind: Kind::Float {
            low: 0.01,
            high: 4.0,
            at: |params| &mut params.band,
        },
    },
    Key {
        name: "band_quiet",
        group: HYSTERESIS,
        unit: "SHARE",
        doc: "The band while nothing is queued in any of the siblings, so that nobody waits.",
        kind: Kind::Float {
            low: 0.01,
            high: 4.0,
            at: |params| &mut params.band_quiet,
        },
    },
    Key {
        name: "band_overloaded",
        group: HYSTERESIS,
        unit: "SHARE",
        doc: "The band while work is queued and no CPU of the siblings idles, so that only moving \
              work helps.",
        kind: Kind::Float {
            low: 0.01,
            high: 4.0,
            at: |params| &mut params.band_overloaded,
        },
    },
    Key {
        name: "band_min",
        group: HYSTERESIS,
        unit: "TASKS",
        doc: "Least width of any of the three bands, in tasks per CPU.",
        kind: Kind::Float {
            low: 0.01,
            high: 16.0,
            at: |params| &mut params.band_min,
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
        name: "express_max_us",
        group: TRACK,
        unit: "US",
        doc: "A task whose bursts average less than this, in microseconds, is latency-critical \
              and may run before those that are not.",
        kind: Kind::Time {
            unit_ns: US,
            low: 50,
            high: 10_000,
            at: |params| &mut params.express_max_ns,
        },
    },
    Key {
        name: "preempt_gap_us",
        group: TRACK,
        unit: "US",
        doc: "Shortest time in microseconds between two preemptions on a CPU for the sake of \
              latency-critical tasks; less answers faster, more switches less.",
        kind: Kind::Time {
            unit_ns: US,
            low: 0,
            high: 100_000,
            at: |params| &mut params.preempt_gap_ns,
        },
    },
    Key {
        name: "starved_ms",
        group: TRACK,
        unit: "MS",
        doc: "Time in milliseconds after which a task that waits for its turn on a busy CPU is \
              taken next, whatever its weight; never more than half of --watchdog-ms.",
        kind: Kind::Time {
            unit_ns: MS,
            low: 20,
            high: 2_000,
            at: |params| &mut params.starved_ns,
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
        name: "wait_max_us",
        group: MOVES,
        unit: "US",
        doc: "Waiting time in microseconds after which a task is moved whatever the move costs.",
        kind: Kind::Time {
            unit_ns: US,
            low: 500,
            high: 100_000,
            at: |params| &mut params.wait_max_ns,
        },
    },
    Key {
        name: "lag_slices",
        group: MOVES,
        unit: "SLICES",
        doc: "Time slices by which the task that ran on a CPU must be ahead of one that waits on \
              another in the LLC for it to be that one's turn; one more where as many share both.",
        // Nobody keeps a lead of more than eight.
        kind: Kind::Count {
            low: 1,
            high: 7,
            at: |params| &mut params.lag_slices,
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
    Key {
        name: "home_factor",
        group: MOVES,
        unit: "FACTOR",
        doc: "How many times as much a process must run in another LLC than in its home for that \
              to become its home.",
        kind: Kind::Float {
            low: 1.0,
            high: 16.0,
            at: |params| &mut params.home_factor,
        },
    },
    Key {
        name: "home_gap_ms",
        group: MOVES,
        unit: "MS",
        doc: "Shortest time in milliseconds between two changes of the LLC that is the home of a \
              process.",
        kind: Kind::Time {
            unit_ns: MS,
            low: 0,
            high: 10_000,
            at: |params| &mut params.home_gap_ns,
        },
    },
    Key {
        name: "home_fill",
        group: MOVES,
        unit: "SHARE",
        doc: "Share of the CPUs of an LLC that the processes at home there may use; one that \
              needs more than that anywhere has no home.",
        kind: Kind::Float {
            low: 0.05,
            high: 1.0,
            at: |params| &mut params.home_fill,
        },
    },
    Key {
        name: "guard",
        group: GUARD,
        unit: "SWITCH",
        doc: "Whether the agent's signals are withheld while the machine is seen to run better \
              without them.",
        kind: Kind::Choice {
            words: &["on", "off"],
            get: |params| usize::from(!params.guard),
            set: |params, word| params.guard = word == 0,
        },
    },
    Key {
        name: "guard_period_s",
        group: GUARD,
        unit: "S",
        doc: "Time in seconds between two comparisons with and without signals, which take a \
              bit more than one.",
        kind: Kind::Time {
            unit_ns: 1000 * MS,
            low: 1,
            high: 3_600,
            at: |params| &mut params.guard_period_ns,
        },
    },
];
