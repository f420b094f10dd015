// SPDX-License-Identifier: GPL-2.0-only
//! What the lines of `tools/vm/demo.sh` tell.

use super::stats::{self, Block};

/// Who schedules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheduler {
    /// The kernel's own.
    Default,
    /// scx_hallows.
    Hallows,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The load runs on so many CPUs under a kernel of this release.
    Load { cpus: u32, release: String },
    /// The kernel says that scx_hallows schedules: `state` and name.
    Loaded {
        ms: u64,
        state: String,
        name: String,
    },
    /// scx_hallows has ended with this exit status, and the kernel's `state`.
    Unloaded { ms: u64, state: String, status: i32 },
    /// A round of sleepers is over: how late they woke.
    Wake {
        scheduler: Scheduler,
        p50_us: f64,
        p99_us: f64,
    },
    /// The statistics of an interval.
    Stats(Block),
    /// None of these.
    Text(String),
}

/// Reads lines.
#[derive(Default)]
pub struct Reader {
    stats: stats::Reader,
}

impl Reader {
    /// What the next line tells, if it is no mere part of something.
    pub fn line(&mut self, line: &str) -> Option<Event> {
        if let Some(event) = line.strip_prefix('@').and_then(report) {
            return Some(event);
        }
        match self.stats.line(line) {
            stats::Line::Block(block) => Some(Event::Stats(block)),
            stats::Line::Part => None,
            stats::Line::Other => Some(Event::Text(line.to_owned())),
        }
    }
}

fn report(line: &str) -> Option<Event> {
    let words: Vec<&str> = line.split_whitespace().collect();
    Some(match words[..] {
        ["load", cpus, release] => Event::Load {
            cpus: cpus.parse().ok()?,
            release: release.into(),
        },
        ["loaded", ms, state, name] => Event::Loaded {
            ms: ms.parse().ok()?,
            state: state.into(),
            name: name.into(),
        },
        ["unloaded", ms, state, status] => Event::Unloaded {
            ms: ms.parse().ok()?,
            state: state.into(),
            status: status.parse().ok()?,
        },
        ["wake", scheduler, ref figures @ ..] => {
            let figure = |name| {
                let at = figures.iter().position(|word| *word == name)?;
                figures.get(at + 1)?.parse().ok()
            };
            Event::Wake {
                scheduler: match scheduler {
                    "default" => Scheduler::Default,
                    "hallows" => Scheduler::Hallows,
                    _ => return None,
                },
                p50_us: figure("p50")?,
                p99_us: figure("p99")?,
            }
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::{Event, Reader, Scheduler};

    #[test]
    fn reports_become_events() {
        let read = |line: &str| Reader::default().line(line);
        assert_eq!(
            read("@load 4 6.18.15+deb13-cloud-amd64"),
            Some(Event::Load {
                cpus: 4,
                release: "6.18.15+deb13-cloud-amd64".into()
            })
        );
        assert_eq!(
            read("@wake hallows mean 5.1  p50 33.1  p99 4200.0  p99.9 9.0  max 9.0"),
            Some(Event::Wake {
                scheduler: Scheduler::Hallows,
                p50_us: 33.1,
                p99_us: 4200.0
            })
        );
        assert_eq!(
            read("@unloaded 310 disabled 1"),
            Some(Event::Unloaded {
                ms: 310,
                state: "disabled".into(),
                status: 1
            })
        );
    }

    #[test]
    fn what_is_not_understood_stays_text() {
        for line in [
            "@loaded soon",
            "@wake eevdf p50 1 p99 2",
            "@",
            "sh: not found",
        ] {
            assert_eq!(
                Reader::default().line(line),
                Some(Event::Text(line.into())),
                "{line}"
            );
        }
    }
}
