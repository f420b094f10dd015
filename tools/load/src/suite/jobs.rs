// SPDX-License-Identifier: GPL-2.0-only
//! Equal jobs that start together.

use anyhow::Result;

use super::crew::{self, How, Member};
use super::{Figure, Measurement, Setting};
use crate::burn;

/// Until the last job is done, as a multiple of the time that the CPUs need for
/// all of them if none ever idles, or of one job's.
///
/// # Errors
/// When a thread can't be started.
pub fn makespan(setting: &Setting) -> Result<Measurement> {
    let n = setting.cpus;
    let work_us = setting.scale.pick(100_000, 200_000, 400_000);
    let sizes = [
        ("n jobs", n),
        ("n+1 jobs", n + 1),
        ("1.5n jobs", n + n.div_ceil(2)),
        ("2n jobs", 2 * n),
    ];
    let figures = sizes.map(|(name, jobs)| {
        let took_ns = run(jobs, work_us * setting.per_us)?;
        let ideal_us = work_us as f64 * f64::from(jobs) / f64::from(n);
        let times = took_ns as f64 / 1e3 / ideal_us;
        Ok(Figure::lower(name, "x ideal", 0.005, times))
    });
    Ok(Measurement::of(figures.into_iter().collect::<Result<_>>()?))
}

/// Runs jobs of so many iterations each; returns how long it took until the last
/// was done, ns.
fn run(jobs: u32, iterations: u64) -> Result<u64> {
    let job = |_| -> Member {
        Box::new(move || {
            burn::spin(iterations);
            Ok(Vec::new())
        })
    };
    let (took_ns, _) = crew::run(How::Threads, (0..jobs).map(job).collect())?;
    Ok(took_ns)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_work_takes_longer() {
        let (short, long) = (run(2, 1_000).unwrap(), run(2, 20_000_000).unwrap());
        assert!(0 < short && short < long);
    }
}
