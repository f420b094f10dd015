// SPDX-License-Identifier: GPL-2.0-only
//! What a scheduler's own process costs.

use std::fs;

/// What a process has used so far, all its threads together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AgentUse {
    /// CPU time, ns.
    pub cpu_ns: u64,
    /// Times that it went to sleep by itself, each followed by a wake-up.
    pub wakeups: u64,
}

impl AgentUse {
    /// That of process `pid`; nothing where there is none.
    pub fn of(pid: Option<u32>) -> AgentUse {
        let Some(pid) = pid else {
            return AgentUse::default();
        };
        let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else {
            return AgentUse::default();
        };
        let mut sum = AgentUse::default();
        for thread in threads.flatten() {
            // A thread that ends meanwhile has no files any more.
            let read =
                |name: &str| fs::read_to_string(thread.path().join(name)).unwrap_or_default();
            sum.cpu_ns += cpu_ns(&read("schedstat"));
            sum.wakeups += sleeps(&read("status"));
        }
        sum
    }

    /// What it used since `before`.
    pub fn since(&self, before: &AgentUse) -> AgentUse {
        AgentUse {
            cpu_ns: self.cpu_ns.saturating_sub(before.cpu_ns),
            wakeups: self.wakeups.saturating_sub(before.wakeups),
        }
    }
}

/// The first number of a `schedstat`.
fn cpu_ns(schedstat: &str) -> u64 {
    let first = schedstat.split_whitespace().next();
    first.and_then(|it| it.parse().ok()).unwrap_or(0)
}

fn sleeps(status: &str) -> u64 {
    let count = status
        .lines()
        .find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
    count.and_then(|it| it.trim().parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_files_are_read() {
        assert_eq!(cpu_ns("123 456 7\n"), 123);
        assert_eq!(sleeps("Name:\tx\nvoluntary_ctxt_switches:\t9\nnon"), 9);
        assert_eq!((cpu_ns(""), sleeps("")), (0, 0));
    }

    #[test]
    fn this_process_used_something_and_nobody_nothing() {
        assert!(AgentUse::of(Some(std::process::id())).cpu_ns > 0);
        assert_eq!(AgentUse::of(None), AgentUse::default());
    }
}
