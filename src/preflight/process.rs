// SPDX-License-Identifier: GPL-2.0-only
//! What this process may do.

use super::verdict::{Fault, Verdict};

/// Bits of `CapEff`, from `linux/capability.h`.
pub(super) const CAP_SYS_ADMIN: u32 = 21;
pub(super) const CAP_PERFMON: u32 = 38;
pub(super) const CAP_BPF: u32 = 39;

/// Whether a process with this `/proc/PID/status` may load a scheduler.
///
/// Asks for the effective capabilities and not for the user id: a service may
/// hold both without being root, and root in a container may lack them.
pub fn capabilities(status: &str) -> Verdict {
    let Some(effective) = effective_capabilities(status) else {
        return Verdict::unavailable("/proc/self/status has no CapEff", "mount procfs on /proc");
    };
    let has = |capability: u32| effective & (1 << capability) != 0;
    // The kernel lets CAP_SYS_ADMIN stand for each of the two.
    let missing: Vec<&str> = [(CAP_BPF, "CAP_BPF"), (CAP_PERFMON, "CAP_PERFMON")]
        .into_iter()
        .filter(|&(capability, _)| !has(capability) && !has(CAP_SYS_ADMIN))
        .map(|(_, name)| name)
        .collect();
    if missing.is_empty() {
        return Verdict::Ok("CAP_BPF and CAP_PERFMON".into());
    }
    Verdict::Permission(Fault::new(
        format!(
            "no permission to load a scheduler, {} missing",
            missing.join(" and ")
        ),
        "run it with sudo, or grant CAP_BPF and CAP_PERFMON",
    ))
}

/// The bit mask on the line `CapEff:` of a `/proc/PID/status`.
fn effective_capabilities(status: &str) -> Option<u64> {
    let mask = status
        .lines()
        .find_map(|line| line.strip_prefix("CapEff:"))?;
    u64::from_str_radix(mask.trim(), 16).ok()
}

/// What a `/proc/PID/limits` says of locked memory. No value is too small:
/// kernels from 5.11 on, and so all with sched_ext, don't charge BPF's maps to it.
pub fn memlock(limits: &str) -> Verdict {
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max locked memory"));
    match line.and_then(|line| line.split_whitespace().next()) {
        Some("unlimited") => Verdict::Ok("unlimited".into()),
        Some(bytes) => Verdict::Ok(format!("{bytes} bytes, of which BPF needs none")),
        None => Verdict::warning(
            "/proc/self/limits has no 'Max locked memory'",
            "mount procfs on /proc",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(effective: u64) -> String {
        format!("Name:\ttest\nCapPrm:\t0\nCapEff:\t{effective:016x}\nCapBnd:\t0\n")
    }

    #[test]
    fn missing_capabilities_are_named() {
        for (effective, missing) in [
            (0, "CAP_BPF and CAP_PERFMON missing"),
            (1 << CAP_BPF, ", CAP_PERFMON missing"),
            (1 << CAP_PERFMON, ", CAP_BPF missing"),
        ] {
            let verdict = capabilities(&status(effective));
            assert!(matches!(verdict, Verdict::Permission(_)));
            assert!(verdict.what().contains(missing), "{verdict:?}");
        }
    }

    #[test]
    fn two_capabilities_are_enough_and_sys_admin_stands_for_them() {
        for effective in [1 << CAP_BPF | 1 << CAP_PERFMON, 1 << CAP_SYS_ADMIN] {
            assert_eq!(capabilities(&status(effective)).word(), "ok");
        }
    }

    #[test]
    fn any_limit_of_locked_memory_will_do() {
        let limits = |value: &str| {
            format!(
                "Limit Soft Hard Units\nMax locked memory         {value}    {value}    bytes\n"
            )
        };
        assert_eq!(memlock(&limits("unlimited")).what(), "unlimited");
        assert!(memlock(&limits("0")).what().starts_with("0 bytes"));
        assert_eq!(memlock("").word(), "warning");
    }
}
