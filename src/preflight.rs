// SPDX-License-Identifier: GPL-2.0-only
//! What must hold before anything is loaded, checked from sysfs and procfs.
//!
//! The kernel would refuse too, but with an errno from the depths of libbpf;
//! each check here says in one line what is missing and what to do.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::agent::place::MAX_CPUS;
use crate::exit::Error;

/// Bits of `CapEff`, from `linux/capability.h`.
const CAP_SYS_ADMIN: u32 = 21;
const CAP_PERFMON: u32 = 38;
const CAP_BPF: u32 = 39;

/// The checks, over a tree of `/sys` and `/proc`.
#[derive(Debug)]
pub struct Preflight {
    root: PathBuf,
}

impl Default for Preflight {
    fn default() -> Self {
        Preflight::at("/")
    }
}

impl Preflight {
    /// Checks the machine whose `sys` and `proc` lie under `root`.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Preflight { root: root.into() }
    }

    /// Runs every check, the most telling first.
    ///
    /// # Errors
    /// The first check that fails: [`Error::Permission`] without the
    /// capabilities, [`Error::Unavailable`] for everything else.
    pub fn check(&self) -> Result<(), Error> {
        self.sched_ext()?;
        self.capabilities()?;
        self.btf()?;
        self.no_other_scheduler()?;
        self.cpu_ids()
    }

    fn sched_ext(&self) -> Result<(), Error> {
        if self.path("sys/kernel/sched_ext/state").exists() {
            return Ok(());
        }
        let release = fs::read_to_string(self.path("proc/sys/kernel/osrelease")).map_or_else(
            |_| String::new(),
            |release| format!(" ({})", release.trim()),
        );
        Err(Error::Unavailable(format!(
            "this kernel{release} has no sched_ext: \
             boot Linux 6.16 or newer, built with CONFIG_SCHED_CLASS_EXT=y"
        )))
    }

    /// Asks for the effective capabilities and not for the user id: a service
    /// may hold both without being root, and root in a container may lack them.
    fn capabilities(&self) -> Result<(), Error> {
        let status = self.read("proc/self/status")?;
        let effective = effective_capabilities(&status).ok_or_else(|| {
            Error::Unavailable("/proc/self/status has no CapEff: mount procfs on /proc".into())
        })?;
        let has = |capability: u32| effective & (1 << capability) != 0;
        // The kernel lets CAP_SYS_ADMIN stand for each of the two.
        let missing: Vec<&str> = [(CAP_BPF, "CAP_BPF"), (CAP_PERFMON, "CAP_PERFMON")]
            .into_iter()
            .filter(|&(capability, _)| !has(capability) && !has(CAP_SYS_ADMIN))
            .map(|(_, name)| name)
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        Err(Error::Permission(format!(
            "no permission to load a scheduler, {} missing: run it with sudo, \
             or grant CAP_BPF and CAP_PERFMON",
            missing.join(" and ")
        )))
    }

    fn btf(&self) -> Result<(), Error> {
        if self.path("sys/kernel/btf/vmlinux").exists() {
            return Ok(());
        }
        Err(Error::Unavailable(
            "the kernel has no type information at /sys/kernel/btf/vmlinux: \
             boot one built with CONFIG_DEBUG_INFO_BTF=y"
                .into(),
        ))
    }

    fn no_other_scheduler(&self) -> Result<(), Error> {
        let state = self.read("sys/kernel/sched_ext/state")?;
        match state.trim() {
            "disabled" => Ok(()),
            "disabling" => Err(Error::Unavailable(
                "another scheduler is just being unloaded: try again in a second".into(),
            )),
            _ => {
                // The name may vanish between the two reads.
                let name = fs::read_to_string(self.path("sys/kernel/sched_ext/root/ops"))
                    .map_or_else(|_| String::new(), |name| format!(", {},", name.trim()));
                Err(Error::Unavailable(format!(
                    "another scheduler{name} is loaded: \
                     end its process or stop its service (scx.service, scx_loader.service) first"
                )))
            }
        }
    }

    fn cpu_ids(&self) -> Result<(), Error> {
        let file = "sys/devices/system/cpu/possible";
        let list = self.read(file)?;
        let last = last_cpu(&list).ok_or_else(|| {
            Error::Unavailable(format!(
                "/{file} is no list of CPUs: '{}'; is sysfs mounted on /sys?",
                list.trim()
            ))
        })?;
        if last < MAX_CPUS {
            return Ok(());
        }
        Err(Error::Unavailable(format!(
            "CPU ids go up to {last} and scx_hallows handles {MAX_CPUS} CPUs: \
             boot with nr_cpus={MAX_CPUS}"
        )))
    }

    fn path(&self, relative: &str) -> PathBuf {
        self.root.join(relative)
    }

    fn read(&self, relative: &str) -> Result<String, Error> {
        let path = self.path(relative);
        fs::read_to_string(&path).map_err(|error| unreadable(&path, &error))
    }
}

fn unreadable(path: &Path, error: &io::Error) -> Error {
    Error::Unavailable(format!(
        "cannot read {}: {error}; are sysfs and procfs mounted?",
        path.display()
    ))
}

/// The bit mask on the line `CapEff:` of a `/proc/PID/status`.
fn effective_capabilities(status: &str) -> Option<u64> {
    let mask = status
        .lines()
        .find_map(|line| line.strip_prefix("CapEff:"))?;
    u64::from_str_radix(mask.trim(), 16).ok()
}

