// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask bench`: scx_hallows beside other schedulers, in VMs whose clock
//! does not depend on this machine. `scx_hallows bench` measures, judges and writes
//! the reports; the lab builds the others, boots, and puts the rounds together.

mod guest;
mod index;
pub mod machine;
pub mod peers;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use hallows_load::suite::{Scale, TESTS};

use crate::cli::BenchArgs;
use crate::interrupt;
use crate::list;
use crate::paths;
use crate::run::build;
use crate::setup;
use crate::{cmd, vm};
use machine::Shape;
use peers::{PEERS, Peer};
use vm::initramfs::GuestFile;
use vm::kernel::Kernel;

/// What the guest has of the release build.
const PROGRAM: &str = "scx_hallows";

/// Measures on each machine under each kernel. Returns the exit status: 1 if a
/// round failed.
///
/// # Errors
/// When something that it needs is missing, or a report can't be written.
pub fn command(args: &BenchArgs) -> Result<u8> {
    if args.list {
        let tests = TESTS.iter().map(|it| (it.name.into(), it.about.into()));
        let peers = PEERS.iter().map(|it| (it.name.into(), it.version.into()));
        list::print(26, tests.chain(peers))?;
        return Ok(0);
    }
    setup::for_build()?;
    setup::for_vm()?;
    let kernels = args.kernel.iter().map(|name| Kernel::resolve(name));
    let kernels: Vec<Kernel> = kernels.collect::<Result<_>>()?;
    build::release()?;
    let stage = tempfile::tempdir().context("cannot make a temporary folder")?;
    let lab = Lab::new(args, stage.path())?;
    let mut failed = 0;
    for (name, kernel) in args.kernel.iter().zip(&kernels) {
        for shape in &args.topo {
            // What fails on one machine may not on the next.
            failed += lab.measure(name, kernel, shape).unwrap_or_else(|error| {
                eprintln!("lab: {}: {error:#}", shape.folder(name));
                1
            });
            if interrupt::seen() {
                return Ok(interrupt::EXIT_STATUS);
            }
        }
    }
    Ok(u8::from(failed > 0))
}

struct Lab<'a> {
    program: PathBuf,
    /// For the guest.
    files: Vec<GuestFile>,
    /// Of `scx_hallows bench`, in the guest.
    arguments: Vec<String>,
    rounds: u32,
    out: PathBuf,
    /// The command of all this, and the commit.
    origin: String,
    /// Where the reports of single rounds are.
    stage: &'a Path,
}

impl Lab<'_> {
    fn new<'a>(args: &'a BenchArgs, stage: &'a Path) -> Result<Lab<'a>> {
        // A copy, so that all rounds are of the same build.
        let built = paths::target()?.join("release").join(PROGRAM);
        let program = stage.join(PROGRAM);
        fs::copy(&built, &program).with_context(|| format!("cannot copy {}", built.display()))?;
        let peers = args.peers();
        let mut files = vec![GuestFile {
            host: program.clone(),
            guest: format!("vm/bin/{PROGRAM}"),
        }];
        for peer in &peers {
            // The report has the path, and so the version.
            files.push(GuestFile {
                host: peer.ensure(stage)?,
                guest: format!("vm/peers/{}-{}/{}", peer.name, peer.version, peer.name),
            });
        }
        Ok(Lab {
            program,
            files,
            arguments: arguments(args, &peers),
            rounds: args.rounds,
            out: match (&args.out, args.only.is_empty()) {
                (Some(out), _) => out.clone(),
                (None, true) => paths::root().join("docs/bench"),
                (None, false) => paths::target()?.join("bench"),
            },
            origin: origin()?,
            stage,
        })
    }

    /// All rounds on one machine; after each, the report of those that there are.
    /// Returns how many failed.
    fn measure(&self, name: &str, kernel: &Kernel, shape: &Shape) -> Result<usize> {
        let machine = shape.folder(name);
        let (mut reports, mut failed, mut table) = (Vec::new(), 0, String::new());
        for round in 1..=self.rounds {
            let (rounds, start) = (self.rounds, Instant::now());
            eprintln!("lab: {machine}, round {round} of {rounds} begins");
            let found = match guest::round(kernel, shape, &self.files, &self.arguments) {
                Ok(Some(text)) => text,
                Ok(None) => break,
                Err(error) => {
                    eprintln!("lab: {machine}, round {round} failed: {error:#}");
                    failed += 1;
                    continue;
                }
            };
            let file = self.stage.join(format!("{machine}-{round}.json"));
            fs::write(&file, found).with_context(|| format!("cannot write {}", file.display()))?;
            reports.push(file);
            table = self.sum(&reports, &self.out.join(&machine))?;
            let seconds = start.elapsed().as_secs();
            eprintln!("lab: {machine}, round {round} of {rounds}: {seconds} s");
        }
        if reports.is_empty() && !interrupt::seen() {
            bail!("no round came to its end");
        }
        print!("{table}");
        Ok(failed)
    }

    /// Writes the report of all `reports` into `out`, and returns it as a table.
    fn sum(&self, reports: &[PathBuf], out: &Path) -> Result<String> {
        let mut sum = Command::new(&self.program);
        sum.args(["bench", "--out"])
            .arg(out)
            .arg("--sum")
            .args(reports);
        let table = cmd::output(&mut sum)?;
        fs::write(out.join(index::ORIGIN), &self.origin).context("cannot write what was run")?;
        index::write(&self.out)?;
        Ok(table)
    }
}

