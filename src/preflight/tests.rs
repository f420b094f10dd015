// SPDX-License-Identifier: GPL-2.0-only
//! The probes over fabricated machines.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use super::btf::testing::{Prototype, encode, good};
use super::*;

const ALL_CAPABILITIES: u64 = (1 << 41) - 1;

/// Trees of `/sys` and `/proc` on which every probe is content, until a test
/// breaks something.
struct Fake {
    root: PathBuf,
}

impl Fake {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let unique = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("hallows-preflight-{}-{unique}", std::process::id());
        let fake = Fake {
            root: std::env::temp_dir().join(name),
        };
        fake.write("sys/kernel/sched_ext/state", "disabled\n");
        fake.write("sys/devices/system/cpu/possible", "0-1023\n");
        fake.write("proc/sys/kernel/osrelease", "6.18.1-test\n");
        fake.write("proc/sys/kernel/ftrace_enabled", "1\n");
        fake.write(
            "proc/self/limits",
            "Max locked memory  65536  65536  bytes\n",
        );
        fake.functions(&good());
        fake.capabilities(ALL_CAPABILITIES);
        fake
    }

    fn write(&self, relative: &str, content: impl AsRef<[u8]>) {
        let path = self.root.join(relative);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    fn remove(&self, relative: &str) {
        fs::remove_file(self.root.join(relative)).unwrap();
    }

    fn capabilities(&self, effective: u64) {
        self.write("proc/self/status", format!("CapEff:\t{effective:016x}\n"));
    }

    fn functions(&self, functions: &[Prototype<'_>]) {
        self.write("sys/kernel/btf/vmlinux", encode(functions));
    }

    fn check(&self) -> Result<(), Error> {
        Preflight::at(&self.root).check(false)
    }

    /// The text of the failure, which has to carry `code`.
    fn refusal(&self, code: u8) -> String {
        let error = self.check().unwrap_err();
        assert_eq!(error.code(), code, "{error}");
        error.to_string()
    }

    /// What one probe says.
    fn verdict(&self, probe: &str) -> Verdict {
        let preflight = Preflight::at(&self.root);
        let found = preflight.findings().find(|it| it.probe == probe);
        found.unwrap().verdict
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.root);
    }
}

#[test]
fn a_fit_machine_passes() {
    let fake = Fake::new();
    assert_eq!(fake.check(), Ok(()));
    for finding in Preflight::at(&fake.root).findings() {
        assert_eq!(finding.verdict.word(), "ok", "{finding:?}");
    }
}

#[test]
fn a_kernel_without_sched_ext() {
    let fake = Fake::new();
    fake.remove("sys/kernel/sched_ext/state");
    let text = fake.refusal(69);
    assert!(
        text.contains("(6.18.1-test) has no sched_ext: boot"),
        "{text}"
    );
    // Whose other findings make sense all the same.
    assert_eq!(fake.verdict("scheduler").word(), "ok");
    fake.write("boot/config-6.18.1-test", "CONFIG_SCHED_CLASS_EXT=y\n");
    assert!(fake.refusal(69).contains("mount sysfs"));
}

#[test]
fn a_packed_configuration_is_read() {
    let fake = Fake::new();
    fake.remove("sys/kernel/sched_ext/state");
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut packer, b"CONFIG_SCHED_CLASS_EXT=y\n").unwrap();
    fake.write("proc/config.gz", packer.finish().unwrap());
    assert!(fake.refusal(69).contains("by /proc/config.gz"));
}

#[test]
fn no_sched_ext_is_told_before_missing_capabilities() {
    let fake = Fake::new();
    fake.remove("sys/kernel/sched_ext/state");
    fake.capabilities(0);
    fake.refusal(69);
    fake.write("sys/kernel/sched_ext/state", "disabled\n");
    assert!(fake.refusal(77).contains("run it with sudo"));
}

#[test]
fn an_old_kernel_is_only_warned_of() {
    let fake = Fake::new();
    fake.write("proc/sys/kernel/osrelease", "6.12.1-lts\n");
    assert_eq!(fake.verdict("kernel").word(), "warning");
    assert_eq!(fake.check(), Ok(()));
}

