// SPDX-License-Identifier: GPL-2.0-only
//! The QEMU on this machine, and the part of its command line that all VMs share.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::cmd;
use crate::paths;

/// Kernel parameters: a console for warnings and worse, death instead of a hang
/// after a panic, nothing that measures time against a clock the host may stop, and no
/// tests of ciphers, which are a fifth of a boot.
const KERNEL_PARAMETERS: &str = "console=ttyS0 loglevel=5 panic=-1 mitigations=off nokaslr no5lvl \
    cryptomgr.notests nmi_watchdog=0 nowatchdog tsc=reliable no_timer_check rcupdate.rcu_cpu_stall_suppress=1 audit=0 \
    random.trust_cpu=on";

/// A version of QEMU, without its third part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(u32, u32);

impl Version {
    /// The first two numbers of a version, with or without Debian's epoch.
    pub fn parse(text: &str) -> Option<Self> {
        let upstream = text.split_once(':').map_or(text, |(_, upstream)| upstream);
        let mut numbers = upstream
            .split(|c: char| !c.is_ascii_digit())
            .map(str::parse);
        Some(Self(numbers.next()?.ok()?, numbers.next()?.ok()?))
    }

    /// Whether this QEMU can run the plugin: 9.1 brought the calls that it
    /// makes, 11 a plugin interface that it does not know.
    pub fn has_virtual_clock(self) -> bool {
        (Self(9, 1)..Self(11, 0)).contains(&self)
    }
}

/// A QEMU that starts.
pub struct Qemu {
    program: PathBuf,
    /// The folder that it was unpacked into, when the system did not install it.
    unpacked: Option<PathBuf>,
    version: Version,
}

impl Qemu {
    /// The fetched QEMU in the cache, or else the system's.
    ///
    /// # Errors
    /// When there is none, or it does not start.
    pub fn find() -> Result<Self> {
        let fetched = paths::cache()?.join("qemu");
        if fetched.exists() {
            return Self::in_folder(&fetched);
        }
        let program = cmd::find("qemu-system-x86_64")
            .context("no qemu-system-x86_64: run `cargo xtask setup`")?;
        Self::new(program, None)
    }

    /// The QEMU of Debian's packages unpacked in `folder`.
    ///
    /// # Errors
    /// When it does not start.
    pub fn in_folder(folder: &Path) -> Result<Self> {
        Self::new(
            folder.join("usr/bin/qemu-system-x86_64"),
            Some(folder.into()),
        )
    }

    fn new(program: PathBuf, unpacked: Option<PathBuf>) -> Result<Self> {
        let said = cmd::output(Command::new(&program).arg("--version"))?;
        let version = said
            .split_once("version ")
            .and_then(|(_, version)| Version::parse(version));
        let version =
            version.with_context(|| format!("{}: what version is {said:?}?", program.display()))?;
        Ok(Self {
            program,
            unpacked,
            version,
        })
    }

    /// Its version.
    pub fn version(&self) -> Version {
        self.version
    }

    /// The start of a command line: a PC without devices, which ends with the
    /// guest, and with xtask should that be killed.
    pub fn command(&self) -> Command {
        let mut command = Command::new("setpriv");
        command
            .args(["--pdeathsig", "KILL", "--"])
            .arg(&self.program);
        if let Some(folder) = &self.unpacked {
            for data in ["usr/share/qemu", "usr/share/seabios"] {
                command.arg("-L").arg(folder.join(data));
            }
            // The system's modules are of another version.
            command.env("QEMU_MODULE_DIR", folder.join("none"));
        }
        command.args([
            "-nodefaults",
            "-no-user-config",
            "-no-reboot",
            "-display",
            "none",
            "-monitor",
            "none",
        ]);
        command.args([
            "-machine",
            "q35,usb=off,vmport=off,graphics=off,hpet=on",
            "-rtc",
            "clock=vm",
        ]);
        command.args([
            "-append",
            KERNEL_PARAMETERS,
            "-device",
            "virtio-serial-pci,max_ports=8",
        ]);
        command
    }
}

/// Adds a virtio-serial port that the guest knows as `vm.NAME` and that writes
/// to `file`.
pub fn add_port(command: &mut Command, name: &str, file: &Path) {
    command
        .arg("-chardev")
        .arg(format!("file,id={name},path={}", file.display()));
    command
        .arg("-device")
        .arg(format!("virtserialport,chardev={name},name=vm.{name}"));
}

#[cfg(test)]
mod tests {
    use super::Version;

    #[test]
    fn versions_of_debian_and_of_qemu() {
        assert_eq!(
            Version::parse("1:10.0.2+ds-2+deb13u1~bpo12+1"),
            Some(Version(10, 0))
        );
        assert_eq!(
            Version::parse("7.2.22 (Debian 1:7.2+dfsg-7+deb12u18)"),
            Some(Version(7, 2))
        );
        assert_eq!(Version::parse("unknown"), None);
        let can = |text: &str| Version::parse(text).unwrap().has_virtual_clock();
        assert!(can("9.1.0") && can("10.2.1"));
        assert!(!can("9.0.2") && !can("11.0.0") && !can("7.2.22"));
    }
}
