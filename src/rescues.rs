// SPDX-License-Identifier: GPL-2.0-only
//! Says that tasks had to be rescued, and from what: once when it begins, and once
//! a minute while it goes on.

use std::time::{Duration, Instant};

use tracing::warn;

use crate::agent::memory::Memory;
use crate::bpf_intf as intf;
use crate::held::HeldCpus;

/// How often it looks.
const EVERY: Duration = Duration::from_secs(1);

/// At most one line in that time.
const REPEAT: Duration = Duration::from_secs(60);

/// Causes by name. That a long wait was worth its price is no trouble, so nobody is
/// told; statistics count it.
const CAUSES: [(&str, intf::hallows_stat); 3] = [
    ("held", intf::hallows_stat_STAT_RESCUE_HELD),
    ("offline", intf::hallows_stat_STAT_RESCUE_OFFLINE),
    ("order", intf::hallows_stat_STAT_RESCUE_ORDER),
];

/// What was told of rescues.
#[derive(Debug, Default)]
pub struct Rescues {
    looked: Option<Instant>,
    told: Option<Instant>,
    /// Rescues by the causes above, when it was told.
    seen: [u64; CAUSES.len()],
}

impl Rescues {
    /// Looks at the counters of `cpus`, if it is time, and logs what is new.
    pub fn look(&mut self, memory: &Memory, cpus: impl Iterator<Item = usize>, held: &HeldCpus) {
        let is_over = |since: Option<Instant>, time| since.is_none_or(|at| at.elapsed() >= time);
        if !is_over(self.looked, EVERY) || !is_over(self.told, REPEAT) {
            return;
        }
        self.looked = Some(Instant::now());
        let mut now = [0; CAUSES.len()];
        for cpu in cpus {
            let count = memory.stats(cpu).count;
            for (sum, (_, stat)) in now.iter_mut().zip(CAUSES) {
                *sum += count[stat as usize];
            }
        }
        let mut new = CAUSES.map(|(cause, _)| (cause, 0));
        for ((_, new), (now, seen)) in new.iter_mut().zip(now.iter().zip(self.seen)) {
            *new = now.saturating_sub(seen);
        }
        let Some(rescues) = told(&new) else { return };
        (self.told, self.seen) = (self.looked, now);
        let why = held.long().join(", ");
        let colon = if why.is_empty() { "" } else { "; " };
        warn!("tasks that waited too long were rescued: {rescues}{colon}{why}");
    }
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
