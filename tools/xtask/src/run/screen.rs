// SPDX-License-Identifier: GPL-2.0-only
//! What the user sees while an act runs: a line for what happens, and while
//! scx_hallows schedules, a row of a table for each second.

use std::fmt;
use std::io::{self, Write};
use std::time::Instant;

use super::event::{Event, Scheduler};
use super::stats::Block;

/// Sources of dispatches with a column of their own.
const SOURCES: [&str; 5] = ["own", "express", "peer", "route", "kept"];

/// Prints to standard output. A reader that has gone, as `| head` does, is no
/// reason to stop the show.
pub fn print(text: &str) {
    let mut out = io::stdout().lock();
    drop(writeln!(out, "{text}").and_then(|()| out.flush()));
}

/// A time in the unit that suits it: `33 us`, `15.0 ms`, `1.2 s`.
pub struct Micros(pub f64);

impl fmt::Display for Micros {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self.0 {
            us if us < 999.5 => format!("{us:.0} us"),
            us if us < 999_950.0 => format!("{:.1} ms", us / 1e3),
            us => format!("{:.1} s", us / 1e6),
        };
        f.pad(&text)
    }
}

/// The terminal during an act.
pub struct Screen {
    live: bool,
    loaded: Instant,
}

impl Screen {
    /// With `live`, the statistics are shown as they come.
    pub fn new(live: bool) -> Self {
        Self {
            live,
            loaded: Instant::now(),
        }
    }

    /// Shows what happened.
    pub fn show(&mut self, event: &Event) {
        match event {
            Event::Load { cpus, release } => print(&format!(
                "load on {cpus} CPUs, Linux {release}: {cpus} CPU hogs, hackbench, and 4 tasks \
                 that wake every 4 ms"
            )),
            Event::Loaded { ms, state, name } => {
                self.loaded = Instant::now();
                print(&format!(
                    "scx_hallows loaded in {}; the kernel says: {state}, {name}",
                    Micros(*ms as f64 * 1e3)
                ));
                if self.live {
                    print(&head());
                }
            }
            Event::Unloaded { ms, state, status } => print(&format!(
                "scx_hallows ended with status {status} in {}; the kernel says: {state}",
                Micros(*ms as f64 * 1e3)
            )),
            Event::Wake {
                scheduler,
                p50_us,
                p99_us,
            } if !self.live => print(&round(*scheduler, *p50_us, *p99_us)),
            Event::Wake {
                scheduler: Scheduler::Default,
                ..
            } => print("the default scheduler has had its turn; loading scx_hallows, some seconds"),
            Event::Wake { .. } => {}
            Event::Stats(block) if self.live => {
                print(&row(self.loaded.elapsed().as_secs(), block));
            }
            Event::Stats(_) => {}
            Event::Text(text) => print(text),
        }
    }
}

fn round(scheduler: Scheduler, p50_us: f64, p99_us: f64) -> String {
    let who = match scheduler {
        Scheduler::Default => "default scheduler",
        Scheduler::Hallows => "scx_hallows",
    };
    format!(
        "{who}: those tasks woke late by {} (median), {} (p99)",
        Micros(p50_us),
        Micros(p99_us)
    )
}

fn head() -> String {
    format!(
        "\n  each CPU is {LEGEND}; dispatched per second from its own track, the LLC's\n\
         \x20 express track, another track of the LLC, the agent's route; or the task was kept\n\
         \x20  s       own  express     peer    route     kept   busy  waiting  flips/s  CPUs"
    )
}

/// What the characters of [`Block::cells`] mean.
const LEGEND: &str = ". hungry, + balanced, # saturated";

fn row(second: u64, block: &Block) -> String {
    let sources: String = SOURCES
        .iter()
        .map(|source| format!("{:9.0}", block.from(source)))
        .collect();
    format!(
        "{second:4} {sources} {:4.0} % {:8} {:8.0}  {}",
        block.busy_pct, block.queued, block.flips, block.cells
    )
}

#[cfg(test)]
mod tests {
    use super::{Micros, head, row};
    use crate::run::stats::Block;

    #[test]
    fn rows_stand_under_their_heads() {
        let block = Block {
            cells: "#+.?".into(),
            queued: 12,
            busy_pct: 98.7,
            dispatch: vec![("own".into(), 4321.0), ("kept".into(), 7.0)],
            flips: 64.4,
            ..Block::default()
        };
        let row = row(3, &block);
        assert_eq!(
            row,
            "   3      4321        0        0        0        7   99 %       12       64  #+.?"
        );
        let head = head();
        let columns = head.lines().last().unwrap();
        assert_eq!(columns.find("CPUs"), row.find("#+.?"));
    }

    #[test]
    fn times_have_a_unit_that_suits() {
        let cases = [
            (33.4, "33 us"),
            (999.7, "1.0 ms"),
            (15_000.0, "15.0 ms"),
            (2.5e6, "2.5 s"),
        ];
        for (us, text) in cases {
            assert_eq!(Micros(us).to_string(), text);
        }
        assert_eq!(format!("{:>8}", Micros(5.0)), "    5 us");
    }
}
