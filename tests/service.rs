// SPDX-License-Identifier: GPL-2.0-only
//! The systemd unit: what it says, and how exposed systemd finds it.

use std::io::ErrorKind;
use std::process::Command;

const UNIT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/systemd/scx_hallows.service");

/// The largest exposure that passes, of 10.
const MOST: f64 = 1.6;

/// All values of a setting, in their order.
fn values(key: &str) -> Vec<String> {
    let text = std::fs::read_to_string(UNIT).expect("the unit");
    let lines = text.lines().filter_map(|line| line.split_once('='));
    lines
        .filter(|(name, _)| *name == key)
        .map(|(_, value)| value.to_owned())
        .collect()
}

#[test]
fn systemd_finds_it_hardly_exposed() {
    let output = Command::new("systemd-analyze")
        .args(["security", "--offline=true", "--no-pager", UNIT])
        .output();
    let output = match output {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            eprintln!("skipped: there is no systemd-analyze here");
            return;
        }
        other => other.expect("run systemd-analyze"),
    };
    let said = String::from_utf8_lossy(&output.stderr);
    if said.contains("--offline") {
        eprintln!("skipped: this systemd-analyze knows no --offline");
        return;
    }
    assert!(output.status.success(), "{said}");
    let table = String::from_utf8_lossy(&output.stdout);
    let level = table
        .lines()
        .find(|line| line.contains("Overall exposure level"))
        .expect("a level");
    let score = level.split_whitespace().find_map(|word| word.parse().ok());
    let score: f64 = score.expect("a number");
    assert!(score <= MOST, "{level}\n{table}");
}

#[test]
fn it_holds_two_capabilities_and_is_no_fixed_user() {
    let two = "CAP_BPF CAP_PERFMON";
    for key in ["AmbientCapabilities", "CapabilityBoundingSet"] {
        assert_eq!(values(key), [two], "{key}");
    }
    assert_eq!(values("DynamicUser"), ["yes"]);
    assert_eq!(values("NoNewPrivileges"), ["yes"]);
}

#[test]
fn nothing_is_set_that_keeps_it_from_loading() {
    assert_eq!(values("ProcSubset"), [""; 0]);
    assert_eq!(values("PrivateUsers"), [""; 0]);
    // The last word on system calls gives back what the groups before it took.
    let calls = values("SystemCallFilter");
    let last = calls.last().expect("a filter");
    for call in ["bpf", "perf_event_open", "setrlimit"] {
        assert!(last.split_whitespace().any(|it| it == call), "{call}");
    }
}

#[test]
fn it_waits_for_readiness_and_life_and_gives_up_where_it_is_hopeless() {
    assert_eq!(values("Type"), ["notify"]);
    assert_eq!(values("WatchdogSec"), ["10"]);
    assert_eq!(values("Restart"), ["on-failure"]);
    assert_eq!(values("RestartPreventExitStatus"), ["2 69 77"]);
    assert_eq!(values("StartLimitIntervalSec"), ["60"]);
    assert_eq!(values("StartLimitBurst"), ["3"]);
    assert_eq!(values("ExecReload"), ["/usr/bin/scx_hallows reload"]);
    assert_eq!(values("OnFailure"), ["scx_hallows-failed.service"]);
    assert_eq!(values("Conflicts"), ["scx.service scx_loader.service"]);
}

#[test]
fn it_is_pinned_and_a_stop_ends_it() {
    let starts = ["/usr/bin/scx_hallows --pin --replace"];
    assert_eq!(values("ExecStart"), starts);
    // It would run before a restart as well.
    assert_eq!(values("ExecStop"), [""; 0]);
    assert_eq!(values("RestartKillSignal"), ["SIGUSR2"]);
    assert!(values("ExecStopPost")[0].contains("timeout"));
    // One for the tree around it, one for what is pinned, which only this user needs.
    assert_eq!(values("TemporaryFileSystem"), ["/sys/fs:ro"]);
    assert_eq!(values("BindPaths"), ["-/sys/fs/bpf/scx_hallows"]);
}
