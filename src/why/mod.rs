// SPDX-License-Identifier: GPL-2.0-only
//! Why a task waits where it waits and runs where it runs: BPF's decisions about
//! one task, as lines of text.

pub mod watch;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::bpf_intf as intf;

/// Names of the places that a task can be dispatched from, by the first values
/// of `enum hallows_stat`.
const SOURCES: [&str; intf::hallows_stat_STAT_KEPT as usize] = [
    "its own track",
    "the express track",
    "the track of a peer of the LLC",
    "a stop of the route",
    "a stop of the static route",
    "the track of a busier CPU, as the agent granted",
    "the track of a peer that lags",
    "rescue, after too long a wait",
];

/// `struct why_event`: one placement of a task, or one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// On the clock of `scx_bpf_now()`.
    pub at_ns: u64,
    /// Of a run: since the task was queued.
    pub waited_ns: u64,
    /// Of a placement: what it was thought to save of waiting, 0: not looked at.
    pub saved_ns: u64,
    /// Of a move of this task from `from` to `cpu`.
    pub price_ns: u64,
    /// `enum hallows_why`.
    pub why: u16,
    /// Of a run: `enum hallows_stat`.
    pub source: u16,
    /// Where the task was, or whose track it came from.
    pub from: u16,
    /// Where it is now.
    pub cpu: u16,
    /// LLC of its group; none when there is no such LLC.
    pub home: u16,
    /// Of a run from the route: which stop, from 0.
    pub stop: u16,
}

/// What was decided about a task since somebody asked last.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heard {
    pub events: Vec<Event>,
    /// Events that found no room.
    pub lost: u64,
}

impl Event {
    /// Reads a record of the ring buffer, and the task that it is of; `None` when
    /// it is none of ours.
    pub fn from_bytes(bytes: &[u8]) -> Option<(u32, Event)> {
        const { assert!(size_of::<intf::why_event>() == 48) };
        if bytes.len() < size_of::<intf::why_event>() {
            return None;
        }
        let long = |at: usize| Some(u64::from_ne_bytes(bytes.get(at..at + 8)?.try_into().ok()?));
        let short = |at: usize| Some(u16::from_ne_bytes(bytes.get(at..at + 2)?.try_into().ok()?));
        let pid = u32::from_ne_bytes(bytes.get(32..36)?.try_into().ok()?);
        let event = Event {
            at_ns: long(0)?,
            waited_ns: long(8)?,
            saved_ns: long(16)?,
            price_ns: long(24)?,
            why: short(36)?,
            source: short(38)?,
            from: short(40)?,
            cpu: short(42)?,
            home: short(44)?,
            stop: short(46)?,
        };
        Some((pid, event))
    }

    fn placed(&self) -> Option<&'static str> {
        Some(match self.why.into() {
            intf::hallows_why_WHY_SYNC => "placed with its waker, which is about to sleep",
            intf::hallows_why_WHY_INSTEAD => {
                "placed before the hog that ran there, which makes way"
            }
            intf::hallows_why_WHY_IDLE => "placed on an idle CPU",
            intf::hallows_why_WHY_HOME_IDLE => "placed on an idle CPU of its group's LLC",
            intf::hallows_why_WHY_HOME => "queued in its group's LLC",
            intf::hallows_why_WHY_CORE => "queued on a core of its own",
            intf::hallows_why_WHY_PUSH => "pushed, as the agent granted",
            intf::hallows_why_WHY_EXPRESS => "queued on the express track",
            intf::hallows_why_WHY_TRACK => "queued",
            intf::hallows_why_WHY_PINNED => "queued on the only CPU it may use",
            _ => return None,
        })
    }
}

