// SPDX-License-Identifier: GPL-2.0-only
//! What the scheduler did, for `--stats`, `--monitor` and any `scx_stats` client.
//!
//! The scheduler hands out cumulative [`Snapshot`]s; each client of the server
//! gets [`Metrics`], the difference to the snapshot it saw last.

mod client;
mod ledger;
mod monitor;
pub mod owner;
mod price;
mod server;
pub mod tape;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod text;
pub mod tuning;
pub mod why;

use std::collections::BTreeMap;
use std::time::Duration;

use scx_stats_derive::Stats;
use serde::{Deserialize, Serialize};

use crate::agent::estimator::Estimate;
use crate::agent::guard;
use crate::agent::hysteresis::CellState;
use crate::agent::memory::Memory;
use crate::agent::place::Map;
use crate::bpf_intf as intf;

pub use client::SOCKET;
pub use ledger::{Ledger, MoveMetrics, NR_MOVES};
pub use monitor::Monitor;
pub use price::PriceMetrics;
pub use server::{Question, Reply, Server, description};

/// Number of counters in [`Totals::count`].
pub const NR_STATS: usize = intf::hallows_stat_NR_HALLOWS_STATS as usize;

/// Number of buckets in [`Totals::idle_wait`].
pub const WAIT_BUCKETS: usize = intf::WAIT_BUCKETS as usize;

const MOVE_PUSH: usize = intf::hallows_move_MOVE_PUSH as usize;
const MOVE_FAIR: usize = intf::hallows_move_MOVE_FAIR as usize;

/// Everything counted since the scheduler was loaded, summed over the CPUs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Totals {
    /// Events, indexed by `enum hallows_stat`.
    pub count: [u64; NR_STATS],
    /// Waits while an allowed CPU idled: bucket b counts [2^b, 2^(b+1)) us.
    pub idle_wait: [u64; WAIT_BUCKETS],
    /// The longest of them.
    pub idle_wait_max_ns: u64,
    /// What became of the moves that the agent asked for, by `enum hallows_move`.
    pub moves: [Ledger; NR_MOVES],
    /// Windows that the agent evaluated.
    pub windows: u64,
    /// Changes of a CPU's state.
    pub flips: u64,
    /// Changes of a group's home.
    pub home_switches: u64,
    /// Times that BPF was on its own because all signals had expired.
    pub lapses: u64,
    /// What the guard saw and did.
    pub guard: guard::Totals,
    /// The agent's period now, 0 without an agent.
    pub period_ms: u64,
}

impl Default for Totals {
    /// Nothing counted: arrays as long as these have no default of their own.
    fn default() -> Totals {
        Totals {
            count: [0; NR_STATS],
            idle_wait: [0; WAIT_BUCKETS],
            idle_wait_max_ns: 0,
            moves: [Ledger::default(); NR_MOVES],
            windows: 0,
            flips: 0,
            home_switches: 0,
            lapses: 0,
            guard: guard::Totals::default(),
            period_ms: 0,
        }
    }
}

impl Totals {
    /// What BPF counted on `cpus`; nothing is known of the agent.
    pub fn counted(memory: &Memory, cpus: impl Iterator<Item = usize>) -> Totals {
        let mut totals = Totals {
            lapses: memory.lapses(),
            ..Totals::default()
        };
        for cpu in cpus {
            let (cell, stats) = (memory.cell(cpu), memory.stats(cpu));
            totals.idle_wait_max_ns = totals.idle_wait_max_ns.max(cell.idle_wait_max_ns);
            for stat in 0..NR_STATS {
                totals.count[stat] += stats.count[stat];
            }
            for bucket in 0..WAIT_BUCKETS {
                totals.idle_wait[bucket] += stats.idle_wait[bucket];
            }
            for (sum, moves) in totals.moves.iter_mut().zip(&stats.moves) {
                sum.add(moves);
            }
            totals.moves[MOVE_PUSH].open += u64::from(cell.push_left);
            totals.moves[MOVE_FAIR].open += u64::from(cell.fair_left);
        }
        totals
    }
}

/// One CPU at the moment of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CellView {
    /// The CPU's id.
    pub cpu: usize,
    /// Index of its LLC.
    pub llc: usize,
    /// What the agent last signalled, `None` without an agent.
    pub state: Option<CellState>,
    /// Tasks on its track.
    pub queued: u64,
    /// Time spent running tasks since the scheduler was loaded.
    pub busy_ns: u64,
}

