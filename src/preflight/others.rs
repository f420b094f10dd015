// SPDX-License-Identifier: GPL-2.0-only
//! What else is on the machine: another scheduler, and how many CPUs.

use super::verdict::Verdict;
use crate::agent::place::MAX_CPUS;
use crate::service::NAME;

/// Whether no scheduler is loaded, by the file `state` of sched_ext, which only
/// a kernel with sched_ext has. `name` is that of the one that is loaded; it may
/// vanish between the two reads. `pinned`: one of ours is.
pub fn scheduler(state: Option<&str>, name: Option<&str>, pinned: bool) -> Verdict {
    match state {
        None | Some("disabled") => Verdict::Ok("no other is loaded".into()),
        Some("disabling") => Verdict::unavailable(
            "another scheduler is just being unloaded",
            "try again in a second",
        ),
        Some(_) if pinned && name.is_some_and(is_ours) => Verdict::unavailable(
            "scx_hallows is loaded, and pinned",
            "take it over with --pin, or end it with 'scx_hallows stop'",
        ),
        Some(_) => Verdict::unavailable(
            match name {
                Some(name) => format!("another scheduler, {name}, is loaded"),
                None => "another scheduler is loaded".into(),
            },
            match name.is_some_and(is_ours) {
                true => "end it with 'scx_hallows stop' first",
                false => {
                    "end its process or stop its service (scx.service, scx_loader.service) first"
                }
            },
        ),
    }
}

fn is_ours(name: &str) -> bool {
    name.starts_with(NAME)
}

/// Whether the scheduler can handle all CPUs of this list of possible ones. Ids
/// decide and not their number.
pub fn cpus(list: &str) -> Verdict {
    match last_cpu(list) {
        None => Verdict::unavailable(
            format!("/sys/devices/system/cpu/possible is no list of CPUs: '{list}'"),
            "mount sysfs on /sys",
        ),
        Some(last) if last < MAX_CPUS => Verdict::Ok(list.into()),
        Some(last) => Verdict::unavailable(
            format!("CPU ids go up to {last} and scx_hallows handles {MAX_CPUS} CPUs"),
            format!("boot with nr_cpus={MAX_CPUS}"),
        ),
    }
}

/// The highest id of a CPU list such as `0-3,8`.
fn last_cpu(list: &str) -> Option<usize> {
    list.trim().rsplit([',', '-']).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_scheduler_is_named() {
        let verdict = scheduler(Some("enabled"), Some("bpfland_1.1.4"), true);
        assert_eq!(
            verdict.what(),
            "another scheduler, bpfland_1.1.4, is loaded"
        );
        assert_eq!(
            scheduler(Some("enabling"), None, false).what(),
            "another scheduler is loaded"
        );
        assert_eq!(
            scheduler(Some("disabling"), None, true).fix(),
            Some("try again in a second")
        );
        for none in [None, Some("disabled")] {
            assert_eq!(scheduler(none, None, true).word(), "ok");
        }
    }

    #[test]
    fn our_own_is_taken_over_or_stopped() {
        let fix = |pinned| {
            let verdict = scheduler(Some("enabled"), Some("hallows_0.1.0"), pinned);
            verdict.fix().unwrap().to_owned()
        };
        assert!(fix(true).contains("--pin"));
        assert_eq!(fix(false), "end it with 'scx_hallows stop' first");
    }

    #[test]
    fn cpu_ids_decide_and_not_their_number() {
        assert_eq!(cpus("0").word(), "ok");
        assert_eq!(cpus("0-1023").word(), "ok");
        assert!(cpus("0-3,1024").what().contains("CPU ids go up to 1024"));
        assert!(cpus("").what().contains("no list of CPUs"));
    }
}
