// SPDX-License-Identifier: GPL-2.0-only
//! One round: a boot in which each scheduler is measured once.

use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::machine::Shape;
use crate::vm::accel::{Accel, Mode};
use crate::vm::initramfs::GuestFile;
use crate::vm::kernel::Kernel;
use crate::vm::sections::sections;
use crate::vm::{self, End, Output, VmSpec};

const SCRIPT: &str = include_str!("../../../vm/lab.sh");

/// By this clock figures hardly depend on what else this machine does.
const MODE: Mode = Mode::Vtime {
    mhz: 1000,
    quantum_us: 20,
};

/// Of a round, by this machine's clock, which the guest's is far slower than.
const TIMEOUT: Duration = Duration::from_secs(4 * 3600);

/// Boots, measures, and returns the text of `report.json`; `None` after Ctrl-C.
/// `arguments` are `scx_hallows bench`'s.
///
/// # Errors
/// When the VM dies, or the benchmark fails in it.
pub fn round(
    kernel: &Kernel,
    shape: &Shape,
    files: &[GuestFile],
    arguments: &[String],
) -> Result<Option<String>> {
    let spec = VmSpec {
        kernel: kernel.clone(),
        topology: shape.0.clone(),
        accel: Accel::Tcg(MODE),
        mem_mib: 2048,
        timeout: TIMEOUT,
        files: files.to_vec(),
        env: vec![("ARGUMENTS".into(), arguments.join(" "))],
        script: SCRIPT.into(),
        freeze_s: vm::freeze::USUAL_S,
        systemd: false,
        dmesg: None,
        profile: None,
        retries: 1,
    };
    let outcome = vm::run(&spec, Output::Capture)?;
    let output = String::from_utf8_lossy(&outcome.output);
    match outcome.end {
        End::Interrupted => Ok(None),
        End::Exited(0) => Ok(Some(report(&output)?)),
        end => {
            let said = output.lines().last().unwrap_or_default();
            bail!("{end:?}: {said}\n{}", outcome.tail)
        }
    }
}

/// The report among what the guest printed.
fn report(output: &str) -> Result<String> {
    let mut sections = sections(output).into_iter();
    let section = sections.find(|section| section.name == "report");
    Ok(section.context("the guest printed no report")?.text)
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;
    use std::process::Command;

    use super::{SCRIPT, report};

    /// The guest's script, with a program of these lines in scx_hallows's place:
    /// its exit status, and what it prints.
    fn ran(program: &str) -> (Option<i32>, String) {
        let bin = tempfile::tempdir().unwrap();
        let file = bin.path().join("scx_hallows");
        fs::write(&file, format!("#!/bin/sh\n{program}")).unwrap();
        fs::set_permissions(&file, Permissions::from_mode(0o755)).unwrap();
        let path = format!("{}:/usr/bin:/bin", bin.path().display());
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", SCRIPT]).env("PATH", path);
        let done = shell
            .env("TMPDIR", bin.path())
            .env("ARGUMENTS", "--quick --only idle,fork")
            .output()
            .unwrap();
        (done.status.code(), String::from_utf8(done.stdout).unwrap())
    }

    #[test]
    fn the_guest_hands_its_report_over() {
        let (status, output) = ran(
            "[ \"$*\" = \"bench --noisy-ok --rounds 1 --out $6 --quick --only idle,fork\" ] || exit 9\n\
             echo '{\n  \"tests\": []\n}' >\"$6/report.json\"\n\
             echo no luck >\"$6/scx_x.log\"\n",
        );
        assert_eq!(status, Some(0), "{output}");
        assert!(
            output.starts_with("scx_x.log ends with: no luck\n"),
            "{output}"
        );
        assert_eq!(report(&output).unwrap(), "{\n  \"tests\": []\n}\n");
    }

    #[test]
    fn a_benchmark_that_fails_says_why() {
        let (status, output) = ran("echo too bad >&2\nexit 69\n");
        assert_eq!((status, output.as_str()), (Some(69), "too bad\n"));
        assert!(report(&output).is_err());
    }
}
