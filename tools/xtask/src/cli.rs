// SPDX-License-Identifier: GPL-2.0-only
//! The command line, and the help texts that go with it.

mod measure;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

pub use measure::{BenchArgs, CostArgs, DistArgs, PgoArgs, TcArgs};

use crate::vm::accel::Mode;
use crate::vm::initramfs::GuestFile;

/// Tasks of scx_hallows's repository: set up this machine, show the scheduler, test it
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    pub task: Task,
}

#[derive(Debug, Subcommand)]
pub enum Task {
    Setup(SetupArgs),
    Run(RunArgs),
    Vm(VmArgs),
    Test(TestArgs),
    Soak(SoakArgs),
    Mutants(MutantsArgs),
    Bench(BenchArgs),
    Pgo(PgoArgs),
    Dist(DistArgs),
    Tc(TcArgs),
    Cost(CostArgs),
    /// Print who writes which cache line of the BPF half's memory, by the tags in its
    /// source; exit with 1 if two owners share one
    Owners,
    /// Build scx_hallows, and install it with its systemd unit, manual and completions
    Install(InstallArgs),
    Package(PackageArgs),
    /// Remove what `install` put there
    Uninstall(InstallArgs),
}

/// Install what is missing: packages, kernels and QEMU for the test VMs
///
/// Packages are installed with apt (as root, or through sudo); on a system
/// without apt, or without root, their names are printed instead. Kernels 6.16,
/// 6.18 and the newest 7.x come from the Debian mirror in the system's own apt
/// sources and stay in the cache, as does a QEMU that can run the virtual clock
/// (9.1 to 10.x) where the system has none. What is there already is kept.
#[derive(Args, Debug)]
#[command(after_help = SETUP_HELP)]
pub struct SetupArgs {
    /// Change nothing: say what is missing, and exit 1 if anything is
    #[arg(long)]
    pub check: bool,
}

const SETUP_HELP: &str = "\
Environment:
  HALLOWS_CACHE      the cache's folder [default: ~/.cache/scx_hallows]
  HALLOWS_VM_MIRROR  the Debian mirror for kernels and QEMU, where the system's
                     apt sources name none: http://HOST/debian
  BPF_CLANG          the clang that compiles BPF [default: clang-22, or else the
                     newest of 19 and above]";

/// See scx_hallows schedule a real kernel under a real load
///
/// Sets up what is missing, builds, and shows: on this machine where its kernel
/// has sched_ext (6.16 or newer), with sudo when not root, else in a VM of 4
/// emulated CPUs with Linux 6.18. A load of CPU hogs, hackbench and periodic
/// tasks runs under the default scheduler, then under scx_hallows, whose
/// statistics are shown by the second, and a summary ends it. In a VM, the same
/// load follows by a virtual clock, whose figures hardly depend on this machine.
#[derive(Args, Debug)]
#[command(after_help = RUN_HELP)]
pub struct RunArgs {
    /// Show it in a VM even if this machine's kernel has sched_ext
    #[arg(long)]
    pub vm: bool,

    /// How long to show scx_hallows, in seconds
    #[arg(long, value_name = "S", default_value_t = 30, value_parser = clap::value_parser!(u32).range(5..=3600))]
    pub seconds: u32,
}

const RUN_HELP: &str = "\
Ctrl-C ends it at any moment, with a summary of what was seen until then: what
was loaded is unloaded, what was started is stopped.

Exit status: 0 after a whole show, 1 when something failed, 130 after Ctrl-C.";

/// Boot a kernel in QEMU and run a shell script in it
///
/// Prints what the script prints and exits with its exit status. The guest is
/// an initramfs with busybox, hackbench, cyclictest, stress-ng, taskset, chrt
/// and the files named here; it has no disk and no network. What is missing on
/// this machine is set up first.
#[derive(Args, Debug)]
#[command(after_help = VM_HELP)]
pub struct VmArgs {
    /// Kernel: a series, or a file
    ///
    /// A series (6.18, or 7 for the newest 7.x) means its newest kernel in the
    /// cache, fetched if there is none. A file (a path with a slash) is a
    /// vmlinuz or an ELF vmlinux; its configuration is looked for as
    /// config-RELEASE beside it and in /boot.
    #[arg(long, value_name = "SERIES|FILE", default_value = "6.18")]
    pub kernel: String,

    /// Guest CPUs [default: 4, or as many as `--topo smp:...` says]
    #[arg(long, value_name = "N")]
    pub cpus: Option<u32>,

