// SPDX-License-Identifier: GPL-2.0-only
//! The summary at the end.

use std::fmt;

use super::act::Clock;
use super::event::Scheduler;
use super::record::{Record, Wake};
use super::screen::Micros;
use super::stats::Block;

/// What all acts have shown, the first of them the one with statistics.
pub struct Summary<'a>(pub &'a [Record]);

impl fmt::Display for Summary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(first) = self.0.first().filter(|record| record.machine.is_some()) else {
            return writeln!(f, "Nothing was seen: the load had not started.");
        };
        scheduler(f, first)?;
        if !first.blocks.is_empty() {
            dispatches(f, &first.blocks)?;
            cells(f, &first.blocks)?;
            agent(f, &first.blocks)?;
        }
        wake_ups(f, self.0)
    }
}

fn scheduler(f: &mut fmt::Formatter<'_>, record: &Record) -> fmt::Result {
    if let Some((cpus, release)) = &record.machine {
        writeln!(f, "Summary: {cpus} CPUs, Linux {release}")?;
    }
    match &record.loaded {
        Some((_, state, name)) => write!(f, "  scheduler    {state}, {name}")?,
        None => write!(f, "  scheduler    scx_hallows was not loaded")?,
    }
    match &record.unloaded {
        Some((ms, state, status)) => {
            let time = Micros(*ms as f64 * 1e3);
            writeln!(f, "; ended with status {status} in {time}, then {state}")
        }
        None => writeln!(f),
    }
}

fn dispatches(f: &mut fmt::Formatter<'_>, blocks: &[Block]) -> fmt::Result {
    let mean = |source: &str| mean(blocks.iter().map(|block| block.from(source)));
    // `none` found nothing to run.
    let sources = blocks[0].dispatch.iter().map(|(name, _)| name.as_str());
    let rates: Vec<_> = sources
        .filter(|name| *name != "none")
        .map(|name| (name, mean(name)))
        .collect();
    let total: f64 = rates.iter().map(|(_, rate)| rate).sum();
    write!(f, "  dispatches   {total:.0}/s:")?;
    for (name, rate) in rates {
        write!(f, "  {name} {:.1} %", 100.0 * rate / total.max(1.0))?;
    }
    writeln!(f)
}

fn cells(f: &mut fmt::Formatter<'_>, blocks: &[Block]) -> fmt::Result {
    let all: String = blocks
        .iter()
        .map(|block| block.cells.replace(' ', ""))
        .collect();
    let share = |state: char| {
        let count = all.chars().filter(|c| *c == state).count();
        100.0 * count as f64 / all.chars().count().max(1) as f64
    };
    writeln!(
        f,
        "  CPUs         hungry {:.0} %, balanced {:.0} %, saturated {:.0} % of the time; last {}",
        share('.'),
        share('+'),
        share('#'),
        blocks[blocks.len() - 1].cells
    )
}

fn agent(f: &mut fmt::Formatter<'_>, blocks: &[Block]) -> fmt::Result {
    let mean = |figure: fn(&Block) -> f64| mean(blocks.iter().map(figure));
    writeln!(
        f,
        "  agent        {:.0} windows/s, {:.0} changes of state/s; {:.0} % of the decisions \
         followed it",
        mean(|block| block.windows),
        mean(|block| block.flips),
        mean(|block| block.fresh_pct)
    )
}

fn wake_ups(f: &mut fmt::Formatter<'_>, records: &[Record]) -> fmt::Result {
    // A later act's clock is the better one.
    let both = |record: &&Record| {
        [Scheduler::Default, Scheduler::Hallows].map(|who| record.wakes(who).is_empty())
            == [false; 2]
    };
    let Some(record) = records.iter().rfind(both) else {
        return writeln!(f, "  wake-ups     not measured under both schedulers");
    };
    writeln!(
        f,
        "  wake-ups     how late tasks that wake every 4 ms got a CPU ({})\n    {:18}  {:28}{:30}rounds",
        clock(record.clock),
        "",
        "  median (of rounds)",
        "     p99 (of rounds)"
    )?;
    for (name, who) in [
        ("default scheduler", Scheduler::Default),
        ("scx_hallows", Scheduler::Hallows),
    ] {
        writeln!(f, "    {name:18}{}", Rounds(&record.wakes(who)))?;
    }
    Ok(())
}

