// SPDX-License-Identifier: GPL-2.0-only
//! Whether the machine is quiet enough for a comparison, and if not, what is loud.

use std::collections::HashMap;
use std::fs;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use hallows_load::burn;

/// What others may use, of the whole machine, and at least of a CPU.
const BUSY_PART: f64 = 0.02;
const BUSY_CPUS: f64 = 0.1;
/// What the hypervisor may take away, of the whole machine.
const STOLEN_PART: f64 = 0.01;
/// How much longer the slowest of equal pieces of work may take, but for a tenth
/// of them, than the fastest but for a tenth.
const SPEED_SPREAD: f64 = 0.10;

/// How long to look at the others.
const LOOK: Duration = Duration::from_secs(2);
/// Equal pieces of work, and how long each takes, us. The first are not counted:
/// a CPU that slept needs time to reach its speed.
const PIECES: usize = 60;
const UNCOUNTED: usize = 20;
const PIECE_US: u64 = 4_000;
/// `USER_HZ`, which Linux shows times in on each architecture.
const TICKS_PER_S: f64 = 100.0;

/// How the machine was for some seconds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sample {
    /// CPUs of the machine.
    pub cpus: f64,
    /// CPUs that others kept busy.
    pub busy: f64,
    /// CPUs that the hypervisor took away.
    pub stolen: f64,
    /// Programs and the CPUs that they used, the busiest first.
    pub programs: Vec<(String, f64)>,
    /// Times of equal pieces of work, ms.
    pub pieces_ms: Vec<f64>,
}

impl Sample {
    /// Looks at the machine for about two seconds.
    ///
    /// # Errors
    /// `/proc` can't be read.
    pub fn take(cpus: usize) -> Result<Sample> {
        let per_us = burn::iterations_per_us();
        let (start, before, programs) = (Instant::now(), Ticks::read()?, program_ticks());
        sleep(LOOK);
        let ticks = TICKS_PER_S * start.elapsed().as_secs_f64();
        let (after, programs_after) = (Ticks::read()?, program_ticks());
        let pieces = (0..PIECES).map(|_| {
            let start = Instant::now();
            burn::spin(PIECE_US * per_us);
            start.elapsed().as_secs_f64() * 1e3
        });
        Ok(Sample {
            cpus: cpus as f64,
            busy: after.busy.saturating_sub(before.busy) as f64 / ticks,
            stolen: after.stolen.saturating_sub(before.stolen) as f64 / ticks,
            programs: busiest(&programs, &programs_after, ticks),
            pieces_ms: pieces.skip(UNCOUNTED).collect(),
        })
    }

    /// What is too loud: a line each.
    pub fn complaints(&self) -> Vec<String> {
        let mut complaints = Vec::new();
        if self.busy > BUSY_CPUS.max(BUSY_PART * self.cpus) {
            let programs: Vec<String> = self
                .programs
                .iter()
                .map(|(name, cpus)| format!("{name} {cpus:.2}"))
                .collect();
            let names = match programs.is_empty() {
                true => String::new(),
                false => format!(" ({})", programs.join(", ")),
            };
            complaints.push(format!(
                "other programs use {:.2} of {} CPUs{names}",
                self.busy, self.cpus
            ));
        }
        if self.stolen > STOLEN_PART * self.cpus {
            complaints.push(format!(
                "the hypervisor takes {:.2} of {} CPUs away",
                self.stolen, self.cpus
            ));
        }
        if let Some((fast, slow)) = deciles(&self.pieces_ms)
            && slow > fast * (1.0 + SPEED_SPREAD)
        {
            complaints.push(format!(
                "the same work takes now {fast:.2} and now {slow:.2} ms"
            ));
        }
        complaints
    }
}

/// The first and the last decile.
fn deciles(values: &[f64]) -> Option<(f64, f64)> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let tenth = sorted.len() / 10;
    Some((
        *sorted.get(tenth)?,
        *sorted.get(sorted.len().checked_sub(tenth + 1)?)?,
    ))
}

/// Times of all CPUs since the boot, in ticks.
struct Ticks {
    busy: u64,
    stolen: u64,
}

impl Ticks {
    fn read() -> Result<Ticks> {
        let text = fs::read_to_string("/proc/stat").context("read /proc/stat")?;
        Ticks::parse(&text).context("/proc/stat has no line of all CPUs")
    }

