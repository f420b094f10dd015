// SPDX-License-Identifier: GPL-2.0-only
//! Processes that come and go.

#![allow(unsafe_code)]

use std::process::{Command, Stdio};
use std::sync::Arc;

use anyhow::{Context, Result, ensure};

use super::crew::{self, How, Member};
use super::{Figure, Measurement, Setting};
use crate::program::which;
use crate::report::secs;
use crate::stats::Summary;
use crate::sys;

/// Forks of processes that exit at once.
///
/// # Errors
/// When a process can't be forked.
pub fn fork(setting: &Setting) -> Result<Measurement> {
    storm(setting, || {
        // SAFETY: the child does nothing but exit.
        match unsafe { libc::fork() } {
            -1 => Err(std::io::Error::last_os_error()).context("fork a process"),
            // SAFETY: as above.
            0 => unsafe { libc::_exit(0) },
            pid => sys::wait_for(pid).context("wait for a process").map(drop),
        }
    })
}

/// Starts of the program `true`.
///
/// # Errors
/// When there is none in `PATH`, or it can't be started.
pub fn exec(setting: &Setting) -> Result<Measurement> {
    let program = which("true").context("no program 'true' in PATH")?;
    storm(setting, move || {
        let mut command = Command::new(&program);
        let status = command
            .stdin(Stdio::null())
            .status()
            .context("start true")?;
        ensure!(status.success(), "true: {status}");
        Ok(())
    })
}

/// What n processes that do `one` over and over come to.
fn storm(
    setting: &Setting,
    one: impl Fn() -> Result<()> + Send + Sync + 'static,
) -> Result<Measurement> {
    let duration_ns = setting.scale.duration().as_nanos() as u64;
    let one = Arc::new(one);
    let member = |_| -> Member {
        let one = Arc::clone(&one);
        Box::new(move || {
            let end = sys::now_ns() + duration_ns;
            let (mut took, mut now) = (Vec::new(), sys::now_ns());
            while now < end {
                one()?;
                let then = sys::now_ns();
                took.push(then - now);
                now = then;
            }
            Ok(took)
        })
    };
    let members = (0..setting.cpus).map(member).collect();
    let (elapsed_ns, took) = crew::run(How::Processes, members)?;
    let took: Vec<u64> = took.into_iter().flatten().collect();
    let rate = took.len() as f64 / secs(elapsed_ns);
    let summary = Summary::of_ns(took.clone());
    let figures = vec![
        Figure::higher("", "/s", 1.0, rate),
        Figure::lower("p99", "us", 10.0, summary.p99_us),
    ];
    Ok(Measurement::of(figures).with_latencies(took))
}
