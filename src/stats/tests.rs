// SPDX-License-Identifier: GPL-2.0-only

use super::*;
use scx_stats::serde_json;

/// A snapshot after `seconds` whose counter of index i stands at `seconds` * (i + 1).
fn snapshot(seconds: u64, cells: Vec<CellView>) -> Snapshot {
    let totals = Totals {
        count: std::array::from_fn(|stat| seconds * (stat as u64 + 1)),
        idle_wait: std::array::from_fn(|bucket| seconds * bucket as u64),
        idle_wait_max_ns: seconds * 1_500_000,
        moves: [Ledger::default(); NR_MOVES],
        windows: seconds * 100,
        flips: seconds * 7,
        home_switches: 0,
        lapses: 0,
        guard: guard::Totals::default(),
        period_ms: 10 * seconds,
    };
    let uptime = Duration::from_secs(seconds);
    Snapshot {
        uptime,
        totals,
        cells,
        ..Snapshot::default()
    }
}

fn cell(cpu: usize, state: Option<CellState>, busy_ns: u64) -> CellView {
    CellView {
        cpu,
        llc: cpu / 8,
        state,
        queued: 3,
        busy_ns,
    }
}

#[test]
fn counts_are_differences_and_gauges_are_not() {
    let metrics = Metrics::between(&snapshot(2, vec![]), &snapshot(5, vec![]));
    assert_eq!((metrics.uptime_ms, metrics.interval_ms), (5000, 3000));
    assert_eq!((metrics.windows, metrics.flips), (300, 21));
    assert_eq!((metrics.period_ms, metrics.idle_wait_max_us), (50, 7500));
    assert_eq!(metrics.idle_wait[2], 6);
    assert_eq!(metrics.idle_wait.len(), WAIT_BUCKETS);
}

/// Every counter of `enum hallows_stat` shows up in exactly one field.
#[test]
fn each_counter_has_its_field() {
    let now = snapshot(1, vec![]);
    let json = serde_json::to_value(Metrics::between(&Snapshot::default(), &now)).unwrap();
    let not_counters = [
        "uptime_ms",
        "interval_ms",
        "windows",
        "flips",
        "period_ms",
        "laid_out",
        "idle_wait_max_us",
        "homes",
        "home_switches",
        "lapses",
        "withheld",
        "guard_compared",
        "guard_hurt",
    ];
    let mut counts: Vec<u64> = json
        .as_object()
        .unwrap()
        .iter()
        .filter(|(name, _)| !not_counters.contains(&name.as_str()))
        .filter_map(|(_, value)| value.as_u64())
        .collect();
    counts.sort();
    let expected: Vec<u64> = (1..=NR_STATS as u64).collect();
    assert_eq!(counts, expected);
}

#[test]
fn the_first_interval_reaches_back_to_the_start() {
    let metrics = Metrics::between(&Snapshot::default(), &snapshot(4, vec![]));
    assert_eq!(metrics.interval_ms, 4000);
    assert_eq!(metrics.dispatch_own, 4);
}

#[test]
fn counters_that_went_back_count_as_nothing() {
    let metrics = Metrics::between(&snapshot(9, vec![]), &snapshot(1, vec![]));
    assert_eq!((metrics.interval_ms, metrics.dispatch_own), (0, 0));
    assert_eq!((metrics.windows, metrics.idle_wait[3]), (0, 0));
}

#[test]
fn express_share_is_of_what_was_queued() {
    let mut now = snapshot(0, vec![]);
    now.totals.count[intf::hallows_stat_STAT_ENQ_TRACK as usize] = 30;
    now.totals.count[intf::hallows_stat_STAT_ENQ_EXPRESS as usize] = 10;
    assert_eq!(
        Metrics::between(&Snapshot::default(), &now).express_pct,
        25.0
    );
    let idle = Metrics::between(&Snapshot::default(), &Snapshot::default());
    assert_eq!(idle.express_pct, 0.0);
}

#[test]
fn cells_are_busy_over_the_interval() {
    let second = 1_000_000_000;
    let before = vec![
        cell(0, Some(CellState::Hungry), 7 * second),
        cell(9, None, 0),
    ];
    let after = vec![
        cell(0, Some(CellState::Saturated), 8 * second),
        // A run of 5 s ended in this interval of 4 s.
        cell(9, None, 5 * second),
        // Came online after the first snapshot.
        cell(11, Some(CellState::Balanced), second),
    ];
    let cells = Metrics::between(&snapshot(1, before), &snapshot(5, after)).cells;
    let seen = |cpu| {
        let cell: &CellMetrics = &cells[&cpu];
        (cell.llc, cell.state.as_str(), cell.queued, cell.busy_pct)
    };
    assert_eq!(seen(0), (0, "saturated", 3, 25.0));
    assert_eq!(seen(9), (1, "unknown", 3, 100.0));
    assert_eq!(seen(11), (1, "balanced", 3, 25.0));
}
