// SPDX-License-Identifier: GPL-2.0-only
//! Test VMs: what one is ([`VmSpec`]), booting it ([`run`]), how it ended ([`Outcome`]).

pub mod accel;
mod cpio;
pub mod freeze;
pub mod initramfs;
pub mod kernel;
mod libs;
mod process;
pub mod qemu;
pub mod sections;
pub mod systemd;
pub mod topology;
mod vtime;

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::cli::VmArgs;
use crate::interrupt;
use crate::setup;
use accel::Accel;
use initramfs::GuestFile;
use kernel::Kernel;
use topology::Topology;

pub use process::Output;

/// One VM: the machine, the kernel, and what runs in it.
#[derive(Clone, Debug)]
pub struct VmSpec {
    /// What boots.
    pub kernel: Kernel,
    /// The CPUs and their caches and nodes.
    pub topology: Topology,
    /// What runs the guest's instructions, and its clock.
    pub accel: Accel,
    /// Memory in MiB.
    pub mem_mib: u64,
    /// Wall-clock time until the VM is killed.
    pub timeout: Duration,
    /// Seconds for which it stops when its script asks for that, above 0.
    pub freeze_s: u32,
    /// Whether systemd is the guest's first program.
    pub systemd: bool,
    /// Files of the host for the guest, besides the base archive's.
    pub files: Vec<GuestFile>,
    /// Environment of the script.
    pub env: Vec<(String, String)>,
    /// What the guest's `/bin/sh` (busybox) runs.
    pub script: String,
    /// Where the kernel log goes when the script has ended.
    pub dmesg: Option<PathBuf>,
    /// Where to write how often the kernel's code was executed (`tools/vm/vtime/profile.c`);
    /// only the virtual clock can tell.
    pub profile: Option<PathBuf>,
    /// How often to boot again when the VM itself died.
    pub retries: u32,
}

/// How a VM ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The script ended with this status.
    Exited(u8),
    /// The time-out passed first.
    TimedOut,
    /// The VM did not come up, or died before the script had ended.
    Died,
    /// Ctrl-C.
    Interrupted,
}

impl End {
    /// The exit status that stands for this end, `timeout`'s where there is one.
    pub fn status(self) -> u8 {
        match self {
            Self::Exited(status) => status,
            Self::TimedOut => 124,
            Self::Died => 125,
            Self::Interrupted => interrupt::EXIT_STATUS,
        }
    }
}

/// What a VM left behind.
#[derive(Debug)]
pub struct Outcome {
    /// How it ended.
    pub end: End,
    /// What the script printed to both of its outputs, where that was captured.
    pub output: Vec<u8>,
    /// What the console and QEMU said last; empty when the script ended.
    pub tail: String,
    /// Wall-clock time from QEMU's start to its end, of the last boot.
    pub wall: Duration,
}

/// Boots a VM, runs its script and waits for its end; boots again when the VM
/// itself died, as often as the specification allows.
///
/// # Errors
/// When something that the VM needs is missing, or QEMU cannot be started.
pub fn run(spec: &VmSpec, output: Output) -> Result<Outcome> {
    let mut retries = spec.retries;
    loop {
        let outcome = process::boot(spec, output)?;
        if outcome.end != End::Died || retries == 0 {
            return Ok(outcome);
        }
        retries -= 1;
        eprintln!(
            "xtask: the VM died (kernel {}); booting again",
            spec.kernel.name
        );
    }
}

/// `cargo xtask vm`: one VM with its output on the terminal. Returns the exit status.
///
/// # Errors
/// As [`run`], and when the arguments contradict each other.
pub fn command(args: VmArgs) -> Result<u8> {
    let topology = Topology::new(&args.topo, args.cpus)?;
    let accel = if args.accel.is_some() {
        Accel::Kvm
    } else {
        Accel::Tcg(args.mode)
    };
    setup::for_vm()?;
    let spec = VmSpec {
        kernel: Kernel::resolve(&args.kernel)?,
        topology,
        accel,
        mem_mib: args.mem,
        timeout: Duration::from_secs(args.timeout),
        freeze_s: freeze::USUAL_S,
        systemd: args.systemd,
        files: args.files,
        env: args.env,
        script: args.script.join(" "),
        dmesg: args.dmesg,
        profile: None,
        retries: args.retry,
    };
    if spec.kernel.config.is_none() {
        eprintln!(
            "xtask: no config for {}; libbpf wants one to load schedulers",
            spec.kernel.name
        );
    }
    let outcome = run(&spec, Output::Stream)?;
    match outcome.end {
        End::TimedOut => eprintln!(
            "xtask: time-out after {} s; the VM said last:\n{}",
            args.timeout, outcome.tail
        ),
        End::Died => eprintln!(
            "xtask: the VM did not come up, or died; it said last:\n{}",
            outcome.tail
        ),
        End::Exited(_) | End::Interrupted => {}
    }
    Ok(outcome.end.status())
}

/// A number that stands for a text in names of cached files. Another release of
/// Rust may give another number, which costs no more than making the file anew.
fn hash(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

/// Memory in MiB from `2G` or `512M`.
///
/// # Errors
/// When `text` is neither, or too little for Linux to boot in.
pub fn parse_mem(text: &str) -> Result<u64> {
    let (number, mib) = match text.split_at_checked(text.len().saturating_sub(1)) {
        Some((number, "G")) => (number, 1024),
        Some((number, "M")) => (number, 1),
        _ => bail!("memory is given in M or G: 512M, 2G"),
    };
    let number: u64 = number
        .parse()
        .context("memory is given in M or G: 512M, 2G")?;
    let size = number.saturating_mul(mib);
    if size < 256 {
        bail!("the guest does not boot in less than 256M");
    }
    Ok(size)
}

/// A variable and its value from `NAME=VALUE`.
///
/// # Errors
/// When `text` has no `=` or the name is no name of a shell variable.
pub fn parse_env(text: &str) -> Result<(String, String)> {
    let (name, value) = text
        .split_once('=')
        .context("a variable is set by NAME=VALUE")?;
    let part = |c: char| c == '_' || c.is_ascii_alphanumeric();
    if name.is_empty() || !name.chars().all(part) || name.starts_with(|c: char| c.is_ascii_digit())
    {
        bail!("{name:?} is no name of a variable");
    }
    Ok((name.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::{parse_env, parse_mem};

    #[test]
    fn memory_has_a_unit() {
        assert_eq!(parse_mem("2G").unwrap(), 2048);
        assert_eq!(parse_mem("512M").unwrap(), 512);
        for wrong in ["", "G", "2", "2T", "64M", "-1G", "é"] {
            assert!(parse_mem(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_variable_has_a_name() {
        assert_eq!(parse_env("A=b=c").unwrap(), ("A".into(), "b=c".into()));
        for wrong in ["A", "=b", "1A=b", "A B=c"] {
            assert!(parse_env(wrong).is_err(), "{wrong}");
        }
    }
}