impl CellView {
    /// The CPU at `index` of the map, as BPF has it now, and what the agent last signalled.
    pub fn of(map: &Map, memory: &Memory, index: usize, state: Option<CellState>) -> CellView {
        let place = &map.cells()[index];
        let cell = memory.cell(place.cpu.into());
        CellView {
            cpu: place.cpu.into(),
            llc: map.llcs()[usize::from(place.llc)].id as usize,
            state,
            queued: cell.nr_queued.into(),
            busy_ns: cell.busy_ns,
        }
    }
}

/// All that the statistics need to know of the scheduler at one moment.
///
/// The default is the moment of loading, when nothing has been counted.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// Time since the scheduler was loaded.
    pub uptime: Duration,
    /// The counters.
    pub totals: Totals,
    /// The online CPUs.
    pub cells: Vec<CellView>,
    /// Price of a move over each ring, and what is known of it.
    pub prices: Vec<(u64, Estimate)>,
    /// Processes that have a home.
    pub homes: u64,
    /// Whether the BPF half is the form that is laid out along profiles.
    pub laid_out: bool,
}

/// One CPU over an interval.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, Stats)]
#[stat(desc = "a CPU", _om_prefix = "hallows_cell_", _om_label = "cpu")]
pub struct CellMetrics {
    #[stat(desc = "index of its LLC")]
    pub llc: u64,
    #[stat(desc = "hungry, balanced, saturated, or unknown without an agent")]
    pub state: String,
    #[stat(desc = "tasks on its track now")]
    pub queued: u64,
    #[stat(desc = "share of the interval spent running tasks, percent")]
    pub busy_pct: f64,
}

/// The scheduler over an interval. Counts are events in the interval, which for
/// a client's first request reaches back to when the scheduler was loaded.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, Stats)]
#[stat(desc = "scx_hallows over an interval", top, _om_prefix = "hallows_")]
pub struct Metrics {
    #[stat(desc = "time since the scheduler was loaded, ms")]
    pub uptime_ms: u64,
    #[stat(desc = "length of the interval that the counts cover, ms")]
    pub interval_ms: u64,

    #[stat(desc = "dispatched from the CPU's own track")]
    pub dispatch_own: u64,
    #[stat(desc = "dispatched from the LLC's express track")]
    pub dispatch_express: u64,
    #[stat(desc = "dispatched from another track of the LLC")]
    pub dispatch_peer: u64,
    #[stat(desc = "dispatched from a stop of the agent's route")]
    pub dispatch_route: u64,
    #[stat(desc = "dispatched from a stop of the static route")]
    pub dispatch_detour: u64,
    #[stat(desc = "pulled at the end of a slice, as the agent granted")]
    pub dispatch_fair: u64,
    #[stat(desc = "pulled at the end of a slice from a CPU of the LLC that lags")]
    pub dispatch_lag: u64,
    #[stat(desc = "dispatched at any price, after too long a wait")]
    pub dispatch_rescue: u64,
    #[stat(desc = "dispatches that let the running task go on")]
    pub dispatch_kept: u64,
    #[stat(desc = "dispatches that found nothing to run")]
    pub dispatch_none: u64,
    #[stat(desc = "looks at a queue that others had just emptied, or with no task for this CPU")]
    pub dispatch_lost: u64,

    #[stat(desc = "wake-ups, and tasks that queue again, whose previous CPU was idle")]
    pub idle_self: u64,
    #[stat(desc = "such tasks sent to an idle SMT sibling")]
    pub idle_smt: u64,
    #[stat(desc = "such tasks sent to an idle CPU of the LLC")]
    pub idle_llc: u64,
    #[stat(desc = "such tasks sent to an idle CPU of the node")]
    pub idle_node: u64,
    #[stat(desc = "such tasks sent to an idle CPU of another node")]
    pub idle_machine: u64,
    #[stat(desc = "synchronous wake-ups to the waker's CPU")]
    pub wake_sync: u64,
    #[stat(desc = "such tasks that found no idle CPU")]
    pub wake_no_idle: u64,

    #[stat(desc = "runs that started on the same CPU as the last")]
    pub move_self: u64,
    #[stat(desc = "runs that started on an SMT sibling of the last CPU")]
    pub move_smt: u64,
    #[stat(desc = "runs that started on another core of the LLC")]
    pub move_llc: u64,
    #[stat(desc = "runs that started in another LLC of the node")]
    pub move_node: u64,
    #[stat(desc = "runs that started on another node")]
    pub move_machine: u64,

    #[stat(desc = "tasks queued on a CPU's track")]
    pub queued_track: u64,
    #[stat(desc = "tasks queued on an express track")]
    pub queued_express: u64,
    #[stat(desc = "share of the queued tasks that took the express, percent")]
    pub express_pct: f64,
    #[stat(desc = "running tasks asked to make way")]
    pub preempted: u64,
    #[stat(desc = "idle CPUs sent to a track that had waited too long")]
    pub invited: u64,
    #[stat(desc = "tasks taken back from a CPU that a higher class holds")]
    pub reenqueued: u64,

