// SPDX-License-Identifier: GPL-2.0-only
//! How long a task that wants to run may wait before the kernel ejects the
//! scheduler (`ops.timeout_ms`).
//!
//! A task that is bound to a CPU waits for as long as a real-time task keeps that
//! CPU, whatever the scheduler, unless the kernel has a deadline server for
//! sched_ext (Linux 7.0, `ext_server` in kernel/sched/ext.c), which gives such
//! tasks a part of the CPU. Where it has none, patience is all that keeps a
//! scheduler from being ejected for somebody else's hog.

use std::path::Path;

use libbpf_rs::btf::Btf;
use libbpf_rs::btf::types::Struct;
use tracing::info;

/// Where a deadline server looks after the tasks of sched_ext.
const SERVED_MS: u32 = 5_000;
/// Where none does.
const UNSERVED_MS: u32 = 15_000;

const BTF: &str = "/sys/kernel/btf/vmlinux";

/// The time in milliseconds for the kernel that runs.
pub fn patience_ms() -> u32 {
    patience_of(Path::new(BTF))
}

/// A file that can't be read tells of no server; what is wrong with it shows when
/// the BPF side is loaded.
fn patience_of(btf: &Path) -> u32 {
    match Btf::from_path(btf) {
        Ok(btf) if has_server(&btf) => SERVED_MS,
        _ => UNSERVED_MS,
    }
}

/// Says why the watchdog waits for longer than it does elsewhere, if it does.
pub fn explain(patience_ms: u32) {
    if patience_ms > SERVED_MS {
        info!(
            "this kernel does not shield tasks from real-time hogs: the watchdog waits {} s",
            patience_ms / 1_000
        );
    }
}

fn has_server(btf: &Btf<'_>) -> bool {
    btf.type_by_name::<Struct<'_>>("rq").is_some_and(|queue| {
        queue
            .iter()
            .any(|member| member.name.is_some_and(|name| name == "ext_server"))
    })
}
