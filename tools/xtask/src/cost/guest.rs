// SPDX-License-Identifier: GPL-2.0-only
//! One boot: a load under a scheduler, with everything counted that the kernel
//! executes meanwhile.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use hallows_load::suite::Scale;

use super::bill::Bill;
use super::profile;
use super::symbols::Symbols;
use crate::cli::CostArgs;
use crate::cmd;
use crate::vm::accel::{Accel, Mode};
use crate::vm::initramfs::GuestFile;
use crate::vm::kernel::Kernel;
use crate::vm::sections::sections;
use crate::vm::topology::Topology;
use crate::vm::{self, End, Output, VmSpec};

const SCRIPT: &str = include_str!("../../../vm/cost.sh");

/// The guest's program that sets the marks and lists BPF programs.
const HELPER: &str = include_str!("../../../vm/cost.c");

const MODE: Mode = Mode::Vtime {
    mhz: 1000,
    quantum_us: 20,
};

/// By this machine's clock.
const TIMEOUT: Duration = Duration::from_secs(3600);

/// What all boots share.
pub struct Guest {
    kernel: Kernel,
    topology: Topology,
    scale: Scale,
    files: Vec<GuestFile>,
    /// Where the counts are.
    profile: PathBuf,
}

impl Guest {
    /// As `args` say, with scx_hallows from `program`; what is made for it goes to `stage`.
    ///
    /// # Errors
    /// When its helper can't be compiled.
    pub fn new(kernel: Kernel, args: &CostArgs, program: &Path, stage: &Path) -> Result<Self> {
        Ok(Self {
            kernel,
            topology: args.topo.0.clone(),
            scale: args.scale,
            files: vec![
                file(program, "vm/bin/scx_hallows"),
                file(&helper(stage)?, "vm/bin/cost"),
            ],
            profile: stage.join("profile"),
        })
    }

    /// Boots, and counts. `None` after Ctrl-C.
    ///
    /// # Errors
    /// When the VM dies, the scheduler doesn't schedule to the end, or the load fails.
    pub fn count(&self, scheduler: &Path, load: &str) -> Result<Option<Bill>> {
        let at = "vm/scheduler";
        let spec = VmSpec {
            kernel: self.kernel.clone(),
            topology: self.topology.clone(),
            accel: Accel::Tcg(MODE),
            mem_mib: 2048,
            timeout: TIMEOUT,
            files: [self.files.as_slice(), &[file(scheduler, at)]].concat(),
            env: vec![
                ("LOAD".into(), load.into()),
                ("SCALE".into(), flag(self.scale).into()),
                ("SCHEDULER".into(), format!("/{at}")),
            ],
            script: SCRIPT.into(),
            freeze_s: vm::freeze::USUAL_S,
            systemd: false,
            dmesg: None,
            profile: Some(self.profile.clone()),
            retries: 1,
        };
        // What a boot that failed has left is not this one's.
        if self.profile.exists() {
            fs::remove_file(&self.profile).context("cannot remove what was counted")?;
        }
        let outcome = vm::run(&spec, Output::Capture)?;
        let output = String::from_utf8_lossy(&outcome.output);
        match outcome.end {
            End::Interrupted => Ok(None),
            End::Exited(0) => Ok(Some(bill(&self.counts()?, &output)?)),
            end => {
                let lines: Vec<&str> = output.lines().collect();
                let said = lines[lines.len().saturating_sub(6)..].join("\n");
                bail!("{end:?}: {said}\n{}", outcome.tail)
            }
        }
    }

    fn counts(&self) -> Result<String> {
        fs::read_to_string(&self.profile).context("the virtual clock counted nothing")
    }
}

fn bill(counts: &str, output: &str) -> Result<Bill> {
    let sections = sections(output);
    let text = |name: &str| {
        let section = sections.iter().find(|section| section.name == name);
        section
            .map(|it| it.text.as_str())
            .with_context(|| format!("the guest printed no {name}"))
    };
    let symbols = Symbols::parse(text("symbols")?)?;
    Bill::new(&profile::functions(counts, &symbols)?, text("programs")?)
}

/// What `scx_hallows bench` calls a scale.
fn flag(scale: Scale) -> &'static str {
    match scale {
        Scale::Quick => "--quick",
        Scale::Normal => "",
        Scale::Full => "--full",
    }
}

fn helper(stage: &Path) -> Result<PathBuf> {
    let (source, program) = (stage.join("cost.c"), stage.join("cost"));
    fs::write(&source, HELPER).context("cannot write the guest's helper")?;
    let mut cc = Command::new("cc");
    cc.args(["-O2", "-Wall", "-o"]).arg(&program).arg(&source);
    cmd::output(&mut cc)?;
    Ok(program)
}

fn file(host: &Path, guest: &str) -> GuestFile {
    GuestFile {
        host: host.into(),
        guest: guest.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::bill;

    #[test]
    fn counts_and_what_the_guest_prints_make_a_bill() {
        let output = "=== programs\r\n27 300\r\n=== symbols\r\n100 T __switch_to\r\n\
            300 t bpf_prog_0123456789abcdef_x_tick [bpf]\r\n===\r\n";
        let found = bill("100 5 2\n300 4 1\n", output).unwrap();
        assert_eq!((found.switches, found.programs.len()), (2, 1));
        assert!(bill("100 5 2\n", "=== symbols\n===\n").is_err());
    }
}