/// The command line that runs this, and the commit that it is of.
fn origin() -> Result<String> {
    let words: Vec<String> = env::args().skip(1).collect();
    let git =
        |words: &[&str]| cmd::output(Command::new("git").args(words).current_dir(paths::root()));
    let changed = match git(&["status", "--porcelain", "--untracked-files=no"])?.is_empty() {
        true => "",
        false => ", and changes since",
    };
    let commit = git(&["rev-parse", "--short=12", "HEAD"])?;
    Ok(format!(
        "`cargo xtask {}` of commit {}{changed}\n",
        words.join(" "),
        commit.trim()
    ))
}

/// Those of `scx_hallows bench` that say what to measure.
fn arguments(args: &BenchArgs, peers: &[&Peer]) -> Vec<String> {
    let mut arguments = Vec::new();
    match args.scale {
        Scale::Quick => arguments.push("--quick".to_owned()),
        Scale::Normal => {}
        Scale::Full => arguments.push("--full".to_owned()),
    }
    let names: Vec<&str> = peers.iter().map(|peer| peer.name).collect();
    let lists = [
        ("--against", names.join(",")),
        ("--only", args.only.join(",")),
    ];
    for (flag, list) in lists.into_iter().filter(|(_, list)| !list.is_empty()) {
        arguments.extend([flag.to_owned(), list]);
    }
    arguments
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::{Cli, Task};

    fn parsed(words: &[&str]) -> Option<BenchArgs> {
        let line = ["xtask", "bench"].iter().chain(words);
        match Cli::try_parse_from(line).ok()?.task {
            Task::Bench(args) => Some(args),
            _ => None,
        }
    }

    #[test]
    fn by_default_everything_is_measured_everywhere() {
        let args = parsed(&[]).unwrap();
        assert_eq!((args.kernel.len(), args.topo.len(), args.rounds), (2, 3, 7));
        assert_eq!(args.peers().len(), PEERS.len());
        let told = arguments(&args, &args.peers());
        assert_eq!(told[0], "--against");
        assert!(told[1].starts_with("scx_bpfland,") && told.len() == 2);
    }

    #[test]
    fn what_was_asked_for_reaches_the_guest() {
        let words = [
            "--against",
            "scx_lavd,scx_flash",
            "--only",
            "fork,idle",
            "--scale",
            "full",
        ];
        let args = parsed(&words).unwrap();
        let told = arguments(&args, &args.peers());
        assert_eq!(
            told,
            [
                "--full",
                "--against",
                "scx_flash,scx_lavd",
                "--only",
                "fork,idle"
            ]
        );
        let none = parsed(&["--against", "none", "--scale", "normal"]).unwrap();
        assert!(arguments(&none, &none.peers()).is_empty());
    }

    #[test]
    fn nonsense_is_refused() {
        for words in [
            ["--against", "scx_nothing"],
            ["--only", "nothing"],
            ["--topo", "round:4"],
            ["--rounds", "0"],
        ] {
            assert!(parsed(&words).is_none(), "{words:?}");
        }
    }
}