    /// How the CPUs hang together
    ///
    /// flat: one LLC. llc2, llc4: that many LLCs on one node. smt2: two
    /// hardware threads a core. numa2: two nodes of one LLC each. Combined:
    /// llc2smt2, numa2llc2 (two LLCs on each node), numa2smt2. Anything else as
    /// QEMU's own -smp string: smp:8,sockets=1,dies=2,cores=4.
    #[arg(
        long,
        value_name = "NAME",
        default_value = "flat",
        verbatim_doc_comment
    )]
    pub topo: String,

    /// The guest's clock and host threads
    ///
    /// mttcg: a host thread a guest CPU, real clock.
    /// rr: one host thread for all, real clock; about 20 % slower, and safe with
    ///   kernels 7.x, which QEMU can crash under mttcg when they patch their code.
    /// `vtime[:MHZ[:QUANTUM_US]]`: a virtual clock that counts instructions (1000
    ///   MHz, 20 us), so that figures do not depend on the host's load; slow,
    ///   needs QEMU 9.1 to 10.x.
    #[arg(long, default_value = "mttcg", verbatim_doc_comment)]
    pub mode: Mode,

    /// Let the host's CPUs run the guest instead of emulating them
    #[arg(long, value_name = "ACCEL", value_parser = ["kvm"], conflicts_with = "mode")]
    pub accel: Option<String>,

    /// Guest memory, in M or G
    #[arg(long, value_name = "SIZE", default_value = "2G", value_parser = crate::vm::parse_mem)]
    pub mem: u64,

    /// Wall-clock seconds until the VM is killed and the exit status is 124
    #[arg(long, value_name = "S", default_value_t = 300)]
    pub timeout: u64,

    /// Put a file or folder into the guest; may be repeated
    ///
    /// Without GUEST it goes to /vm/bin, which is in the PATH. The shared
    /// libraries that a program needs go along.
    #[arg(long, value_name = "HOST[:GUEST]")]
    pub files: Vec<GuestFile>,

    /// Let systemd be the guest's first program, which runs the script as a service
    ///
    /// It is this machine's own, with its journal and without D-Bus.
    #[arg(long)]
    pub systemd: bool,

    /// Set an environment variable of the script; may be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = crate::vm::parse_env)]
    pub env: Vec<(String, String)>,

    /// Write the guest's kernel log to this file when the script has ended
    #[arg(long, value_name = "FILE")]
    pub dmesg: Option<PathBuf>,

    /// Boot again, at most N times, when the VM itself died
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub retry: u32,

    /// What the guest runs, in busybox's sh
    #[arg(last = true, required = true, value_name = "SCRIPT")]
    pub script: Vec<String>,
}

const VM_HELP: &str = "\
Exit status: the script's own; 124 after --timeout, with the end of the console;
125 when the VM could not be started or died (a kernel panic, say); 130 after
Ctrl-C; 2 for a wrong command line.

Examples:
  cargo xtask vm -- 'uname -r; nproc'
  cargo xtask vm --kernel 6.16 --cpus 8 --topo numa2llc2 --files target/release/scx_hallows \\
      -- 'scx_hallows & sleep 3; hackbench -g 10; kill -INT $!; wait'";

/// Run every test: formatting, lints, documentation, unit tests, VM scenarios
///
/// Prints a line for each test as it ends, the whole output of those that
/// failed, and as the last line how many passed and failed. Exits 1 if any
/// failed. What is missing on this machine is set up first.
#[derive(Args, Debug)]
#[command(after_help = TEST_HELP)]
pub struct TestArgs {
    /// Print the names of the tests that would run, and run none
    #[arg(long)]
    pub list: bool,

    /// Run only the tests whose name contains this
    #[arg(long, value_name = "TEXT")]
    pub filter: Option<String>,

    /// Host cores to fill with VMs [default: all]
    ///
    /// A VM takes one, in mode mttcg as many as it has CPUs.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub jobs: Option<u32>,

    /// Print the output of VM scenarios that passed, too
    #[arg(short, long)]
    pub verbose: bool,

    /// Leave out the tests that need a VM
    #[arg(long)]
    pub skip_vm: bool,

    /// Run VM scenarios on this kernel only
    ///
    /// A series (6.18) selects the scenarios that name it; with a file, every
    /// scenario runs, once, on that kernel.
    #[arg(long, value_name = "SERIES|FILE", conflicts_with = "skip_vm")]
    pub kernel: Option<String>,
}

