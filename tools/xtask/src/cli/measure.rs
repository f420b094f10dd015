// SPDX-License-Identifier: GPL-2.0-only
//! The commands that measure, and that build along what was measured.

use std::path::PathBuf;

use clap::Args;
use clap::builder::PossibleValuesParser;
use hallows_load::suite::{Scale, TESTS};

use crate::lab::machine::Shape;
use crate::lab::peers::{self, PEERS, Peer};

/// Measure scx_hallows beside EEVDF and other schedulers in VMs, into docs/bench
///
/// Runs `scx_hallows bench` by a virtual clock, a boot for each round, in which the
/// schedulers take turns and EEVDF has two: what it differs from itself by is no
/// difference. The others are built from their published crates, once, into the
/// cache. After each round there is a report of all rounds so far, and docs/bench
/// lists the machines. A scheduler that does not build, load or stay is a row.
#[derive(Args, Debug)]
#[command(after_help = BENCH_HELP)]
pub struct BenchArgs {
    /// Kernels, as `cargo xtask vm` names them
    #[arg(long, value_name = "SERIES|FILE", value_delimiter = ',', default_values = ["6.18", "7"])]
    pub kernel: Vec<String>,

    /// Topologies, as `cargo xtask vm` names them, with their CPUs
    #[arg(long, value_name = "NAME:CPUS", value_delimiter = ',', default_values = ["flat:4", "llc2:8", "numa2llc2:8"])]
    pub topo: Vec<Shape>,

    /// The other schedulers: all, none, or names (--list)
    #[arg(long, value_name = "NAMES", value_delimiter = ',', default_value = "all", value_parser = peer_names(), hide_possible_values = true)]
    pub against: Vec<String>,

    /// Boots on each machine, in each of which each scheduler is measured once
    #[arg(long, value_name = "N", default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub rounds: u32,

    /// Run only these tests (--list)
    #[arg(long, value_name = "ROWS", value_delimiter = ',', value_parser = test_names(), hide_possible_values = true)]
    pub only: Vec<String>,

    /// How long each test measures: half a second, two, or five
    #[arg(long, value_name = "quick|normal|full", default_value = "normal", value_parser = scale)]
    pub scale: Scale,

    /// Where the reports go [default: docs/bench of the checkout, or target/bench with --only]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,

    /// Print the tests, and the other schedulers with their versions; run nothing
    #[arg(long)]
    pub list: bool,
}

impl BenchArgs {
    /// The peers that were named, in the order of the list.
    pub fn peers(&self) -> Vec<&'static Peer> {
        peers::named(&self.against)
    }
}

fn peer_names() -> PossibleValuesParser {
    PossibleValuesParser::new(PEERS.iter().map(|it| it.name).chain(["all", "none"]))
}

fn test_names() -> PossibleValuesParser {
    PossibleValuesParser::new(TESTS.iter().map(|it| it.name))
}

fn scale(text: &str) -> Result<Scale, String> {
    match text {
        "quick" => Ok(Scale::Quick),
        "normal" => Ok(Scale::Normal),
        "full" => Ok(Scale::Full),
        _ => Err("scales are quick, normal and full".into()),
    }
}

const BENCH_HELP: &str = "\
The virtual clock is slow: a quick round of 21 tests under EEVDF, twice, and four others, on
4 CPUs, took 18 minutes on one core. By default it runs for days. Building the others for the
first time takes some minutes each. Ctrl-C keeps the rounds that were measured.

Examples:
  cargo xtask bench --kernel 6.18 --topo flat:4 --against scx_bpfland,scx_flash
  cargo xtask bench --kernel 6.18 --topo flat:4 --against none --only pipe-1,futex-1 --out /tmp/bench";

/// Build scx_hallows with its BPF half laid out along profiles
///
/// Builds it as it is and along the profiles in profiles/, which rarely taken
/// paths make way for (docs/layout.md), and boots kernels that load both. A
/// program that takes a kernel's verifier over 1.25 times as far as before and over
/// 10000 instructions, or over 200000, is left as it was; it fails where that is
/// not enough. Prints expected taken branches in a call before and after, by
/// function, and the path of the program. Installs clang-22 and llvm-22 where they
/// are missing.
#[derive(Args, Debug)]
pub struct PgoArgs {
    /// Take the profiles anew, on the first kernel, and write them to profiles/
    #[arg(long)]
    pub train: bool,