    #[stat(
        desc = "tasks moved to the emergency queue: a higher class had their CPU for over 50 ms"
    )]
    pub rescued_held: u64,
    #[stat(desc = "tasks taken from the track of a CPU that went offline")]
    pub rescued_offline: u64,
    #[stat(desc = "tasks taken though the move costs more than they waited, after wait_max_us")]
    pub rescued_price: u64,
    #[stat(desc = "tasks that jumped the queue, after more than starved_ms in it")]
    pub rescued_order: u64,

    #[stat(desc = "hogs that left a core which they shared for one of their own")]
    pub cores: u64,
    #[stat(desc = "runs after a move whose cache misses were counted (--pmu)")]
    pub refills: u64,

    #[stat(desc = "decisions under a fresh signal of the agent")]
    pub fresh: u64,
    #[stat(desc = "decisions under static defaults")]
    pub stale: u64,
    #[stat(desc = "readings of a signal that no agent would write, obeyed within bounds")]
    pub garbage: u64,
    #[stat(desc = "windows that the agent evaluated")]
    pub windows: u64,
    #[stat(desc = "changes of a CPU's state")]
    pub flips: u64,
    #[stat(desc = "processes whose threads are kept in one LLC now")]
    pub homes: u64,
    #[stat(desc = "changes of such an LLC for another")]
    pub home_switches: u64,
    #[stat(desc = "times that the agent fell silent and BPF scheduled on its own")]
    pub lapses: u64,
    #[stat(desc = "windows in which the guard withheld the agent's signals")]
    pub withheld: u64,
    #[stat(desc = "comparisons of the machine with and without the agent's signals")]
    pub guard_compared: u64,
    #[stat(desc = "those of them in which the signals hurt")]
    pub guard_hurt: u64,
    #[stat(desc = "the agent's period now, ms; 0 without an agent")]
    pub period_ms: u64,
    #[stat(desc = "1 if the BPF half runs in the form that is laid out along profiles")]
    pub laid_out: u64,

    #[stat(desc = "longest wait while an allowed CPU idled, since loading, us")]
    pub idle_wait_max_us: u64,
    #[stat(
        desc = "waits while an allowed CPU idled; bucket b counts 2^b to 2^(b+1) us",
        _om_skip
    )]
    pub idle_wait: Vec<u64>,

    #[stat(desc = "moves that the agent asked for, by kind: push, fair, route, home")]
    pub moves: BTreeMap<String, MoveMetrics>,
    #[stat(desc = "what a move costs, by ring: smt, llc, node, machine")]
    pub prices: BTreeMap<String, PriceMetrics>,
    #[stat(desc = "each CPU")]
    pub cells: BTreeMap<usize, CellMetrics>,
}

impl Metrics {
    /// What happened from `prev` to `now`, two snapshots of one scheduler.
    ///
    /// Counters that went back, as after a restart, count as 0.
    pub fn between(prev: &Snapshot, now: &Snapshot) -> Self {
        let (before, after) = (&prev.totals, &now.totals);
        let interval = now.uptime.saturating_sub(prev.uptime);
        Metrics {
            uptime_ms: millis(now.uptime),
            interval_ms: millis(interval),
            windows: after.windows.saturating_sub(before.windows),
            flips: after.flips.saturating_sub(before.flips),
            homes: now.homes,
            home_switches: after.home_switches.saturating_sub(before.home_switches),
            lapses: after.lapses.saturating_sub(before.lapses),
            withheld: after.guard.withheld.saturating_sub(before.guard.withheld),
            guard_compared: after.guard.compared.saturating_sub(before.guard.compared),
            guard_hurt: after.guard.hurt.saturating_sub(before.guard.hurt),
            prices: price::by_ring(&now.prices),
            period_ms: after.period_ms,
            laid_out: now.laid_out.into(),
            idle_wait_max_us: after.idle_wait_max_ns / 1000,
            idle_wait: differences(&before.idle_wait, &after.idle_wait),
            moves: ledger::between(&before.moves, &after.moves),
            cells: cells_between(&prev.cells, &now.cells, interval),
            ..Self::counted(&differences(&before.count, &after.count))
        }
    }