    /// user nice system idle iowait irq softirq steal, as `proc(5)` says.
    fn parse(text: &str) -> Option<Ticks> {
        let line = text.lines().next()?.strip_prefix("cpu ")?;
        let numbers: Vec<u64> = line
            .split_whitespace()
            .filter_map(|it| it.parse().ok())
            .collect();
        let at = |index: usize| numbers.get(index).copied();
        Some(Ticks {
            busy: at(0)? + at(1)? + at(2)? + at(5)? + at(6)?,
            stolen: at(7).unwrap_or(0),
        })
    }
}

/// Name and CPU time of each process, in ticks.
fn program_ticks() -> HashMap<u32, (String, u64)> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return HashMap::new();
    };
    let program = |pid: u32| {
        let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        Some((pid, parse_stat(&text)?))
    };
    entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(program)
        .collect()
}

/// Name, and user and system time, of a `/proc/PID/stat`.
fn parse_stat(text: &str) -> Option<(String, u64)> {
    let (open, close) = (text.find('(')?, text.rfind(')')?);
    let fields: Vec<&str> = text.get(close + 1..)?.split_whitespace().collect();
    let ticks = |index: usize| fields.get(index)?.parse::<u64>().ok();
    let name = text.get(open + 1..close)?.to_owned();
    Some((name, ticks(11)? + ticks(12)?))
}

/// The three that used most, with the CPUs that they used.
fn busiest(
    before: &HashMap<u32, (String, u64)>,
    after: &HashMap<u32, (String, u64)>,
    ticks: f64,
) -> Vec<(String, f64)> {
    let used = |(pid, (name, now)): (&u32, &(String, u64))| {
        let then = before.get(pid).map_or(0, |(_, then)| *then);
        (name.clone(), now.saturating_sub(then) as f64 / ticks)
    };
    let mut all: Vec<(String, f64)> = after.iter().map(used).collect();
    all.retain(|(_, cpus)| *cpus >= 0.02);
    all.sort_by(|a, b| b.1.total_cmp(&a.1));
    all.truncate(3);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quiet() -> Sample {
        Sample {
            cpus: 8.0,
            busy: 0.1,
            stolen: 0.05,
            pieces_ms: vec![4.0; 40],
            ..Sample::default()
        }
    }

    #[test]
    fn a_quiet_machine_has_no_complaint() {
        assert_eq!(quiet().complaints(), Vec::<String>::new());
    }

    #[test]
    fn each_noise_is_named() {
        let busy = Sample {
            busy: 1.3,
            programs: vec![("make".into(), 0.9), ("cc1".into(), 0.4)],
            ..quiet()
        };
        assert_eq!(
            busy.complaints(),
            ["other programs use 1.30 of 8 CPUs (make 0.90, cc1 0.40)"]
        );
        let stolen = Sample {
            stolen: 0.4,
            ..quiet()
        };
        assert_eq!(
            stolen.complaints(),
            ["the hypervisor takes 0.40 of 8 CPUs away"]
        );
        let mut uneven = quiet();
        uneven.pieces_ms[..8].fill(7.0);
        assert_eq!(
            uneven.complaints(),
            ["the same work takes now 4.00 and now 7.00 ms"]
        );
    }

    #[test]
    fn a_few_outliers_are_no_noise() {
        let mut sample = quiet();
        sample.pieces_ms[..4].fill(20.0);
        assert!(sample.complaints().is_empty());
    }

    #[test]
    fn the_kernels_files_are_read() {
        let ticks = Ticks::parse("cpu  10 1 5 900 7 2 3 4 0 0\ncpu0 1\n").unwrap();
        assert_eq!((ticks.busy, ticks.stolen), (21, 4));
        let stat = "7 (a (b) c) R 1 1 1 0 -1 0 0 0 0 0 30 12 0 0 20 0";
        assert_eq!(parse_stat(stat), Some(("a (b) c".into(), 42)));
        let before = HashMap::from([(1, ("x".into(), 10))]);
        let after = HashMap::from([(1, ("x".into(), 60)), (2, ("y".into(), 1))]);
        assert_eq!(busiest(&before, &after, 100.0), [("x".to_owned(), 0.5)]);
    }
}
