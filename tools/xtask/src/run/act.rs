// SPDX-License-Identifier: GPL-2.0-only
//! The acts of the show: `tools/vm/demo.sh` with its turns, here or in a VM.

use std::env;
use std::fs;
use std::io::{self, IsTerminal};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::cmd;
use crate::paths;
use crate::setup;
use crate::vm::kernel::Kernel;
use crate::vm::qemu::Qemu;

/// The kernel of the VM, as a series.
const SERIES: &str = "6.18";
/// CPUs of the VM.
const CPUS: &str = "4";

/// The default scheduler's turn before that of scx_hallows, s.
const BEFORE_S: u32 = 5;
/// Turns by the virtual clock: three of each in a row tell the noise apart from
/// the difference. A second of that clock takes ten on a host of two cores.
const COMPARISON: [&str; 6] = [
    "default:1",
    "hallows:1",
    "default:1",
    "hallows:1",
    "default:1",
    "hallows:1",
];

/// What booting and loading usually take, wall-clock seconds.
const BOOT_S: u32 = 30;
/// What they may take on a slow machine.
const BOOT_MAX_S: u32 = 180;
/// Wall-clock seconds for the comparison.
const COMPARISON_S: u32 = 600;

/// Which clock figures are of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// This machine's.
    Machine,
    /// This machine's, while it emulates another.
    Emulator,
    /// The emulated machine's own, which counts instructions.
    Virtual,
}

/// One run of the script.
pub struct Act {
    /// What happens and how long it takes, for the user.
    pub what: String,
    /// Which clock its figures are of.
    pub clock: Clock,
    /// Whether the statistics are shown as they come.
    pub live: bool,
    /// What runs; ends when its standard input does, or on SIGTERM.
    pub command: Command,
}

/// The show on this machine.
///
/// # Errors
/// When something that it needs cannot be set up.
pub fn here(seconds: u32) -> Result<Vec<Act>> {
    if cmd::find("hackbench").is_none() {
        setup::for_vm()?;
    }
    let root = fs::metadata("/proc/self")
        .context("/proc is not mounted")?
        .uid()
        == 0;
    let mut command = Command::new(if root { "env" } else { "sudo" });
    if !root && !io::stdin().is_terminal() {
        command.arg("-n");
    }
    command.arg("sh").arg(script()).arg("--leash");
    command.arg("--bin").arg(programs()?).args(turns(seconds));
    let sudo = if root {
        ""
    } else {
        "; sudo may ask for your password"
    };
    Ok(vec![Act {
        what: format!(
            "the show, {} s: a load on all CPUs of this machine, first under the default\n\
             scheduler, then under scx_hallows; Ctrl-C ends it{sudo}",
            BEFORE_S + seconds
        ),
        clock: Clock::Machine,
        live: true,
        command,
    }])
}

/// The show in a VM by the real clock, and a comparison by the virtual one
/// where QEMU has that.
///
/// # Errors
/// When something that the VM needs cannot be set up.
pub fn in_vm(seconds: u32) -> Result<Vec<Act>> {
    setup::for_vm()?;
    let kernel = Kernel::resolve(SERIES)?;
    let show = Act {
        what: format!(
            "the show, about {} s: {CPUS} emulated CPUs boot Linux {},\n\
             a load runs under its default scheduler, then under scx_hallows; Ctrl-C ends it",
            BEFORE_S + seconds + BOOT_S,
            kernel.name
        ),
        clock: Clock::Emulator,
        live: true,
        command: vm("mttcg", &kernel, BOOT_MAX_S + seconds, &turns(seconds))?,
    };
    let mut acts = vec![show];
    if Qemu::find()?.version().has_virtual_clock() {
        acts.push(Act {
            what: "the comparison, about two minutes: the same VM and load by a virtual clock, which counts\n\
                   instructions, so that this machine hardly matters; Ctrl-C leaves it out"
                .into(),
            clock: Clock::Virtual,
            live: false,
            command: vm(
                "vtime",
                &kernel,
                COMPARISON_S,
                &COMPARISON.map(str::to_owned),
            )?,
        });
    }
    Ok(acts)
}

fn turns(seconds: u32) -> [String; 2] {
    [format!("default:{BEFORE_S}"), format!("hallows:{seconds}")]
}

fn script() -> PathBuf {
    paths::root().join("tools/vm/demo.sh")
}

fn programs() -> Result<PathBuf> {
    Ok(paths::target()?.join("release"))
}

/// `cargo xtask vm` in a process group of its own: Ctrl-C is this process's
/// matter, which then ends the VM in good order. Should this process be killed,
/// the VM ends as well.
fn vm(mode: &str, kernel: &Kernel, timeout_s: u32, turns: &[String]) -> Result<Command> {
    let programs = programs()?;
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "TERM", "--"]).process_group(0);
    command.arg(env::current_exe().context("cannot find xtask's own file")?);
    command.args(["vm", "--cpus", CPUS, "--retry", "1", "--mode", mode]);
    command.arg("--kernel").arg(&kernel.image);
    command.args(["--timeout", &timeout_s.to_string()]);
    for program in ["scx_hallows", "hallows-load"] {
        command.arg("--files").arg(programs.join(program));
    }
    command
        .arg("--files")
        .arg(format!("{}:vm/demo.sh", script().display()));
    command
        .arg("--")
        .arg(format!("sh /vm/demo.sh {}", turns.join(" ")));
    Ok(command)
}
