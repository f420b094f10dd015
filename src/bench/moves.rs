// SPDX-License-Identifier: GPL-2.0-only
//! Counts moves of tasks between CPUs by their distance: a histogram of the
//! tracepoint `sched_migrate_task`, which the kernel keeps itself.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::stats::median;
use crate::agent::place::{Map, Ring};

/// Where tracefs may be.
const TRACEFS: [&str; 2] = ["/sys/kernel/tracing", "/sys/kernel/debug/tracing"];
const INSTANCE: &str = "instances/scx_hallows_bench";
const EVENT: &str = "events/sched/sched_migrate_task";
const HISTOGRAM: &str = "hist:keys=orig_cpu,dest_cpu:size=65536";

/// Moves, by how far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Moves {
    /// To another thread of the core.
    pub smt: f64,
    /// To another core of the LLC.
    pub llc: f64,
    /// To another LLC of the node.
    pub node: f64,
    /// To another node.
    pub machine: f64,
}

impl Moves {
    /// As many in each unit of `time`.
    pub fn per(&self, time: f64) -> Moves {
        Moves {
            smt: self.smt / time,
            llc: self.llc / time,
            node: self.node / time,
            machine: self.machine / time,
        }
    }

    /// The median of each.
    pub fn median(all: &[Moves]) -> Moves {
        let of = |value: fn(&Moves) -> f64| median(&all.iter().map(value).collect::<Vec<f64>>());
        Moves {
            smt: of(|it| it.smt),
            llc: of(|it| it.llc),
            node: of(|it| it.node),
            machine: of(|it| it.machine),
        }
    }

    /// All of them.
    pub fn total(&self) -> f64 {
        self.smt + self.llc + self.node + self.machine
    }

    fn add(&mut self, ring: Ring, count: f64) {
        match ring {
            Ring::SelfCpu => {}
            Ring::Smt => self.smt += count,
            Ring::Llc => self.llc += count,
            Ring::Node => self.node += count,
            Ring::Machine => self.machine += count,
        }
    }
}

/// From where to where, and how often.
pub type Counts = HashMap<(u32, u32), u64>;

/// Counts until it is dropped.
#[derive(Debug)]
pub struct Counter {
    instance: PathBuf,
}

impl Counter {
    /// Counts from now on, in an instance of tracing of its own.
    ///
    /// # Errors
    /// No permission, no tracefs, or a kernel without histograms of events.
    pub fn start() -> Result<Counter> {
        let root = TRACEFS
            .iter()
            .find(|root| Path::new(root).join("instances").is_dir())
            .context("no tracefs that may be used on /sys/kernel/tracing")?;
        let counter = Counter {
            instance: Path::new(root).join(INSTANCE),
        };
        // One that a killed benchmark left counts what it should not.
        let _ = fs::remove_dir(&counter.instance);
        fs::create_dir(&counter.instance).context("make an instance of tracing")?;
        fs::write(counter.instance.join(EVENT).join("trigger"), HISTOGRAM)
            .context("the kernel keeps no histogram of moves")?;
        Ok(counter)
    }

    /// All moves since the start.
    ///
    /// # Errors
    /// The histogram can't be read.
    pub fn read(&self) -> Result<Counts> {
        let file = self.instance.join(EVENT).join("hist");
        let text = fs::read_to_string(file).context("read the histogram of moves")?;
        Ok(parse(&text))
    }
}

impl Drop for Counter {
    fn drop(&mut self) {
        // Else the next benchmark removes it.
        let _ = fs::remove_dir(&self.instance);
    }
}

/// The lines `{ orig_cpu: 0, dest_cpu: 1 } hitcount: 7` of a histogram.
fn parse(text: &str) -> Counts {
    let line = |line: &str| {
        let number = |key: &str| -> Option<u64> {
            let rest = line[line.find(key)? + key.len()..].trim_start();
            let end = rest.find(|c: char| !c.is_ascii_digit());
            rest[..end.unwrap_or(rest.len())].parse().ok()
        };
        let from = number("orig_cpu:")? as u32;
        let to = number("dest_cpu:")? as u32;
        Some(((from, to), number("hitcount:")?))
    };
    text.lines().filter_map(line).collect()
}

/// The moves between two readings.
pub fn between(before: &Counts, after: &Counts, map: &Map) -> Moves {
    let index: HashMap<u32, usize> = map
        .cells()
        .iter()
        .enumerate()
        .map(|(index, cell)| (u32::from(cell.cpu), index))
        .collect();
    let mut moves = Moves::default();
    for ((from, to), count) in after {
        let more = count - before.get(&(*from, *to)).unwrap_or(&0).min(count);
        // A CPU that came meanwhile is not on the map.
        if let (Some(&from), Some(&to)) = (index.get(from), index.get(to)) {
            moves.add(map.ring(from, to), more as f64);
        }
    }
    moves
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::place::CpuSpec;

    const TEXT: &str = "# event histogram\n#\n\n\
        { orig_cpu:          0, dest_cpu:          2 } hitcount:         12\n\
        { orig_cpu:          1, dest_cpu:          1 } hitcount:          3\n\
        { orig_cpu:          0, dest_cpu:          1 } hitcount:          5\n\n\
        Totals:\n    Hits: 20\n    Entries: 3\n    Dropped: 0\n";

    #[test]
    fn moves_are_counted_by_their_distance() {
        let cpu = |cpu: u32, llc: u32| CpuSpec {
            cpu,
            core: cpu,
            llc,
            node: 0,
        };
        let map = Map::new(&[cpu(0, 0), cpu(1, 0), cpu(2, 2)], &[]).unwrap();
        let after = parse(TEXT);
        assert_eq!(after.len(), 3);
        let before = Counts::from([((0, 2), 2)]);
        let moves = between(&before, &after, &map);
        assert_eq!((moves.llc, moves.node, moves.total()), (5.0, 10.0, 15.0));
        assert_eq!(moves.per(5.0).node, 2.0);
    }
}
