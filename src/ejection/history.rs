// SPDX-License-Identifier: GPL-2.0-only
//! The cells over the last seconds, kept in case that the kernel ejects the
//! scheduler.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write;
use std::time::Duration;

use crate::agent::hysteresis::CellState;
use crate::stats::CellView;

/// Time between two samples.
const EVERY: Duration = Duration::from_millis(500);

/// Intervals of [`EVERY`] that are kept: five seconds.
const INTERVALS: usize = 10;

/// The cells at one moment.
#[derive(Debug)]
struct Sample {
    /// Since the scheduler was loaded.
    at: Duration,
    cells: Vec<CellView>,
}

/// The latest samples, oldest first. Its memory does not grow once it is full.
#[derive(Debug, Default)]
pub struct History {
    samples: VecDeque<Sample>,
}

impl History {
    /// Whether a sample is due at `at`, the time since the scheduler was loaded.
    pub fn is_due(&self, at: Duration) -> bool {
        let latest = self.samples.back();
        latest.is_none_or(|latest| at.saturating_sub(latest.at) >= EVERY)
    }

    /// Keeps the cells at `at`, in place of the oldest sample when there are enough.
    pub fn keep(&mut self, at: Duration, cells: impl Iterator<Item = CellView>) {
        let mut memory = Vec::new();
        if self.samples.len() > INTERVALS
            && let Some(oldest) = self.samples.pop_front()
        {
            memory = oldest.cells;
            memory.clear();
        }
        memory.extend(cells);
        self.samples.push_back(Sample { at, cells: memory });
    }

    /// A line for each CPU, a column for each interval: state, tasks on its
    /// track, and the share of the interval that it ran tasks. `None` before the first
    /// interval is over.
    pub fn table(&self) -> Option<String> {
        if self.samples.len() < 2 {
            return None;
        }
        let mut rows: BTreeMap<usize, (usize, String)> = BTreeMap::new();
        let mut head = String::from(" cpu  llc");
        let pairs = self.samples.iter().zip(self.samples.iter().skip(1));
        let end = self.samples.back().map_or(Duration::ZERO, |last| last.at);
        for (column, (before, after)) in pairs.enumerate() {
            let ago = end.saturating_sub(after.at).as_secs_f64();
            push(&mut head, format_args!("{:>11}", format!("{:.1} s", -ago)));
            let busy_before: BTreeMap<_, _> =
                before.cells.iter().map(|it| (it.cpu, it.busy_ns)).collect();
            let interval_ns = after.at.saturating_sub(before.at).as_nanos().max(1);
            for cell in &after.cells {
                let (_, row) = rows
                    .entry(cell.cpu)
                    .or_insert_with(|| (cell.llc, " ".repeat(11 * column)));
                let since = busy_before.get(&cell.cpu).copied().unwrap_or(0);
                let busy_ns = u128::from(cell.busy_ns.saturating_sub(since));
                // A run that spans samples is counted at its end.
                let busy = (100 * busy_ns / interval_ns).min(100);
                push(
                    row,
                    format_args!("  {}{:>4}{busy:>4}", glyph(cell.state), cell.queued),
                );
            }
        }
        let mut text = head + "\n";
        for (cpu, (llc, row)) in rows {
            push(&mut text, format_args!("{cpu:>4} {llc:>4}{row}\n"));
        }
        Some(text)
    }
}

/// Writing into a string does not fail.
fn push(text: &mut String, what: std::fmt::Arguments<'_>) {
    let _ = text.write_fmt(what);
}

fn glyph(state: Option<CellState>) -> char {
    match state {
        Some(CellState::Hungry) => '.',
        Some(CellState::Balanced) => '+',
        Some(CellState::Saturated) => '#',
        None => '?',
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(cpu: usize, queued: u64, busy_ms: u64) -> CellView {
        CellView {
            cpu,
            llc: cpu / 2,
            state: Some(CellState::Saturated),
            queued,
            busy_ns: busy_ms * 1_000_000,
        }
    }

    #[test]
    fn a_line_a_cpu_and_a_column_an_interval() {
        let mut history = History::default();
        for (at_ms, busy_ms) in [(0, 0), (500, 250), (1000, 750)] {
            let cells = [cell(0, 7, busy_ms), cell(3, 0, 0)];
            history.keep(Duration::from_millis(at_ms), cells.into_iter());
        }
        assert_eq!(
            history.table().unwrap(),
            " cpu  llc     -0.5 s     -0.0 s\n   \
                0    0  #   7  50  #   7 100\n   \
                3    1  #   0   0  #   0   0\n"
        );
    }

    #[test]
    fn five_seconds_are_kept() {
        let mut history = History::default();
        for half in 0..100 {
            let at = Duration::from_millis(500 * half);
            assert!(history.is_due(at));
            history.keep(at, [cell(0, half, 0)].into_iter());
            assert!(!history.is_due(at + Duration::from_millis(499)));
        }
        let table = history.table().unwrap();
        assert_eq!(table.matches(" s").count(), INTERVALS);
        assert!(table.contains("-4.5 s") && table.contains("#  90") && table.contains("#  99"));
        assert!(!table.contains("#  89"));
    }

    #[test]
    fn nothing_seen_is_no_table() {
        let mut history = History::default();
        assert_eq!(history.table(), None);
        history.keep(Duration::ZERO, [cell(0, 1, 0)].into_iter());
        assert_eq!(history.table(), None);
    }
}
