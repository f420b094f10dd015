// SPDX-License-Identifier: GPL-2.0-only
//! What `make -j` does to a scheduler, without a compiler: a driver keeps n + 1
//! jobs going, each of which starts a program and then computes for a while.

#![allow(unsafe_code)]

use std::io;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use super::{Figure, Measurement, Setting};
use crate::program::which;
use crate::report::secs;
use crate::{burn, sys};

/// What jobs compute, us: as uneven as files are, in this order over and over.
const WORK_US: [u64; 12] = [
    2_000, 9_000, 3_000, 20_000, 5_000, 2_000, 12_000, 4_000, 7_000, 2_000, 30_000, 6_000,
];

/// Seconds until all jobs are done.
///
/// # Errors
/// When there is no `true` in `PATH`, or a job can't be started or fails.
pub fn run(setting: &Setting) -> Result<Measurement> {
    let program = which("true").context("no program 'true' in PATH")?;
    let rounds = setting.scale.pick(1, 4, 10) * setting.cpus as usize;
    let jobs: Vec<u64> = WORK_US.repeat(rounds);
    let start = sys::now_ns();
    drive(setting.cpus as usize + 1, &jobs, |work_us| {
        compile(&program, work_us * setting.per_us).is_ok()
    })?;
    let took = secs(sys::now_ns() - start);
    Ok(Measurement::of(vec![Figure::lower("", "s", 1e-3, took)]))
}

/// One job, as a compiler's driver and the compiler.
fn compile(program: &Path, iterations: u64) -> Result<()> {
    let status = Command::new(program).stdin(Stdio::null()).status()?;
    ensure!(status.success(), "{}: {status}", program.display());
    burn::spin(iterations);
    Ok(())
}

/// Forks a process for each job, in their order, `width` at a time; each ends
/// well if `work` says so. The calling process must have one thread only.
fn drive(width: usize, jobs: &[u64], work: impl Fn(u64) -> bool) -> Result<()> {
    let (mut running, mut failed) = (0, 0);
    let mut reap = |running: &mut usize| -> Result<()> {
        let status = sys::wait_for(-1).context("wait for a job")?;
        *running -= 1;
        failed += usize::from(status != 0);
        Ok(())
    };
    for &job in jobs {
        if running == width {
            reap(&mut running)?;
        }
        // SAFETY: this process has one thread, so the child may do what it likes.
        match unsafe { libc::fork() } {
            -1 => return Err(io::Error::last_os_error()).context("fork a job"),
            // SAFETY: ends this child without the parent's exit handlers.
            0 => unsafe { libc::_exit(i32::from(!work(job))) },
            _ => running += 1,
        }
    }
    while running > 0 {
        reap(&mut running)?;
    }
    ensure!(failed == 0, "{failed} of {} jobs failed", jobs.len());
    Ok(())
}
