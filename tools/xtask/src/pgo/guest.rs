// SPDX-License-Identifier: GPL-2.0-only
//! What runs in VMs: training, and the verifiers' verdict.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use hallows_prof::gate::{self, Walked};

use super::build::Workshop;
use super::read;
use crate::paths;
use crate::test::scenario;
use crate::vm::accel::{Accel, Mode};
use crate::vm::initramfs::GuestFile;
use crate::vm::kernel::Kernel;
use crate::vm::sections::{Section, sections};
use crate::vm::topology::Topology;
use crate::vm::{self, End, Output, VmSpec};

/// By the clock that counts instructions: an emulator's own costs are none of
/// the scheduler's, and would bend what is often and what is rare.
const MODE: &str = "vtime";
/// Two LLCs, so that the ways from one to the other run, too.
const TOPOLOGY: &str = "llc2";
const CPUS: u32 = 4;
const TIMEOUT: Duration = Duration::from_secs(1200);

/// Profiles of all workloads, by their names.
///
/// # Errors
/// When the VM or a workload fails.
pub fn train(workshop: &Workshop, kernel: &str) -> Result<Vec<Section>> {
    let files = [
        file(workshop.file("instrumented"), "vm/bin/scx_hallows"),
        file(workshop.release("hallows-load"), "vm/bin/hallows-load"),
        file(workshop.release("hallows-prof"), "vm/bin/hallows-prof"),
        file(workshop.profmap(), "vm/profmap"),
    ];
    run("train.sh", kernel, &files)
}

/// How far the kernel's verifier walks in the plain build and the optimised one.
///
/// # Errors
/// When the VM fails, or the kernel refuses one of them.
pub fn gate(workshop: &Workshop, kernel: &str) -> Result<(Walked, Walked)> {
    let builds = ["plain", "optimised"];
    let files = builds.map(|name| file(workshop.file(name), &format!("vm/{name}")));
    let sections = run("gate.sh", kernel, &files)?;
    let walked = |name: &str| {
        let section = sections.iter().find(|section| section.name == name);
        gate::parse(
            &section
                .with_context(|| format!("the guest printed no {name}"))?
                .text,
        )
    };
    Ok((walked("plain")?, walked("optimised")?))
}

fn file(host: PathBuf, guest: &str) -> GuestFile {
    GuestFile {
        host,
        guest: guest.to_owned(),
    }
}

/// Runs a script of `tools/vm` with these files beside lib.sh.
fn run(script: &str, kernel: &str, files: &[GuestFile]) -> Result<Vec<Section>> {
    let library = file(scenario::folder().join("lib.sh"), "vm/lib.sh");
    let mode: Mode = MODE.parse()?;
    let spec = VmSpec {
        kernel: Kernel::resolve(kernel)?,
        topology: Topology::new(TOPOLOGY, Some(CPUS))?,
        accel: Accel::Tcg(mode),
        mem_mib: 2048,
        timeout: TIMEOUT,
        files: files.iter().cloned().chain([library]).collect(),
        env: vec![("VM_MODE".into(), MODE.into())],
        script: read(&paths::root().join("tools/vm").join(script))?,
        freeze_s: vm::freeze::USUAL_S,
        systemd: false,
        dmesg: None,
        profile: None,
        retries: 2,
    };
    let outcome = vm::run(&spec, Output::Capture)?;
    let output = String::from_utf8_lossy(&outcome.output);
    if outcome.end != End::Exited(0) {
        let tail: Vec<&str> = output.lines().rev().take(20).collect();
        let said = tail.into_iter().rev().collect::<Vec<_>>().join("\n");
        bail!(
            "{script} on Linux {kernel}: {:?}\n{said}{}",
            outcome.end,
            outcome.tail
        );
    }
    Ok(sections(&output))
}
