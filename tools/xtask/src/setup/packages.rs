// SPDX-License-Identifier: GPL-2.0-only
//! Which packages of Debian and Ubuntu the repository needs, and whether what
//! they bring is there. Looking for the thing and not for the package works on
//! other distributions too, and with programs that came some other way.

use std::collections::BTreeSet;
use std::process::{Command, Stdio};

use crate::cmd;

/// What a package is needed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Building the scheduler.
    Build,
    /// Booting VMs and filling them.
    Vm,
    /// Building along profiles.
    Profiles,
}

enum Brings {
    /// A program in the `PATH`.
    Program(&'static str),
    /// A library that pkg-config knows.
    Library(&'static str),
}

use Brings::{Library, Program};
use Need::{Build, Profiles, Vm};

const PACKAGES: [(Need, &str, Brings); 22] = [
    (Build, "build-essential", Program("make")),
    (Build, "build-essential", Program("cc")),
    (Build, "pkg-config", Program("pkg-config")),
    (Build, "libelf-dev", Library("libelf")),
    (Build, "zlib1g-dev", Library("zlib")),
    (Vm, "build-essential", Program("cc")),
    (Vm, "qemu-system-x86", Program("qemu-system-x86_64")),
    (Vm, "busybox-static", Program("busybox")),
    (Vm, "rt-tests", Program("hackbench")),
    (Vm, "rt-tests", Program("cyclictest")),
    (Vm, "stress-ng", Program("stress-ng")),
    (Vm, "mawk", Program("awk")),
    (Vm, "util-linux", Program("taskset")),
    (Vm, "util-linux", Program("setpriv")),
    // It brings no init: that would be systemd-sysv.
    (Vm, "systemd", Program("systemd-analyze")),
    (Vm, "procps", Program("kill")),
    (Vm, "dpkg", Program("dpkg-deb")),
    (Vm, "rpm", Program("rpm")),
    (Vm, "zstd", Program("zstd")),
    (Vm, "xz-utils", Program("xz")),
    (Profiles, "clang-22", Program("clang-22")),
    (Profiles, "llvm-22", Program("llvm-profdata-22")),
];

/// The packages that this machine lacks for any of `needs`, each once.
pub fn missing(needs: &[Need]) -> BTreeSet<&'static str> {
    PACKAGES
        .iter()
        .filter(|(need, _, brings)| needs.contains(need) && !is_there(brings))
        .map(|(_, package, _)| *package)
        .collect()
}

fn is_there(brings: &Brings) -> bool {
    match brings {
        Program(name) => cmd::find(name).is_some(),
        Library(name) => Command::new("pkg-config")
            .args(["--exists", name])
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success()),
    }
}
