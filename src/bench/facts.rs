// SPDX-License-Identifier: GPL-2.0-only
//! What machine it is.

use std::fs;

use serde::{Deserialize, Serialize};

use crate::agent::place::Map;

/// The machine, for whoever reads the report elsewhere.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// Release of the kernel.
    pub kernel: String,
    /// Name of the CPUs.
    pub cpu_model: String,
    /// CPUs that are online.
    pub cpus: usize,
    /// Last-level caches.
    pub llcs: usize,
    /// NUMA nodes.
    pub nodes: usize,
    /// Memory, MiB.
    pub memory_mib: u64,
    /// How the kernel chooses frequencies, empty if it does not.
    pub governor: String,
    /// Whether it is a virtual machine.
    pub virtual_machine: bool,
}

impl Facts {
    /// Those of this machine; what can't be read is empty.
    pub fn read(map: &Map) -> Facts {
        let text = |path: &str| {
            fs::read_to_string(path)
                .unwrap_or_default()
                .trim()
                .to_owned()
        };
        let cpuinfo = text("/proc/cpuinfo");
        Facts {
            kernel: text("/proc/sys/kernel/osrelease"),
            cpu_model: field(&cpuinfo, "model name").to_owned(),
            cpus: map.cells().len(),
            llcs: map.llcs().len(),
            nodes: map.nodes().len(),
            memory_mib: memory_mib(&text("/proc/meminfo")),
            governor: text("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
            virtual_machine: field(&cpuinfo, "flags")
                .split_whitespace()
                .any(|flag| flag == "hypervisor"),
        }
    }

    /// Each as a name and a value.
    pub fn lines(&self) -> Vec<(&'static str, String)> {
        let or_unknown = |text: &str| match text {
            "" => "unknown".to_owned(),
            text => text.to_owned(),
        };
        let what = if self.virtual_machine {
            "yes: caches and clock may not be what they seem"
        } else {
            "no"
        };
        vec![
            ("kernel", or_unknown(&self.kernel)),
            ("CPU", or_unknown(&self.cpu_model)),
            (
                "topology",
                format!(
                    "{} CPUs, {} LLCs, {} nodes",
                    self.cpus, self.llcs, self.nodes
                ),
            ),
            ("memory", format!("{} MiB", self.memory_mib)),
            ("frequency governor", or_unknown(&self.governor)),
            ("virtual machine", what.into()),
        ]
    }
}

/// The first value of a key of `/proc/cpuinfo`.
fn field<'a>(cpuinfo: &'a str, key: &str) -> &'a str {
    let of = |line: &'a str| {
        let (name, value) = line.split_once(':')?;
        (name.trim() == key).then_some(value.trim())
    };
    cpuinfo.lines().find_map(of).unwrap_or("")
}

fn memory_mib(meminfo: &str) -> u64 {
    let line = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"));
    let kib = line.and_then(|it| it.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or(0) / 1024
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_files_are_read() {
        let text = "processor\t: 0\nmodel name\t: Some CPU\nflags\t\t: fpu hypervisor\n";
        assert_eq!(field(text, "model name"), "Some CPU");
        assert_eq!(field(text, "flags"), "fpu hypervisor");
        assert_eq!(field(text, "bogomips"), "");
        assert_eq!(memory_mib("MemTotal:  2048000 kB\n"), 2000);
        assert_eq!(memory_mib(""), 0);
    }
}
