// SPDX-License-Identifier: GPL-2.0-only
//! What the machine does while nobody wants anything.

use std::fs;
use std::thread;

use anyhow::{Context, Result};

use super::{Figure, Measurement, Setting};
use crate::report::secs;
use crate::sys;

/// Context switches and interrupts of the whole machine.
///
/// # Errors
/// When `/proc/stat` can't be read.
pub fn run(setting: &Setting) -> Result<Measurement> {
    let (start, before) = (sys::now_ns(), counts()?);
    thread::sleep(setting.scale.duration());
    let (seconds, after) = (secs(sys::now_ns() - start), counts()?);
    let rate = |which: usize| (after[which] - before[which]) as f64 / seconds;
    Ok(Measurement::of(vec![
        Figure::lower("switches", "/s", 2.0, rate(0)),
        Figure::lower("interrupts", "/s", 2.0, rate(1)),
    ]))
}

/// Context switches and interrupts since the boot.
fn counts() -> Result<[u64; 2]> {
    let text = fs::read_to_string("/proc/stat").context("read /proc/stat")?;
    let count = |key: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(key))?;
        line.split_whitespace().next()?.parse().ok()
    };
    ["ctxt ", "intr "]
        .map(|key| count(key).with_context(|| format!("/proc/stat has no {key}")))
        .into_iter()
        .collect::<Result<Vec<_>>>()
        .map(|counts| [counts[0], counts[1]])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_counts() {
        assert!(counts().unwrap().iter().all(|&count| count > 0));
    }
}
