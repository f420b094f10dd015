// SPDX-License-Identifier: GPL-2.0-only
//! What the kernel is, and what it was built with.

use super::machine::Config;
use super::verdict::Verdict;

/// The oldest kernel that the scheduler is tested on.
const OLDEST: (u32, u32) = (6, 16);

/// Whether a kernel of this release is known to do.
pub fn version(release: &str) -> Verdict {
    let (major, minor) = OLDEST;
    match numbers(release) {
        Some(version) if version >= OLDEST => Verdict::Ok(format!("Linux {release}")),
        Some(_) => Verdict::warning(
            format!("Linux {release} is older than {major}.{minor}, the oldest that is tested"),
            format!("boot Linux {major}.{minor} or newer"),
        ),
        None => Verdict::warning(
            format!("a kernel of unknown age: '{release}'"),
            format!("make sure that it is Linux {major}.{minor} or newer"),
        ),
    }
}

/// The first two numbers of a release such as `6.18.15-amd64`.
fn numbers(release: &str) -> Option<(u32, u32)> {
    let mut parts = release.split(|c: char| !c.is_ascii_digit());
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// Whether the kernel has sched_ext: `here` when sysfs shows it.
pub fn sched_ext(here: bool, release: Option<&str>, config: Option<&Config>) -> Verdict {
    const OPTION: &str = "CONFIG_SCHED_CLASS_EXT=y";
    if here {
        return Verdict::Ok(OPTION.into());
    }
    let built_in = config.map(|config| config.text.lines().any(|line| line.trim() == OPTION));
    let release = release.map_or_else(String::new, |release| format!(" ({release})"));
    match (config, built_in) {
        (Some(config), Some(true)) => Verdict::unavailable(
            format!(
                "this kernel{release} has sched_ext by {}, but there is no /sys/kernel/sched_ext",
                config.path
            ),
            "mount sysfs on /sys",
        ),
        (Some(config), _) => Verdict::unavailable(
            format!("this kernel{release} has no sched_ext by {}", config.path),
            format!("boot Linux 6.16 or newer, built with {OPTION}"),
        ),
        (None, _) => Verdict::unavailable(
            format!("this kernel{release} has no sched_ext"),
            format!("boot Linux 6.16 or newer, built with {OPTION}"),
        ),
    }
}

/// Whether BPF can hook into kernel functions: `switch` when the file
/// `ftrace_enabled` is there.
pub fn ftrace(switch: bool) -> Verdict {
    if switch {
        return Verdict::Ok("CONFIG_FUNCTION_TRACER=y".into());
    }
    Verdict::unavailable(
        "the kernel can't be traced: there is no /proc/sys/kernel/ftrace_enabled",
        "boot one built with CONFIG_FUNCTION_TRACER=y; \
         under systemd, without ProcSubset=pid",
    )
}

/// Whether lockdown lets BPF read the kernel's memory; `None` when the kernel
/// does not say.
pub fn lockdown(modes: Option<&str>) -> Verdict {
    let Some(modes) = modes else {
        return Verdict::Ok("not in use, or securityfs is not mounted".into());
    };
    let mode = modes
        .split_once('[')
        .and_then(|(_, rest)| rest.split_once(']'))
        .map(|(mode, _)| mode);
    match mode {
        Some("confidentiality") => Verdict::unavailable(
            "the kernel is locked down for confidentiality, so BPF may not read its memory",
            "boot without lockdown=confidentiality; lockdown=integrity does",
        ),
        Some(mode) => Verdict::Ok(mode.into()),
        None => Verdict::warning(
            format!("a mode of lockdown that is not known: '{modes}'"),
            "look at /sys/kernel/security/lockdown",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_as_numbers() {
        for good in ["6.16", "6.16.0-rc1", "6.18.15-amd64", "7.0.3", "10.1"] {
            assert_eq!(version(good).word(), "ok", "{good}");
        }
        for old in ["6.2.0", "6.15.11-arch1-1", "5.19.0"] {
            let verdict = version(old);
            assert_eq!(verdict.word(), "warning", "{old}");
            assert!(verdict.what().contains("older than 6.16"));
        }
        for strange in ["", "six", "6", "99999999999.1"] {
            assert!(version(strange).what().contains("unknown age"), "{strange}");
        }
    }

    #[test]
    fn a_configuration_tells_what_sysfs_does_not() {
        let config = |text: &str| Config {
            path: "/boot/config-7.1".into(),
            text: text.into(),
        };
        let tell = |config: Option<Config>| {
            let verdict = sched_ext(false, Some("7.1"), config.as_ref());
            assert_eq!(verdict.word(), "wrong");
            format!("{}: {}", verdict.what(), verdict.fix().unwrap())
        };
        let with = tell(Some(config("CONFIG_BPF=y\nCONFIG_SCHED_CLASS_EXT=y\n")));
        assert!(with.contains("has sched_ext by /boot/config-7.1") && with.contains("mount sysfs"));
        let without = tell(Some(config("# CONFIG_SCHED_CLASS_EXT is not set\n")));
        assert!(
            without.contains("(7.1) has no sched_ext by /boot/config-7.1"),
            "{without}"
        );
        assert!(tell(None).contains("(7.1) has no sched_ext: boot"));
        assert_eq!(sched_ext(true, None, None).word(), "ok");
    }

    #[test]
    fn only_confidentiality_keeps_bpf_out() {
        assert_eq!(lockdown(None).word(), "ok");
        assert_eq!(
            lockdown(Some("[none] integrity confidentiality")).what(),
            "none"
        );
        assert_eq!(
            lockdown(Some("none [integrity] confidentiality")).word(),
            "ok"
        );
        assert_eq!(
            lockdown(Some("none integrity [confidentiality]")).word(),
            "wrong"
        );
        assert_eq!(lockdown(Some("none")).word(), "warning");
    }

    #[test]
    fn tracing_is_needed() {
        assert_eq!(ftrace(true).word(), "ok");
        assert!(
            ftrace(false)
                .fix()
                .unwrap()
                .contains("CONFIG_FUNCTION_TRACER=y")
        );
    }
}
