// SPDX-License-Identifier: GPL-2.0-only
//! What the machine does while nobody wants anything.

use std::fs;
use std::thread;

use anyhow::{Context, Result};

use super::{Figure, Measurement, Setting};
use crate::report::secs;
use crate::sys;

/// Context switches and interrupts of the whole machine, and those of them by which one
/// CPU asked another for something.
///
/// # Errors
/// When `/proc/stat` or `/proc/interrupts` can't be read.
pub fn run(setting: &Setting) -> Result<Measurement> {
    let (start, before) = (sys::now_ns(), counts()?);
    thread::sleep(setting.scale.duration());
    let (seconds, after) = (secs(sys::now_ns() - start), counts()?);
    let rate = |which: usize| (after[which] - before[which]) as f64 / seconds;
    Ok(Measurement::of(vec![
        Figure::lower("switches", "/s", 2.0, rate(0)),
        Figure::lower("interrupts", "/s", 2.0, rate(1)),
        Figure::lower("between CPUs", "/s", 2.0, rate(2)),
    ]))
}

/// Context switches, interrupts, and those between CPUs, since the boot.
fn counts() -> Result<[u64; 3]> {
    let text = fs::read_to_string("/proc/stat").context("read /proc/stat")?;
    let count = |key: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(key))?;
        line.split_whitespace().next()?.parse().ok()
    };
    let [switches, interrupts] = ["ctxt ", "intr "]
        .map(|key| count(key).with_context(|| format!("/proc/stat has no {key}")));
    let table = fs::read_to_string("/proc/interrupts").context("read /proc/interrupts")?;
    Ok([switches?, interrupts?, between_cpus(&table)])
}

/// What asks a CPU to reschedule, and to call a function.
const BETWEEN_CPUS: [&str; 2] = ["RES:", "CAL:"];

/// The sum over all CPUs of the lines of `/proc/interrupts` that are called so: on a
/// machine that calls them otherwise, 0.
fn between_cpus(table: &str) -> u64 {
    let line = |line: &str| {
        let mut words = line.split_whitespace();
        let is_one = words
            .next()
            .is_some_and(|name| BETWEEN_CPUS.contains(&name));
        let counts = words.map_while(|word| word.parse::<u64>().ok());
        if is_one { counts.sum() } else { 0 }
    };
    table.lines().map(line).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_counts() {
        let [switches, interrupts, _] = counts().unwrap();
        assert!(switches > 0 && interrupts > 0);
    }

    #[test]
    fn interrupts_between_cpus_are_told_from_others() {
        let table = "            CPU0       CPU1\n  0:    5    6  IO-APIC timer\n\
            RES:        10         20   Rescheduling interrupts\n\
            CAL:         1          2   Function call interrupts\n\
            TLB:       100        100   TLB shootdowns\n";
        assert_eq!(between_cpus(table), 33);
    }
}