    /// Kernels that must load it, as `cargo xtask vm` names them; may be repeated
    #[arg(long, value_name = "SERIES|FILE", default_values = ["6.18", "6.16", "7"])]
    pub kernel: Vec<String>,
}

/// Build scx_hallows with both forms of its BPF half, for others to run
///
/// That is the one laid out along the profiles in profiles/, as `pgo` makes it, which is
/// loaded first, and the plain one for kernels that refuse that: `scx_hallows -V` and
/// statistics tell. Boots kernels that load both, and prints the path of the program.
#[derive(Args, Debug)]
pub struct DistArgs {
    /// Kernels that must load it, as `cargo xtask vm` names them; may be repeated
    #[arg(long, value_name = "SERIES|FILE", default_values = ["6.18", "6.16", "7"])]
    pub kernel: Vec<String>,
}

/// Count and time the scheduler's decisions on this machine's own kernel
///
/// Its source, as it is, in a program of tc's beside what stands in for sched_ext, built
/// with and without a profile and its code laid out: docs/layout.md. Trained on two mixes
/// of work and tested on a third. Counts are the same at every run; timing takes root:
/// sudo is asked.
#[derive(Args, Debug)]
pub struct TcArgs {
    /// Rounds in which each build is timed; 0: count only, without root
    #[arg(long, value_name = "N", default_value_t = 12, value_parser = clap::value_parser!(u32).range(0..=1000))]
    pub rounds: u32,

    /// The CPU that they are timed on
    #[arg(long, value_name = "CPU", default_value_t = 0)]
    pub cpu: u32,
}

/// Count what a context switch costs the kernel under scx_hallows and other schedulers
///
/// Boots a VM by the virtual clock for each scheduler and load, and counts the
/// instructions of the kernel and of BPF programs, by function, from the load's start
/// to its end. Prints what each program of the scheduler takes in a call, what all of
/// them take in a switch, and the schedulers side by side.
#[derive(Args, Debug)]
#[command(after_help = COST_HELP)]
pub struct CostArgs {
    /// The other schedulers: all, none, or names (`cargo xtask bench --list`)
    #[arg(long, value_name = "NAMES", value_delimiter = ',', default_value = "scx_bpfland", value_parser = peer_names(), hide_possible_values = true)]
    pub against: Vec<String>,

    /// The kernel, as `cargo xtask vm` names it
    #[arg(long, value_name = "SERIES|FILE", default_value = "6.18")]
    pub kernel: String,

    /// Its topology, as `cargo xtask vm` names it, with its CPUs
    #[arg(long, value_name = "NAME:CPUS", default_value = "flat:4")]
    pub topo: Shape,

    /// The loads: tests of `cargo xtask bench` (its --list)
    #[arg(long, value_name = "NAMES", value_delimiter = ',', default_values = ["messaging-thread-socket", "futex-n", "mixed"], value_parser = test_names(), hide_possible_values = true)]
    pub load: Vec<String>,

    /// How long each load runs: half a second, two, or five
    #[arg(long, value_name = "quick|normal|full", default_value = "quick", value_parser = scale)]
    pub scale: Scale,

    /// Print the N functions of the kernel that took most, too
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub symbols: usize,
}

const COST_HELP: &str = "\
A switch is one context switch of any CPU, be it from or to the idle task; a run is one
to a task. Schedulers compare by what all their BPF programs take in one of these: each
divides its work among callbacks in its own way. A BPF function that several programs call
is loaded once for each, and counted where it ran. Instructions are counted and not their
time: those that miss caches, or are locked, count like others. Two boots differ by up to 5 %
a switch: docs/cost.md.

Examples:
  cargo xtask cost
  cargo xtask cost --against none --load futex-n --symbols 40";