#[test]
fn unreadable_capabilities_are_no_permission_to_go_on() {
    let fake = Fake::new();
    fake.write("proc/self/status", "Name:\ttest\n");
    assert!(fake.refusal(69).contains("CapEff"));
    fake.remove("proc/self/status");
    assert!(fake.refusal(69).contains("proc/self/status"));
}

#[test]
fn a_kernel_without_btf_or_with_rubbish_for_it() {
    let fake = Fake::new();
    for rubbish in ["", "neither ELF nor BTF, but longer than a header of it"] {
        fake.write("sys/kernel/btf/vmlinux", rubbish);
        assert!(fake.refusal(69).contains("type information"));
    }
    fake.remove("sys/kernel/btf/vmlinux");
    assert!(fake.refusal(69).contains("CONFIG_DEBUG_INFO_BTF=y"));
    assert_eq!(fake.verdict("kfuncs").word(), "warning");
}

#[test]
fn missing_functions_are_named_by_their_newest_name() {
    let fake = Fake::new();
    let mut functions = good();
    functions.retain(|(name, _)| *name != "scx_bpf_dsq_insert");
    fake.functions(&functions);
    assert!(
        fake.refusal(69)
            .contains("the kernel lacks scx_bpf_dsq_insert:")
    );
    functions.push(("scx_bpf_dispatch", &["p"]));
    fake.functions(&functions);
    assert_eq!(fake.check(), Ok(()));
}

#[test]
fn the_fault_of_old_pahole_is_known() {
    let fake = Fake::new();
    let mut functions = good();
    for (name, parameters) in &mut functions {
        if name.ends_with("kick_cpu") {
            *parameters = &["cpu", "flags", "aux"];
        }
    }
    // Where it belongs.
    functions.push(("scx_bpf_kick_cpu_impl", &["cpu", "flags", "aux"]));
    fake.functions(&functions);
    let text = fake.refusal(69);
    assert!(
        text.contains("pahole before 1.26 makes it: scx_bpf_kick_cpu:"),
        "{text}"
    );
}

#[test]
fn a_pinned_one_is_no_hindrance_to_who_takes_it_over() {
    let fake = Fake::new();
    fake.write("sys/kernel/sched_ext/state", "enabled\n");
    fake.write("sys/kernel/sched_ext/root/ops", "hallows_0.1.0\n");
    let preflight = Preflight::at(&fake.root);
    assert!(preflight.check(true).is_err());
    fake.write("sys/fs/bpf/scx_hallows/00000000/link", "");
    assert_eq!(preflight.check(true), Ok(()));
    assert!(fake.refusal(69).contains("take it over with --pin"));
    // Pins may be left of one that the kernel ejected.
    fake.write("sys/kernel/sched_ext/root/ops", "bpfland_1.1.4\n");
    let refusal = preflight.check(true).unwrap_err();
    assert!(refusal.to_string().contains("another scheduler, bpfland"));
    assert_eq!(refusal.code(), 69);
    fake.capabilities(0);
    assert_eq!(preflight.check(true).unwrap_err().code(), 77);
}

#[test]
fn what_else_keeps_it_from_loading() {
    for (file, content, told) in [
        (
            "sys/kernel/sched_ext/state",
            "enabled\n",
            "another scheduler",
        ),
        (
            "sys/kernel/security/lockdown",
            "none integrity [confidentiality]\n",
            "locked down",
        ),
        (
            "sys/devices/system/cpu/possible",
            "0-3,1024\n",
            "CPU ids go up to 1024",
        ),
    ] {
        let fake = Fake::new();
        fake.write("sys/kernel/sched_ext/root/ops", "bpfland_1.1.4\n");
        fake.write(file, content);
        let text = fake.refusal(69);
        assert!(text.contains(told), "{text}");
    }
    let fake = Fake::new();
    fake.remove("proc/sys/kernel/ftrace_enabled");
    assert!(fake.refusal(69).contains("CONFIG_FUNCTION_TRACER"));
}
