// SPDX-License-Identifier: GPL-2.0-only
//! The state of the machine that no event tells.

#![allow(unsafe_code)]

use std::fs;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::event::{Comm, Initial, InitialTask};
use crate::mask::CpuMask;

/// A kernel priority is this much above the one that /proc/PID/stat shows.
const STAT_PRIO_OFFSET: i32 = 100;

/// Reads a list of CPUs under /sys/devices/system/cpu: `possible` or `online`.
///
/// # Errors
/// When it can't be read, or numbers a CPU beyond [`crate::mask::MAX_CPUS`].
pub fn cpus(list: &str) -> Result<CpuMask> {
    let path = format!("/sys/devices/system/cpu/{list}");
    let text = fs::read_to_string(&path).with_context(|| format!("read {path}"))?;
    text.parse()
        .map_err(anyhow::Error::msg)
        .with_context(|| format!("parse {path}"))
}

/// Reads all tasks. Those that vanish meanwhile are left out.
///
/// # Errors
/// When /proc or the lists of CPUs can't be read.
pub fn take(possible: CpuMask) -> Result<Initial> {
    let mut tasks = Vec::new();
    for process in fs::read_dir("/proc").context("list /proc")?.flatten() {
        let name = process.file_name();
        if !name.as_encoded_bytes()[0].is_ascii_digit() {
            continue;
        }
        let threads = fs::read_dir(process.path().join("task"));
        for thread in threads.into_iter().flatten().flatten() {
            let read = |file| fs::read_to_string(thread.path().join(file));
            if let (Ok(status), Ok(stat)) = (read("status"), read("stat")) {
                tasks.extend(parse_task(&status, &stat));
            }
        }
    }
    Ok(Initial {
        possible,
        online: cpus("online")?,
        tasks,
    })
}

/// A task from its `status` and `stat` files.
fn parse_task(status: &str, stat: &str) -> Option<InitialTask> {
    let field = |name: &str| {
        let mut lines = status.lines();
        lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(":\t"))
    };
    // The name in stat may contain blanks and parentheses; its fields follow the last one.
    let (_, after_name) = stat.rsplit_once(") ")?;
    let mut fields = after_name.split(' ');
    let state = fields.next()?;
    let prio: i32 = fields.nth(14)?.parse().ok()?;
    Some(InitialTask {
        pid: field("Pid")?.parse().ok()?,
        prio: prio + STAT_PRIO_OFFSET,
        runnable: state == "R",
        mask: field("Cpus_allowed_list")?.parse().ok()?,
        comm: Comm::new(field("Name")?.as_bytes()),
    })
}

/// Makes every CPU of `online` switch tasks once, so that the trace shows what
/// each runs, however idle or busy it is: a thread visits each. Gives up on CPUs
/// that don't run theirs within `patience`; the trace shows which.
///
/// # Errors
/// When a thread can't be started.
pub fn visit_cpus(online: &CpuMask, patience: Duration) -> Result<()> {
    let deadline = Instant::now() + patience;
    let (arrived, arrivals) = mpsc::channel();
    let mut visitors = 0;
    for cpu in online.iter() {
        let arrived = arrived.clone();
        let visit = move || {
            let mut set = [0_u64; crate::mask::MAX_CPUS as usize / 64];
            set[cpu as usize / 64] = 1 << (cpu % 64);
            // A refusal (cpuset) leaves the CPU unvisited, which the trace shows.
            // SAFETY: an array of words with the layout of cpu_set_t.
            unsafe { libc::sched_setaffinity(0, size_of_val(&set), set.as_ptr().cast()) };
            // The receiver may have given up.
            let _ = arrived.send(());
        };
        let builder = thread::Builder::new().name(format!("visit-{cpu}"));
        builder.spawn(visit).context("start a thread")?;
        visitors += 1;
    }
    for _ in 0..visitors {
        let left = deadline.saturating_duration_since(Instant::now());
        if arrivals.recv_timeout(left).is_err() {
            break;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tasks_parse_whatever_their_names() {
        let status =
            "Name:\ta) R b\nUmask:\t0022\nPid:\t42\nCpus_allowed:\t5\nCpus_allowed_list:\t0,2\n";
        let stat = "42 (a) R b) S 1 42 42 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 99\n";
        let task = parse_task(status, stat).unwrap();
        assert_eq!((task.pid, task.prio, task.runnable), (42, 120, false));
        assert_eq!(
            (task.mask.to_string(), task.comm.to_string()),
            ("0,2".into(), "a) R b".into())
        );
        assert!(parse_task("Name:\tx\n", stat).is_none());
    }

    #[test]
    fn this_machine_has_tasks_and_cpus() {
        let initial = take(cpus("possible").unwrap()).unwrap();
        let own = std::process::id();
        let this = initial.tasks.iter().find(|task| task.pid == own).unwrap();
        assert_eq!(this.mask.and(&initial.online), this.mask);
        visit_cpus(&initial.online, Duration::from_secs(5)).unwrap();
    }
}