const TEST_HELP: &str = "\
A VM scenario is a file tests/vm/NAME.sh, which the guest runs; it passes when it
exits 0. Comments at its head say how to boot; a list makes a run of each:
  # what: one line                   # cpus: 4
  # kernels: 6.16 6.18 7             # topo: flat llc2       [default: flat]
  # timeout: 120  (wall seconds)     # mode: rr|mttcg|vtime  [default: rr]
  # init: systemd                    # mem: 2G               [default: 2G]
  # install: files (what `cargo xtask install` installs, in its place)
  # install: packages (those of `cargo xtask package`, as /vm/scx_hallows.deb and .rpm)
  # install: dist (the program of `cargo xtask dist`, and one that falls back)
The guest has /vm/lib.sh (tests/vm/lib.sh) and the release binaries in its PATH.
When it prints the line `vm: freeze`, as freeze of lib.sh does, its machine stops and
goes on after so many seconds: # freeze: 60 [default: 10]";

/// Disturb the scheduler for long, on every kernel and kind of machine
///
/// The scenario tests/vm/soak.sh on kernels 6.16, 6.18 and the newest 7.x, each
/// flat, with two LLCs, two nodes, and SMT: forks, messages, changes of weights,
/// masks, nice levels and CPUs, the freezer, memory, real-time hogs, an agent that
/// is stopped, overwritten and killed, all at once. Prints what each boot counted,
/// and a table of it; exits 1 if anything went wrong.
#[derive(Args, Debug)]
pub struct SoakArgs {
    /// Minutes of guest time, of all boots together
    ///
    /// By the real clock, or that of --mode.
    #[arg(long, value_name = "M", default_value_t = 3, value_parser = clap::value_parser!(u64).range(3..=1440))]
    pub minutes: u64,

    /// The guests' clock, as in `cargo xtask vm`
    ///
    /// By the real one, mttcg, a minute is a minute, but an emulated CPU that waits
    /// for a core of the host looks like one that makes tasks wait. By the virtual
    /// one a minute of four busy CPUs takes ten or more.
    #[arg(long, value_name = "MODE", default_value = "mttcg")]
    pub mode: Mode,

    /// File for the table, instead of the terminal
    #[arg(long, value_name = "FILE")]
    pub table: Option<PathBuf>,

    /// Host cores to fill with VMs [default: all]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub jobs: Option<u32>,
}

/// Test the tests: take mechanisms out of the scheduler, see scenarios fail
///
/// For each mutant in tests/mutants.toml: builds scx_hallows with the mutant's
/// edits in a copy of the checkout, and runs the VM scenarios that must fail
/// then. A line for each pair says that it was caught, with the scenario's
/// reason, or that it SURVIVED; the last line counts them. Exits 1 if any
/// survived or could not be tested. What is missing on this machine is set up
/// first.
#[derive(Args, Debug)]
#[command(after_help = MUTANTS_HELP)]
pub struct MutantsArgs {
    /// Print the names of the pairs that would run, and run none
    #[arg(long)]
    pub list: bool,

    /// Run only the pairs whose name, MUTANT vm/SCENARIO..., contains this
    #[arg(long, value_name = "TEXT")]
    pub filter: Option<String>,

    /// Host cores to fill with VMs [default: all]
    ///
    /// One more builds the next mutant meanwhile.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub jobs: Option<u32>,
}

const MUTANTS_HELP: &str = "\
A failure only tells of a mutant where `cargo xtask test` passes without it.
All mutants take more than an hour on two cores.

Examples:
  cargo xtask mutants --list
  cargo xtask mutants --filter vm/oracle     what must fail that scenario
  cargo xtask mutants --filter 'mask '       one mutant";

/// Where `cargo xtask install` puts things, and `uninstall` looks for them
///
/// The program, its systemd unit, manual pages and shell completions go below
/// PREFIX; the configuration goes to /etc/scx_hallows/config.toml, and one that is
/// there stays. `uninstall` leaves a configuration that was changed, and reports of
/// ejections. Without --destdir, copying and removing need root: sudo is asked.
#[derive(Args, Debug)]
pub struct InstallArgs {
    /// Where the program is to run from
    #[arg(long, value_name = "DIR", default_value = "/usr/local", value_parser = crate::install::absolute)]
    pub prefix: PathBuf,

    /// Put everything below this folder, for a package, instead of /
    #[arg(long, value_name = "DIR")]
    pub destdir: Option<PathBuf>,
}

/// Make a .deb and a .rpm of the release build, in target/packages
///
/// What they hold and ask for is in Cargo.toml; their makers, cargo-deb and
/// cargo-generate-rpm, are installed into the cache where there are none.
#[derive(Args, Debug)]
pub struct PackageArgs {
    /// Only the .deb, unless --rpm is given, too
    #[arg(long)]
    pub deb: bool,

    /// Only the .rpm, unless --deb is given, too
    #[arg(long)]
    pub rpm: bool,
}
