// SPDX-License-Identifier: GPL-2.0-only
//! What must hold before anything is loaded.
//!
//! The kernel would refuse too, but with an errno from the depths of libbpf;
//! each probe here says in one line what is missing and what to do. A probe
//! judges what was read; `machine.rs` reads it.

mod btf;
mod kernel;
mod machine;
mod others;
mod process;
#[cfg(test)]
mod tests;
pub mod verdict;

use std::path::PathBuf;

use crate::exit::Error;
use machine::Machine;
use verdict::Verdict;

/// What was found of one thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What was looked at, in one word.
    pub probe: &'static str,
    /// How it is.
    pub verdict: Verdict,
}

type Probe = (&'static str, fn(&Machine) -> Verdict);

/// The probe for what has the kernel's tasks already.
const SCHEDULER: &str = "scheduler";

/// The most telling first.
const PROBES: [Probe; 10] = [
    ("kernel", |it| {
        it.judge("proc/sys/kernel/osrelease", kernel::version)
    }),
    ("sched_ext", |it| {
        let here = it.has("sys/kernel/sched_ext/state");
        let release = it.maybe("proc/sys/kernel/osrelease");
        // Only looked for where it can tell something.
        let config = if here { None } else { it.config() };
        kernel::sched_ext(here, release.as_deref(), config.as_ref())
    }),
    ("capabilities", |it| {
        it.judge("proc/self/status", process::capabilities)
    }),
    ("btf", |it| btf::whole(it.kfuncs())),
    ("kfuncs", |it| btf::functions(it.kfuncs())),
    ("ftrace", |it| {
        kernel::ftrace(it.has("proc/sys/kernel/ftrace_enabled"))
    }),
    ("lockdown", |it| {
        kernel::lockdown(it.maybe("sys/kernel/security/lockdown").as_deref())
    }),
    ("memlock", |it| {
        it.judge("proc/self/limits", process::memlock)
    }),
    (SCHEDULER, |it| {
        let state = it.maybe("sys/kernel/sched_ext/state");
        let name = it.maybe("sys/kernel/sched_ext/root/ops");
        others::scheduler(state.as_deref(), name.as_deref(), it.pinned())
    }),
    ("cpus", |it| {
        it.judge("sys/devices/system/cpu/possible", others::cpus)
    }),
];

/// The probes, over a machine.
#[derive(Debug)]
pub struct Preflight {
    machine: Machine,
}

impl Default for Preflight {
    fn default() -> Self {
        Preflight::at("/")
    }
}

impl Preflight {
    /// Checks the machine whose `sys`, `proc`, `boot` and `lib` lie under `root`.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Preflight {
            machine: Machine::at(root),
        }
    }

    /// Looks at one thing after the other, the most telling first.
    pub fn findings(&self) -> impl Iterator<Item = Finding> {
        PROBES.iter().map(|(probe, look)| Finding {
            probe,
            verdict: look(&self.machine),
        })
    }

    /// Looks until something keeps the scheduler from loading, or with `pin` from
    /// taking over the one that is pinned.
    ///
    /// # Errors
    /// The first such finding: [`Error::Permission`] without the capabilities,
    /// [`Error::Unavailable`] for everything else.
    pub fn check(&self, pin: bool) -> Result<(), Error> {
        let takes_over = pin && self.machine.pinned();
        let mut findings = self
            .findings()
            .filter(|it| !(takes_over && it.probe == SCHEDULER));
        match findings.find_map(|it| it.verdict.error()) {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }
}
