// SPDX-License-Identifier: GPL-2.0-only
//! Whether this machine can load scx_hallows, or why a VM must stand in.

use std::fs;
use std::path::Path;

use crate::cmd;

/// The oldest kernel that scx_hallows is tested on.
const OLDEST: (u32, u32) = (6, 16);

/// Bits of `CapEff`, from `linux/capability.h`.
const CAP_SYS_ADMIN: u32 = 21;
const CAP_BPF: u32 = 39;

/// Where the show takes place.
#[derive(Debug, PartialEq, Eq)]
pub enum Place {
    /// On this machine.
    Here,
    /// In a VM, and why.
    Vm(String),
}

/// What decides.
struct Machine {
    /// The kernel's release.
    release: String,
    /// `state` of sched_ext, `None` where the kernel has none.
    state: Option<String>,
    /// The kernel tells the types of its structs.
    btf: bool,
    /// What this process may do, as a bit mask; of root only.
    capabilities: Option<u64>,
    /// There is a sudo.
    sudo: bool,
}

impl Place {
    /// Looks at this machine.
    pub fn find() -> Self {
        Machine::look().objection().map_or(Self::Here, Self::Vm)
    }
}

impl Machine {
    fn look() -> Self {
        let read = |file: &str| fs::read_to_string(file).ok();
        let status = read("/proc/self/status").unwrap_or_default();
        Self {
            release: read("/proc/sys/kernel/osrelease").map_or_else(String::new, trimmed),
            state: read("/sys/kernel/sched_ext/state").map(trimmed),
            btf: Path::new("/sys/kernel/btf/vmlinux").exists(),
            capabilities: root_capabilities(&status),
            sudo: cmd::find("sudo").is_some(),
        }
    }

    fn objection(&self) -> Option<String> {
        let release = &self.release;
        let Some(state) = &self.state else {
            return Some(format!("this kernel, {release}, has no sched_ext"));
        };
        if version(release) < Some(OLDEST) {
            let (major, minor) = OLDEST;
            return Some(format!(
                "this kernel, {release}, is older than {major}.{minor}"
            ));
        }
        if !self.btf {
            return Some(format!(
                "this kernel, {release}, has no type information (BTF)"
            ));
        }
        if state != "disabled" {
            return Some("another sched_ext scheduler is loaded on this machine".into());
        }
        match self.capabilities {
            None if self.sudo => None,
            None => Some("loading a scheduler here takes root, and there is no sudo".into()),
            Some(mask) if mask & (1 << CAP_SYS_ADMIN | 1 << CAP_BPF) != 0 => None,
            Some(_) => Some("this root may load no scheduler, as in a container".into()),
        }
    }
}

fn trimmed(text: String) -> String {
    text.trim().to_owned()
}

fn version(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

/// The effective capabilities in a `/proc/PID/status`, where its user is root.
fn root_capabilities(status: &str) -> Option<u64> {
    let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name));
    // Real, effective, saved and file system user.
    let effective = field("Uid:")?.split_whitespace().nth(1)?;
    if effective != "0" {
        return None;
    }
    u64::from_str_radix(field("CapEff:")?.trim(), 16).ok()
}

#[cfg(test)]
mod tests {
    use super::{Machine, root_capabilities};

    const ALL: u64 = (1 << 41) - 1;

    fn fit() -> Machine {
        Machine {
            release: "6.18.3-arch1-1".into(),
            state: Some("disabled".into()),
            btf: true,
            capabilities: Some(ALL),
            sudo: false,
        }
    }

    #[test]
    fn a_fit_machine_needs_root_or_sudo() {
        assert_eq!(fit().objection(), None);
        let user = |sudo| Machine {
            capabilities: None,
            sudo,
            ..fit()
        };
        assert_eq!(user(true).objection(), None);
        assert!(user(false).objection().unwrap().contains("no sudo"));
        let container = Machine {
            capabilities: Some(0),
            ..fit()
        };
        assert!(container.objection().unwrap().contains("container"));
    }

    #[test]
    fn kernels_that_cannot_are_named() {
        let none = Machine {
            state: None,
            ..fit()
        };
        assert!(
            none.objection()
                .unwrap()
                .contains("6.18.3-arch1-1, has no sched_ext")
        );
        for (release, can) in [
            ("6.12.48+deb13-amd64", false),
            ("6.16.0", true),
            ("7.0.1", true),
        ] {
            let machine = Machine {
                release: release.into(),
                ..fit()
            };
            assert_eq!(machine.objection().is_none(), can, "{release}");
        }
        assert!(
            Machine {
                btf: false,
                ..fit()
            }
            .objection()
            .unwrap()
            .contains("BTF")
        );
        let taken = Machine {
            state: Some("enabled".into()),
            ..fit()
        };
        assert!(taken.objection().unwrap().contains("another"));
    }

    #[test]
    fn only_roots_capabilities_count() {
        let status = |uid: &str| format!("Name:\tx\nUid:\t{uid}\nCapEff:\t00000000000000ff\n");
        assert_eq!(root_capabilities(&status("0\t0\t0\t0")), Some(0xff));
        assert_eq!(root_capabilities(&status("1000\t1000\t1000\t1000")), None);
    }
}
