// SPDX-License-Identifier: GPL-2.0-only
//! The report of a pinned scheduler that the kernel ejected while it had no agent. What
//! it knew is in its pinned maps; its parameters, its latest cells and who held CPUs went
//! with the agent.

use std::mem::MaybeUninit;
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::Report;
use super::dump::kernel_dump;
use super::history::History;
use crate::adopt::{Pinned, open};
use crate::cli::Options;
use crate::pins::Claim;
use crate::stats::{Metrics, Snapshot, Totals};

/// Writes the report of the scheduler of `claim` into `folder`, and returns the file.
/// `reason` is the kernel's; its dump has room for `exit_dump_len` bytes.
///
/// # Errors
/// The pins are incomplete, or the file can't be written.
pub fn report(
    claim: &Claim,
    options: &Options,
    exit_dump_len: u32,
    reason: &str,
    folder: &Path,
) -> Result<PathBuf> {
    let mut object = MaybeUninit::uninit();
    let pinned = open(options, exit_dump_len, &mut object, false, claim)?;
    let Pinned {
        memory,
        roster,
        map,
        ..
    } = &pinned;
    let snapshot = Snapshot {
        totals: Totals::counted(memory, roster.cpus()),
        ..Snapshot::default()
    };
    Report {
        reason,
        map,
        params: None,
        history: &History::default(),
        held: &[],
        metrics: &Metrics::between(&Snapshot::default(), &snapshot),
        dump: &kernel_dump(),
    }
    .keep(folder)
}
