// SPDX-License-Identifier: GPL-2.0-only
//! `scribble`: garbage in the memory that the agent of scx_hallows writes.

use std::fmt;
use std::time::Duration;

use anyhow::{Context, Result};
use libbpf_rs::btf::{Btf, types};
use libbpf_rs::query::{ProgInfoIter, ProgInfoQueryOptions};
use libbpf_rs::{MapCore, MapFlags, MapHandle};
use serde::Serialize;

use crate::report::Report;
use crate::run::Run;
use crate::sys::{self, SharedWords};
use crate::team::run_team;

/// A program of the scheduler, by which its memory is found, as far as the kernel
/// keeps its name.
const PROGRAM: &str = "hallows_dispatc";
/// What the agent writes in `.bss`, and in `.data`.
const BSS: [&str; 2] = ["signals", "agent_word"];
const DATA: [&str; 1] = ["tunables"];
/// Words of `struct signal`, of which the second is when it expires.
const SIGNAL_WORDS: usize = 8;
const EXPIRY: usize = 1;
/// Time between two rounds.
const PAUSE_NS: u64 = 500_000;

/// Write garbage over what the agent of scx_hallows tells its BPF half, again and
/// again: signals, tunables, homes. Half of the signals stay as fresh as the agent
/// made them. As root.
#[derive(clap::Args)]
pub struct Args {
    /// How long, such as 5s or 500ms.
    #[arg(long = "for", default_value = "2s", value_parser = humantime::parse_duration)]
    duration: Duration,
}

/// What `scribble` did.
#[derive(Debug, Serialize)]
pub struct ScribbleReport {
    load: &'static str,
    /// How often everything was overwritten.
    rounds: u64,
    /// Words of signals and tunables that were.
    words: u64,
    /// Homes that were.
    homes: u64,
}

impl Report for ScribbleReport {}

impl fmt::Display for ScribbleReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "garbage in {} words and {} homes, in {} rounds",
            self.words, self.homes, self.rounds
        )
    }
}

/// Runs the load.
///
/// # Errors
/// scx_hallows does not run, or its memory can't be mapped.
pub fn run(args: &Args) -> Result<ScribbleReport> {
    let target = Target::find()?;
    let run = Run::prepare()?;
    let watch = |_: &[libc::pid_t]| {
        run.wait();
        Ok(())
    };
    let work = |_| scribble(&run, &target);
    let ((), reports) = run_team(&run, 1, args.duration, |_| Ok(()), work, watch)?;
    reports.into_iter().next().context("nobody scribbled")
}

fn scribble(run: &Run, target: &Target) -> ScribbleReport {
    let mut report = ScribbleReport {
        load: "scribble",
        rounds: 0,
        words: 0,
        homes: 0,
    };
    while !run.over() {
        for array in &target.arrays {
            report.words += array.scribble();
        }
        report.homes += scribble_homes(&target.homes);
        report.rounds += 1;
        sys::sleep_until(sys::now_ns() + PAUSE_NS);
    }
    report
}

/// The memory of a running scheduler.
struct Target {
    arrays: Vec<Array>,
    homes: MapHandle,
}

/// A variable in a section.
struct Array {
    section: SharedWords,
    words: std::ops::Range<usize>,
    is_signals: bool,
}

impl Target {
    fn find() -> Result<Target> {
        let options = ProgInfoQueryOptions::default().include_map_ids(true);
        let program = ProgInfoIter::with_query_opts(options)
            .find(|program| program.name.to_string_lossy() == PROGRAM)
            .context("scx_hallows does not run: start it first")?;
        let btf = Btf::from_prog_id(program.id).context("read the types of its program")?;
        let mut arrays = Vec::new();
        let mut homes = None;
        for id in program.map_ids {
            let map = MapHandle::from_map_id(id).with_context(|| format!("open map {id}"))?;
            let name = map.name().to_string_lossy().into_owned();
            match name.rsplit('.').next() {
                Some("bss") => arrays.extend(arrays_in(&map, &btf, ".bss", &BSS)?),
                Some("data") => arrays.extend(arrays_in(&map, &btf, ".data", &DATA)?),
                Some("homes") => homes = Some(map),
                _ => {}
            }
        }
        anyhow::ensure!(
            arrays.len() == BSS.len() + DATA.len(),
            "its memory is not laid out as it should be"
        );
        let homes = homes.context("it has no map of homes")?;
        Ok(Target { arrays, homes })
    }
}

/// The variables `names` of a section, which `map` holds.
fn arrays_in(map: &MapHandle, btf: &Btf<'_>, section: &str, names: &[&str]) -> Result<Vec<Array>> {
    let types: types::DataSec<'_> = btf
        .type_by_name(section)
        .with_context(|| format!("it has no section {section}"))?;
    let mut arrays = Vec::new();
    for variable in types.iter() {
        let found: Option<types::Var<'_>> = btf.type_by_id(variable.ty);
        let name = found.and_then(|variable| variable.name().map(|name| name.to_os_string()));
        let Some(name) = names
            .iter()
            .find(|wanted| name.as_deref() == Some((*wanted).as_ref()))
        else {
            continue;
        };
        let words = SharedWords::map(map, map.value_size() as usize)
            .with_context(|| format!("map {section}"))?;
        let first = variable.offset as usize / 8;
        arrays.push(Array {
            section: words,
            words: first..first + variable.size.div_ceil(8),
            is_signals: *name == "signals",
        });
    }
    Ok(arrays)
}

impl Array {
    /// Overwrites it, and returns how many words that were.
    fn scribble(&self) -> u64 {
        for (at, word) in self.words.clone().enumerate() {
            let value = match self.is_signals {
                true => signal_word(at),
                false => Some(nasty()),
            };
            if let Some(value) = value {
                self.section.store(word, value);
            }
        }
        self.words.len() as u64
    }
}

/// Garbage for a word of the signals; `None` leaves it. With a sequence number
/// that is even, and the expiry that the agent wrote, a signal is obeyed.
fn signal_word(at: usize) -> Option<u64> {
    let is_obeyed = (at / SIGNAL_WORDS).is_multiple_of(2);
    match at % SIGNAL_WORDS {
        0 if is_obeyed => Some(fastrand::u64(..) & !1),
        EXPIRY if is_obeyed => None,
        _ => Some(nasty()),
    }
}

/// A number that somebody may have forgotten to bound.
fn nasty() -> u64 {
    match fastrand::u32(0..6) {
        0 => 0,
        1 => u64::MAX,
        2 => 1 << fastrand::u32(0..64),
        3 => fastrand::u64(..) >> fastrand::u32(0..64),
        _ => fastrand::u64(..),
    }
}

/// Gives each process that has a home another one, which may be none at all.
fn scribble_homes(homes: &MapHandle) -> u64 {
    let mut written = 0;
    for process in homes.keys() {
        // One that is gone meanwhile has no home to overwrite.
        let Ok(Some(mut home)) = homes.lookup(&process, MapFlags::ANY) else {
            continue;
        };
        // `expires_ns` stays.
        home[8..].fill_with(|| fastrand::u8(..));
        if fastrand::bool() {
            home[8..12].copy_from_slice(&fastrand::u32(0..8).to_ne_bytes());
        }
        written += u64::from(homes.update(&process, &home, MapFlags::EXIST).is_ok());
    }
    written
}
