// SPDX-License-Identifier: GPL-2.0-only
//! That tasks had to be rescued, and from what: news once when it begins, and once a
//! minute while it goes on.

use std::time::{Duration, Instant};

use crate::agent::memory::Memory;
use crate::bpf_intf as intf;

/// How often it looks.
const EVERY: Duration = Duration::from_secs(1);

/// At most one line in that time.
const REPEAT: Duration = Duration::from_secs(60);

/// Causes by name.
const CAUSES: [(&str, intf::hallows_stat); 4] = [
    ("held", intf::hallows_stat_STAT_RESCUE_HELD),
    ("offline", intf::hallows_stat_STAT_RESCUE_OFFLINE),
    ("price", intf::hallows_stat_STAT_RESCUE_PRICE),
    ("order", intf::hallows_stat_STAT_RESCUE_ORDER),
];

/// Rescues by the causes above.
type Counts = [u64; CAUSES.len()];

/// What was told of rescues.
#[derive(Debug)]
pub struct Rescues {
    looked: Option<Instant>,
    told: Option<Instant>,
    /// When it was told.
    seen: Counts,
}

impl Rescues {
    /// Tells of rescues from now on: those so far, on `cpus`, were an earlier agent's to tell.
    pub fn since_now(memory: &Memory, cpus: impl Iterator<Item = usize>) -> Rescues {
        Rescues {
            looked: None,
            told: None,
            seen: counts(memory, cpus),
        }
    }

    /// Looks at the counters of `cpus`, if it is time to, and returns what is new and is to
    /// be told.
    pub fn news(&mut self, memory: &Memory, cpus: impl Iterator<Item = usize>) -> Option<String> {
        let is_over = |since: Option<Instant>, time| since.is_none_or(|at| at.elapsed() >= time);
        if !is_over(self.looked, EVERY) || !is_over(self.told, REPEAT) {
            return None;
        }
        self.looked = Some(Instant::now());
        let now = counts(memory, cpus);
        let mut new = CAUSES.map(|(cause, _)| (cause, 0));
        for ((_, new), (now, seen)) in new.iter_mut().zip(now.iter().zip(self.seen)) {
            *new = now.saturating_sub(seen);
        }
        let rescues = told(&new)?;
        (self.told, self.seen) = (self.looked, now);
        Some(rescues)
    }
}

/// All rescues on `cpus` since the BPF half was loaded.
fn counts(memory: &Memory, cpus: impl Iterator<Item = usize>) -> Counts {
    let mut sums = Counts::default();
    for cpu in cpus {
        let count = memory.stats(cpu).count;
        for (sum, (_, stat)) in sums.iter_mut().zip(CAUSES) {
            *sum += count[stat as usize];
        }
    }
    sums
}

/// Rescues by cause, those that there were.
pub fn told(rescues: &[(&str, u64)]) -> Option<String> {
    let some = rescues.iter().filter(|(_, count)| *count > 0);
    let texts: Vec<_> = some
        .map(|(cause, count)| format!("{cause} {count}"))
        .collect();
    (!texts.is_empty()).then(|| texts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::told;

    #[test]
    fn causes_without_a_rescue_are_left_out() {
        assert_eq!(told(&[("held", 0), ("order", 0)]), None);
        let rescues = [("held", 12), ("offline", 0), ("order", 3)];
        assert_eq!(told(&rescues).unwrap(), "held 12, order 3");
    }
}
