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
use crate::vm::topology::Topology;
use crate::vm::{self, End, Output, VmSpec};

/// By the clock that counts instructions: an emulator's own costs are none of
/// the scheduler's, and would bend what is often and what is rare.
const MODE: &str = "vtime";
/// Two LLCs, so that the ways from one to the other run, too.
const TOPOLOGY: &str = "llc2";
const CPUS: u32 = 4;
const TIMEOUT: Duration = Duration::from_secs(1200);

/// What a script printed between two lines that begin with `===`.
#[derive(Debug, PartialEq, Eq)]
pub struct Section {
    /// The word after the first of them.
    pub name: String,
    /// The lines between them.
    pub text: String,
}

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
        systemd: false,
        dmesg: None,
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

fn sections(output: &str) -> Vec<Section> {
    let mut sections: Vec<Section> = Vec::new();
    let mut open = false;
    for line in output.lines().map(str::trim_end) {
        match line.strip_prefix("===").map(str::trim) {
            Some("") => open = false,
            Some(name) => {
                sections.push(Section {
                    name: name.to_owned(),
                    text: String::new(),
                });
                open = true;
            }
            None => {
                if let Some(section) = sections.last_mut().filter(|_| open) {
                    section.text += line;
                    section.text.push('\n');
                }
            }
        }
    }
    sections
}

#[cfg(test)]
mod tests {
    use super::{Section, sections};

    #[test]
    fn sections_are_what_lies_between_marks() {
        let found =
            sections("ok: x\r\n=== plain\r\nf 1\r\ng 2\r\n===\r\nok: y\r\n=== other\nf 3\n===\n");
        let section = |name: &str, text: &str| Section {
            name: name.into(),
            text: text.into(),
        };
        assert_eq!(
            found,
            [section("plain", "f 1\ng 2\n"), section("other", "f 3\n")]
        );
    }
}
