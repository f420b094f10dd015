// SPDX-License-Identifier: GPL-2.0-only
//! systemd as the guest's first program: this machine's own, with the few of its
//! units that a boot without disk, network and logins takes.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::initramfs::GuestFile;
use crate::cmd;

/// Runs the rest of the guest's init, and the script with it.
pub const UNIT: &str = include_str!("../../../vm/vm.service");

/// Where the guest has [`UNIT`]; its init hands over to systemd when it is there.
pub const UNIT_PATH: &str = "etc/systemd/system/vm.service";

/// systemd's own programs in its folder, and whether each of its versions has it.
const OWN: [(&str, bool); 3] = [
    ("systemd", true),
    ("systemd-journald", true),
    ("systemd-executor", false),
];

/// What units and scripts call. busybox's kill asks for more of the kernel than a
/// hardened unit is granted.
const PROGRAMS: [(&str, &str); 3] = [
    ("systemctl", "usr/bin/systemctl"),
    ("journalctl", "usr/bin/journalctl"),
    ("kill", "bin/kill"),
];

const UNITS: [&str; 14] = [
    "basic.target",
    "sysinit.target",
    "multi-user.target",
    "sockets.target",
    "slices.target",
    "timers.target",
    "paths.target",
    "local-fs.target",
    "swap.target",
    "shutdown.target",
    "umount.target",
    "systemd-journald.service",
    "systemd-journald.socket",
    "systemd-journald-dev-log.socket",
];

/// Everything that the guest needs of the host's systemd.
///
/// # Errors
/// When this machine lacks a part of it.
pub fn files() -> Result<Vec<GuestFile>> {
    let folder = folder()?;
    let file = |host: PathBuf, guest: String| GuestFile { host, guest };
    let own = OWN.iter().filter_map(|&(name, always)| {
        let host = folder.join(name);
        (always || host.exists()).then(|| file(host, format!("usr/lib/systemd/{name}")))
    });
    let units = UNITS.iter().map(|name| {
        let guest = format!("usr/lib/systemd/system/{name}");
        file(folder.join("system").join(name), guest)
    });
    let mut files: Vec<_> = own.chain(units).collect();
    for (name, guest) in PROGRAMS {
        let host = cmd::find(name).with_context(|| format!("no {name} for the guest"))?;
        files.push(file(host, guest.to_owned()));
    }
    Ok(files)
}

/// systemd's folder on this machine.
fn folder() -> Result<PathBuf> {
    let known = ["/usr/lib/systemd", "/lib/systemd"];
    let folder = known
        .into_iter()
        .find(|at| Path::new(at).join("systemd").exists());
    folder
        .map(PathBuf::from)
        .context("no systemd for the guest: run `cargo xtask setup`")
}