    /// The fields that come from `enum hallows_stat`.
    fn counted(count: &[u64]) -> Self {
        let of = |stat: intf::hallows_stat| count[stat as usize];
        let queued_track = of(intf::hallows_stat_STAT_ENQ_TRACK);
        let queued_express = of(intf::hallows_stat_STAT_ENQ_EXPRESS);
        Metrics {
            dispatch_own: of(intf::hallows_stat_STAT_OWN),
            dispatch_express: of(intf::hallows_stat_STAT_EXPRESS),
            dispatch_peer: of(intf::hallows_stat_STAT_PEER),
            dispatch_route: of(intf::hallows_stat_STAT_ROUTE),
            dispatch_detour: of(intf::hallows_stat_STAT_DETOUR),
            dispatch_fair: of(intf::hallows_stat_STAT_FAIR),
            dispatch_lag: of(intf::hallows_stat_STAT_LAG),
            dispatch_rescue: of(intf::hallows_stat_STAT_RESCUE),
            dispatch_kept: of(intf::hallows_stat_STAT_KEPT),
            dispatch_none: of(intf::hallows_stat_STAT_NONE),
            dispatch_lost: of(intf::hallows_stat_STAT_LOST),
            idle_self: of(intf::hallows_stat_STAT_IDLE_SELF),
            idle_smt: of(intf::hallows_stat_STAT_IDLE_SMT),
            idle_llc: of(intf::hallows_stat_STAT_IDLE_LLC),
            idle_node: of(intf::hallows_stat_STAT_IDLE_NODE),
            idle_machine: of(intf::hallows_stat_STAT_IDLE_MACHINE),
            wake_sync: of(intf::hallows_stat_STAT_SYNC),
            wake_no_idle: of(intf::hallows_stat_STAT_NO_IDLE),
            move_self: of(intf::hallows_stat_STAT_MOVE_SELF),
            move_smt: of(intf::hallows_stat_STAT_MOVE_SMT),
            move_llc: of(intf::hallows_stat_STAT_MOVE_LLC),
            move_node: of(intf::hallows_stat_STAT_MOVE_NODE),
            move_machine: of(intf::hallows_stat_STAT_MOVE_MACHINE),
            queued_track,
            queued_express,
            express_pct: percent(queued_express, queued_track + queued_express),
            preempted: of(intf::hallows_stat_STAT_PREEMPT),
            invited: of(intf::hallows_stat_STAT_INVITE),
            reenqueued: of(intf::hallows_stat_STAT_REENQ),
            rescued_held: of(intf::hallows_stat_STAT_RESCUE_HELD),
            rescued_offline: of(intf::hallows_stat_STAT_RESCUE_OFFLINE),
            rescued_price: of(intf::hallows_stat_STAT_RESCUE_PRICE),
            rescued_order: of(intf::hallows_stat_STAT_RESCUE_ORDER),
            cores: of(intf::hallows_stat_STAT_CORE),
            refills: of(intf::hallows_stat_STAT_REFILL),
            fresh: of(intf::hallows_stat_STAT_FRESH),
            stale: of(intf::hallows_stat_STAT_STALE),
            garbage: of(intf::hallows_stat_STAT_GARBAGE),
            ..Metrics::default()
        }
    }
}

fn cells_between(
    prev: &[CellView],
    now: &[CellView],
    interval: Duration,
) -> BTreeMap<usize, CellMetrics> {
    let busy_before: BTreeMap<usize, u64> =
        prev.iter().map(|cell| (cell.cpu, cell.busy_ns)).collect();
    let interval_ns = u64::try_from(interval.as_nanos()).unwrap_or(u64::MAX);
    now.iter()
        .map(|cell| {
            let before = busy_before.get(&cell.cpu).copied().unwrap_or(0);
            // A run that spans the snapshots is added at its end, so the sum
            // may exceed the interval.
            let busy_ns = cell.busy_ns.saturating_sub(before).min(interval_ns);
            let metrics = CellMetrics {
                llc: cell.llc as u64,
                state: state_name(cell.state).into(),
                queued: cell.queued,
                busy_pct: percent(busy_ns, interval_ns),
            };
            (cell.cpu, metrics)
        })
        .collect()
}

/// The text of a state in [`CellMetrics::state`].
fn state_name(state: Option<CellState>) -> &'static str {
    match state {
        Some(CellState::Hungry) => "hungry",
        Some(CellState::Balanced) => "balanced",
        Some(CellState::Saturated) => "saturated",
        None => "unknown",
    }
}

fn differences(before: &[u64], after: &[u64]) -> Vec<u64> {
    let pairs = before.iter().zip(after);
    pairs
        .map(|(before, after)| after.saturating_sub(*before))
        .collect()
}

/// `part` of `whole` in percent, 0 of nothing.
fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        0.0
    } else {
        100.0 * part as f64 / whole as f64
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