impl fmt::Display for Event {
    /// One line, without the time.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.placed() {
            Some(what) if self.from == self.cpu => write!(f, "{what}: CPU {}", self.cpu)?,
            Some(what) => write!(
                f,
                "{what}: CPU {} -> {}, price {}",
                self.from,
                self.cpu,
                Micros(self.price_ns)
            )?,
            None => self.run(f)?,
        }
        if self.saved_ns > 0 {
            write!(f, ", saves {} of waiting", Micros(self.saved_ns))?;
        }
        if u32::from(self.home) < intf::hallows_limits_MAX_LLCS {
            write!(f, ", home LLC {}", self.home)?;
        }
        Ok(())
    }
}

impl Event {
    fn run(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "runs on CPU {}", self.cpu)?;
        let Some(source) = SOURCES.get(usize::from(self.source)) else {
            return Ok(());
        };
        write!(f, " from {source}")?;
        if u32::from(self.source) == intf::hallows_stat_STAT_ROUTE {
            write!(f, " ({})", self.stop + 1)?;
        }
        // The express track is nobody's.
        let express = u32::from(self.source) == intf::hallows_stat_STAT_EXPRESS;
        if self.from != self.cpu && !express {
            write!(f, ", CPU {}", self.from)?;
        }
        write!(f, ", waited {}", Micros(self.waited_ns))
    }
}

/// Nanoseconds, shown as microseconds.
struct Micros(u64);

impl fmt::Display for Micros {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.1} us", self.0 as f64 / 1000.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENT: Event = Event {
        at_ns: 0,
        waited_ns: 154_300,
        saved_ns: 0,
        price_ns: 20_000,
        why: intf::hallows_why_WHY_IDLE as u16,
        source: 0,
        from: 1,
        cpu: 3,
        home: 1024,
        stop: 0,
    };

    #[test]
    fn placements_say_what_they_cost() {
        let line = "placed on an idle CPU: CPU 1 -> 3, price 20.0 us";
        assert_eq!(EVENT.to_string(), line);
        assert_eq!(
            Event {
                from: 3,
                home: 1,
                ..EVENT
            }
            .to_string(),
            "placed on an idle CPU: CPU 3, home LLC 1"
        );
        let push = Event {
            why: intf::hallows_why_WHY_PUSH as u16,
            saved_ns: 500_000,
            ..EVENT
        };
        assert_eq!(
            push.to_string(),
            "pushed, as the agent granted: CPU 1 -> 3, price 20.0 us, saves 500.0 us of waiting"
        );
    }

    #[test]
    fn runs_say_where_they_came_from() {
        let run = Event {
            why: intf::hallows_why_WHY_RUN as u16,
            source: intf::hallows_stat_STAT_ROUTE as u16,
            stop: 2,
            ..EVENT
        };
        assert_eq!(
            run.to_string(),
            "runs on CPU 3 from a stop of the route (3), CPU 1, waited 154.3 us"
        );
        let placed = Event {
            source: intf::hallows_stat_NR_HALLOWS_STATS as u16,
            ..run
        };
        assert_eq!(placed.to_string(), "runs on CPU 3");
        let express = Event {
            source: intf::hallows_stat_STAT_EXPRESS as u16,
            ..run
        };
        assert_eq!(
            express.to_string(),
            "runs on CPU 3 from the express track, waited 154.3 us"
        );
    }

    #[test]
    fn a_record_is_read_as_it_was_written() {
        let mut bytes = [0; 48];
        bytes[8..16].copy_from_slice(&154_300u64.to_ne_bytes());
        bytes[24..32].copy_from_slice(&20_000u64.to_ne_bytes());
        bytes[32..36].copy_from_slice(&77u32.to_ne_bytes());
        let shorts = [EVENT.why, 0, EVENT.from, EVENT.cpu, EVENT.home, 0];
        for (at, short) in shorts.into_iter().enumerate() {
            bytes[36 + 2 * at..38 + 2 * at].copy_from_slice(&short.to_ne_bytes());
        }
        assert_eq!(Event::from_bytes(&bytes), Some((77, EVENT)));
        assert_eq!(Event::from_bytes(&bytes[..47]), None);
    }
}