/// The highest id of a CPU list such as `0-3,8`.
fn last_cpu(list: &str) -> Option<usize> {
    list.trim().rsplit([',', '-']).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    const ALL_CAPABILITIES: u64 = (1 << 41) - 1;

    /// A tree of `/sys` and `/proc` on which every check passes, until a test breaks it.
    struct Machine {
        root: PathBuf,
    }

    impl Machine {
        fn new() -> Self {
            static COUNT: AtomicU32 = AtomicU32::new(0);
            let unique = COUNT.fetch_add(1, Ordering::Relaxed);
            let name = format!("hallows-preflight-{}-{unique}", std::process::id());
            let machine = Machine {
                root: std::env::temp_dir().join(name),
            };
            machine.write("sys/kernel/sched_ext/state", "disabled\n");
            machine.write("sys/kernel/btf/vmlinux", "");
            machine.write("sys/devices/system/cpu/possible", "0-1023\n");
            machine.write("proc/sys/kernel/osrelease", "6.1.0-test\n");
            machine.capabilities(ALL_CAPABILITIES);
            machine
        }

        fn write(&self, relative: &str, text: &str) {
            let path = self.root.join(relative);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }

        fn remove(&self, relative: &str) {
            fs::remove_file(self.root.join(relative)).unwrap();
        }

        fn capabilities(&self, effective: u64) {
            let status =
                format!("Name:\ttest\nCapPrm:\t0\nCapEff:\t{effective:016x}\nCapBnd:\t0\n");
            self.write("proc/self/status", &status);
        }

        fn check(&self) -> Result<(), Error> {
            Preflight::at(&self.root).check()
        }

        /// The text of the failure, which has to carry `code`.
        fn refusal(&self, code: u8) -> String {
            let error = self.check().unwrap_err();
            assert_eq!(error.code(), code, "{error}");
            error.to_string()
        }
    }

    impl Drop for Machine {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.root);
        }
    }

    #[test]
    fn a_fit_machine_passes() {
        assert_eq!(Machine::new().check(), Ok(()));
    }

    #[test]
    fn kernel_without_sched_ext() {
        let machine = Machine::new();
        machine.remove("sys/kernel/sched_ext/state");
        let text = machine.refusal(69);
        assert!(
            text.contains("(6.1.0-test) has no sched_ext: boot"),
            "{text}"
        );
    }

    #[test]
    fn no_sched_ext_is_told_before_missing_capabilities() {
        let machine = Machine::new();
        machine.remove("sys/kernel/sched_ext/state");
        machine.capabilities(0);
        machine.refusal(69);
    }

    #[test]
    fn missing_capabilities_are_named() {
        let machine = Machine::new();
        machine.capabilities(0);
        assert!(
            machine
                .refusal(77)
                .contains("CAP_BPF and CAP_PERFMON missing")
        );
        machine.capabilities(1 << CAP_BPF);
        assert!(machine.refusal(77).contains(", CAP_PERFMON missing"));
        machine.capabilities(1 << CAP_PERFMON);
        assert!(machine.refusal(77).contains(", CAP_BPF missing"));
    }

    #[test]
    fn two_capabilities_are_enough_and_sys_admin_stands_for_them() {
        let machine = Machine::new();
        machine.capabilities(1 << CAP_BPF | 1 << CAP_PERFMON);
        assert_eq!(machine.check(), Ok(()));
        machine.capabilities(1 << CAP_SYS_ADMIN);
        assert_eq!(machine.check(), Ok(()));
    }

    #[test]
    fn unreadable_capabilities_are_no_permission_to_go_on() {
        let machine = Machine::new();
        machine.write("proc/self/status", "Name:\ttest\n");
        assert!(machine.refusal(69).contains("CapEff"));
        machine.remove("proc/self/status");
        assert!(machine.refusal(69).contains("proc/self/status"));
    }

    #[test]
    fn kernel_without_btf() {
        let machine = Machine::new();
        machine.remove("sys/kernel/btf/vmlinux");
        assert!(machine.refusal(69).contains("CONFIG_DEBUG_INFO_BTF=y"));
    }

    #[test]
    fn another_scheduler_is_named() {
        let machine = Machine::new();
        machine.write("sys/kernel/sched_ext/state", "enabled\n");
        machine.write("sys/kernel/sched_ext/root/ops", "bpfland_1.1.4\n");
        let text = machine.refusal(69);
        assert!(
            text.starts_with("another scheduler, bpfland_1.1.4, is loaded"),
            "{text}"
        );
    }

    #[test]
    fn another_scheduler_without_a_name_or_on_its_way() {
        let machine = Machine::new();
        machine.write("sys/kernel/sched_ext/state", "enabling\n");
        assert!(
            machine
                .refusal(69)
                .starts_with("another scheduler is loaded")
        );
        machine.write("sys/kernel/sched_ext/state", "disabling\n");
        assert!(machine.refusal(69).contains("try again"));
    }

    #[test]
    fn cpu_ids_decide_and_not_their_number() {
        let machine = Machine::new();
        machine.write("sys/devices/system/cpu/possible", "0-3,1024\n");
        assert!(machine.refusal(69).contains("CPU ids go up to 1024"));
        machine.write("sys/devices/system/cpu/possible", "0\n");
        assert_eq!(machine.check(), Ok(()));
        machine.write("sys/devices/system/cpu/possible", "\n");
        assert!(machine.refusal(69).contains("no list of CPUs"));
    }
}