/// What a clock's figures are worth.
fn clock(clock: Clock) -> &'static str {
    match clock {
        Clock::Machine => "this machine's clock",
        Clock::Emulator => "roughly: this machine's clock, while it emulates another",
        Clock::Virtual => "virtual clock, 1 ns an instruction",
    }
}

/// Rounds under one scheduler, at least one: of the medians and of the 99th
/// percentiles the median, and the range where it is one.
struct Rounds<'a>(&'a [Wake]);

impl fmt::Display for Rounds<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let spread = |figure: fn(&Wake) -> f64| {
            let mut figures: Vec<_> = self.0.iter().map(figure).collect();
            figures.sort_unstable_by(f64::total_cmp);
            let (least, most) = (figures[0], figures[figures.len() - 1]);
            let median = Micros(figures[figures.len() / 2]);
            match figures.len() {
                1 => format!("{median:>8}"),
                _ => format!("{median:>8} ({} to {})", Micros(least), Micros(most)),
            }
        };
        let (p50, p99) = (spread(|wake| wake.p50_us), spread(|wake| wake.p99_us));
        write!(f, "  {p50:28}{p99:30}{:6}", self.0.len())
    }
}

/// The mean, 0 of nothing.
fn mean(figures: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = figures.len().max(1) as f64;
    figures.sum::<f64>() / count
}

#[cfg(test)]
mod tests {
    use super::Summary;
    use crate::run::act::Clock;
    use crate::run::event::{Event, Scheduler};
    use crate::run::record::Record;
    use crate::run::stats::Block;

    fn wake(scheduler: Scheduler, p50_us: f64, p99_us: f64) -> Event {
        Event::Wake {
            scheduler,
            p50_us,
            p99_us,
        }
    }

    fn load() -> Event {
        Event::Load {
            cpus: 4,
            release: "6.18.15".into(),
        }
    }

    fn block(cells: &str, own: f64) -> Event {
        Event::Stats(Block {
            cells: cells.into(),
            dispatch: [("own", own), ("peer", 100.0), ("none", 50.0)]
                .map(|(name, rate)| (name.into(), rate))
                .into(),
            windows: 100.0,
            flips: 4.0,
            fresh_pct: 99.0,
            ..Block::default()
        })
    }

    fn text(clock: Clock, events: Vec<Event>) -> String {
        let mut record = Record::new(clock);
        events.into_iter().for_each(|event| record.add(event));
        Summary(&[record]).to_string()
    }

    #[test]
    fn a_whole_show() {
        let events = vec![
            load(),
            wake(Scheduler::Default, 33.0, 4_200.0),
            Event::Loaded {
                ms: 5200,
                state: "enabled".into(),
                name: "hallows_0.1.0".into(),
            },
            block("##+.", 800.0),
            wake(Scheduler::Hallows, 50.0, 2_000.0),
            block("####", 1000.0),
            wake(Scheduler::Hallows, 70.0, 1_900.0),
            wake(Scheduler::Hallows, 40.0, 9_000.0),
            Event::Unloaded {
                ms: 400,
                state: "disabled".into(),
                status: 0,
            },
        ];
        let expected = "\
Summary: 4 CPUs, Linux 6.18.15
  scheduler    enabled, hallows_0.1.0; ended with status 0 in 400.0 ms, then disabled
  dispatches   1000/s:  own 90.0 %  peer 10.0 %
  CPUs         hungry 12 %, balanced 12 %, saturated 75 % of the time; last ####
  agent        100 windows/s, 4 changes of state/s; 99 % of the decisions followed it
  wake-ups     how late tasks that wake every 4 ms got a CPU (virtual clock, 1 ns an instruction)
                          median (of rounds)             p99 (of rounds)          rounds
    default scheduler      33 us                      4.2 ms                           1
    scx_hallows            50 us (40 us to 70 us)     2.0 ms (1.9 ms to 9.0 ms)        3
";
        assert_eq!(text(Clock::Virtual, events), expected);
    }

    #[test]
    fn an_early_end_leaves_out_what_was_not_seen() {
        let none = text(Clock::Machine, vec![]);
        assert!(none.contains("the load had not started"), "{none}");
        let short = text(
            Clock::Machine,
            vec![load(), wake(Scheduler::Default, 1.0, 2.0)],
        );
        assert!(short.contains("was not loaded\n"), "{short}");
        assert!(short.contains("not measured under both"), "{short}");
        assert!(!short.contains("agent"), "{short}");
    }
}
