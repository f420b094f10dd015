// SPDX-License-Identifier: GPL-2.0-only
//! The command line as a user meets it: exit codes, and one line on standard error.
//!
//! No test here loads a scheduler, whatever the machine can do.

#![cfg(feature = "bpf")]

mod command;

use std::fs;
use std::path::{Path, PathBuf};

use command::{hallows, refusal};

#[test]
fn help_has_a_heading_for_each_part() {
    let ended = hallows(&["--help"]);
    assert_eq!(ended.code, Some(0));
    let mut rest = ended.stdout.as_str();
    for heading in [
        "Options:",
        "Hysteresis:",
        "Track:",
        "Moves:",
        "Libbpf Options:",
    ] {
        let at = rest.find(&format!("\n{heading}\n")).expect(heading);
        rest = &rest[at..];
    }
}

#[test]
fn help_tells_every_default() {
    let text = hallows(&["-h"])
        .stdout
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    for (option, default) in [
        ("--saturate-enter <TASKS>", "0.75"),
        ("--saturate-leave <TASKS>", "0.35"),
        ("--hungry-enter <SHARE>", "0.2"),
        ("--hungry-leave <SHARE>", "0.05"),
        ("--dwell <WINDOWS>", "2"),
        ("--period-ms <MS>", "10"),
        ("--max-period-ms <MS>", "100"),
        ("--signal-periods <WINDOWS>", "5"),
        ("--band <SHARE>", "0.125"),
        ("--band-quiet <SHARE>", "0.25"),
        ("--band-overloaded <SHARE>", "0.0625"),
        ("--band-min <TASKS>", "0.25"),
        ("--slice-us <US>", "3000"),
        ("--min-slice-us <US>", "500"),
        ("--long-slice-us <US>", "20000"),
        ("--target-latency-us <US>", "6000"),
        ("--express-max-us <US>", "1000"),
        ("--preempt-gap-us <US>", "500"),
        ("--starved-ms <MS>", "500"),
        ("--kappa <FACTOR>", "1"),
        ("--hysteresis-us <US>", "30"),
        ("--wait-max-us <US>", "4000"),
        ("--lag-slices <SLICES>", "1"),
        ("--price <HOW>", "learn"),
        ("--price-us <US,US,US,US>", "auto"),
        ("--affinity <SWITCH>", "on"),
        ("--home-factor <FACTOR>", "2"),
        ("--home-gap-ms <MS>", "50"),
        ("--home-fill <SHARE>", "0.85"),
    ] {
        let at = text.find(option).expect(option);
        let default = format!("[default: {default}]");
        let next = text[at..].find("[default: ").expect(option) + at;
        assert!(text[next..].starts_with(&default), "{option}");
    }
}

#[test]
fn version_names_the_build() {
    for flag in ["-V", "--version"] {
        let ended = hallows(&[flag]);
        assert_eq!(ended.code, Some(0));
        let start = format!("scx_hallows {}", env!("CARGO_PKG_VERSION"));
        assert!(ended.stdout.starts_with(&start), "{}", ended.stdout);
        for part in [std::env::consts::ARCH, "BPF half "] {
            assert!(ended.stdout.contains(part), "{}", ended.stdout);
        }
        assert_eq!(ended.stderr, "");
    }
}

#[test]
fn help_stats_describes_totals_and_cells() {
    let ended = hallows(&["--help-stats"]);
    assert_eq!(ended.code, Some(0));
    for name in [
        "[Metrics",
        "[CellMetrics",
        "dispatch_rescue",
        "idle_wait_max_us",
        "busy_pct",
    ] {
        assert!(ended.stdout.contains(name), "{name}");
    }
}

#[test]
fn a_bad_value_is_refused_by_the_name_of_its_option() {
    for (option, bad) in [
        (
            "--saturate-enter",
            &["0", "-1", "65", "nan", "inf", "many", ""] as &[&str],
        ),
        ("--saturate-leave", &["-0.1", "nan", "64.5"]),
        ("--hungry-enter", &["0", "-1", "1.01"]),
        ("--hungry-leave", &["-0.1", "2"]),
        ("--dwell", &["0", "-1", "101", "1.5"]),
        ("--period-ms", &["3", "101", "-1", "99999999999999999999"]),
        (
            "--slice-us",
            &["99", "100001", "-1", "18446744073709551615"],
        ),
        ("--min-slice-us", &["49", "3001", "-1"]),
        ("--target-latency-us", &["99", "1000001"]),
        ("--express-max-us", &["49", "10001"]),
        ("--preempt-gap-us", &["-1", "100001"]),
        ("--starved-ms", &["19", "2001"]),
        ("--max-period-ms", &["3", "9", "101"]),
        ("--signal-periods", &["1", "51"]),
        ("--band", &["0", "4.1", "nan"]),
        ("--band-quiet", &["0", "4.1"]),
        ("--band-overloaded", &["0", "4.1"]),
        ("--band-min", &["0", "16.1"]),
        ("--kappa", &["-0.5", "17", "x"]),
        ("--wait-max-us", &["499", "100001"]),
        ("--lag-slices", &["0", "8"]),
        ("--home-factor", &["0.9", "17"]),
        ("--home-gap-ms", &["-1", "10001"]),
        ("--home-fill", &["0", "1.1"]),
        ("--hysteresis-us", &["5001", "-1"]),
        ("--price", &["free", ""]),
        ("--price-us", &["1,2,3", "4,3,2,1", "0,0,0,1001", "-1"]),
        ("--affinity", &["yes"]),
        ("--exit-dump-len", &["-1", "x"]),
        ("--watchdog-ms", &["-1", "999", "30001", "5s"]),
        ("--stats", &["0", "-1", "nan", "86401", "x"]),
        ("--monitor", &["0", "-1", "x"]),
    ] {
        for value in bad {
            let line = refusal(&[option, value], 2);
            assert!(line.contains(option), "{option} {value}: {line}");
        }
    }
}

#[test]
fn leave_has_to_stay_below_enter() {
    for (pair, bound) in [
        (["--saturate-leave", "0.9"], "--saturate-enter 0.75"),
        (["--saturate-enter", "0.3"], "--saturate-leave 0.35"),
        (["--hungry-leave", "0.2"], "--hungry-enter 0.2"),
        (["--hungry-enter", "0.04"], "--hungry-leave 0.05"),
    ] {
        let line = refusal(&pair, 2);
        assert!(line.contains(pair[0]) && line.contains(bound), "{line}");
        assert!(line.contains("leave must be below enter"), "{line}");
    }
}

/// A configuration file of the test's own, removed at its end.
struct File(PathBuf);

impl Drop for File {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

fn file(test: &str, text: &str) -> File {
    let name = format!("hallows-cli-{}-{test}.toml", std::process::id());
    let file = File(std::env::temp_dir().join(name));
    fs::write(&file.0, text).expect("write a file");
    file
}

#[test]
fn a_bad_file_is_refused_with_its_line() {
    let time = "must be a whole number from 100 to 100000";
    for (text, line, told) in [
        (
            "\nslise_us = 1",
            2,
            "unknown key 'slise_us', did you mean 'slice_us'?",
        ),
        ("slice_us = 99", 1, &format!("slice_us 99: {time}")),
        (
            "slice_us = \"3ms\"",
            1,
            &format!("slice_us \"3ms\": {time}"),
        ),
        ("dwell = 1\n\nkappa", 3, ""),
        (
            "saturate_enter = 0.3",
            1,
            "saturate_leave 0.35 is above saturate_enter 0.3",
        ),
    ] {
        let file = file("bad", text);
        let path = file.0.to_str().expect("a path in UTF-8");
        let refused = refusal(&["--config", path], 2);
        assert!(
            refused.starts_with(&format!("{path}:{line}: {told}")),
            "{refused}"
        );
    }
}

#[test]
fn a_file_that_was_asked_for_has_to_exist() {
    let line = refusal(&["--config", "/nonexistent/hallows.toml"], 2);
    assert!(
        line.starts_with("cannot read /nonexistent/hallows.toml: "),
        "{line}"
    );
}

#[test]
fn check_finds_a_mistake_before_the_start() {
    let file = file("check", "slise_us = 2000\n");
    let path = file.0.to_str().expect("a path in UTF-8");
    let ended = hallows(&["check", "--config", path]);
    assert_eq!(ended.code, Some(2));
    let line = ended.stdout.lines().last().expect("a line");
    assert!(line.starts_with("wrong    config"), "{line}");
    assert!(line.contains(":1: unknown key 'slise_us'"), "{line}");
}

#[test]
fn a_flag_mends_a_file_and_breaks_one() {
    let file = file("flag", "slice_us = 600\nmin_slice_us = 600");
    let path = file.0.to_str().expect("a path in UTF-8");
    let line = refusal(&["--config", path, "--slice-us", "500"], 2);
    assert!(
        line.starts_with(&format!(
            "{path}:2: min_slice_us 600 is above --slice-us 500"
        )),
        "{line}"
    );
    // What both together make sense of is not refused for its values.
    fs::write(&file.0, "slice_us = 400").expect("write a file");
    if !may_schedule() {
        let ended = hallows(&["--config", path, "--min-slice-us", "300"]);
        assert_ne!(ended.code, Some(2), "{}", ended.stderr);
    }
}

#[test]
fn config_prints_a_file_that_can_be_used() {
    let ended = hallows(&["config"]);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    for line in ["#slice_us = 3000", "#kappa = 1.0", "# --- Hysteresis ---"] {
        assert!(ended.stdout.lines().any(|it| it == line), "{line}");
    }
    let broken = format!("{}\nfoo = 1\n", ended.stdout);
    let line = broken.lines().count();
    let file = file("default", &broken);
    let path = file.0.to_str().expect("a path in UTF-8");
    let refused = refusal(&["--config", path], 2);
    assert!(
        refused.starts_with(&format!("{path}:{line}: unknown key 'foo'")),
        "{refused}"
    );
}

#[test]
fn get_and_set_check_before_they_ask() {
    for (arguments, told) in [
        (&["get", "slise_us"] as &[_], "did you mean 'slice_us'?"),
        (&["set", "slise_us=1"], "did you mean 'slice_us'?"),
        (
            &["set", "slice_us=1"],
            "slice_us 1: must be a whole number from 100 to 100000",
        ),
        (&["set", "slice_us"], "'slice_us' is not KEY=VALUE"),
        (&["set", "dwell=3", "dwell=3"], "dwell is given twice"),
        (&["set"], "<KEY=VALUE>"),
        (&["get", "--slice-us", "300"], "'--slice-us'"),
        (&["--slice-us", "300", "get"], "'get'"),
    ] {
        let line = refusal(arguments, 2);
        assert!(line.contains(told), "{arguments:?}: {line}");
    }
}

#[test]
fn what_is_not_an_option_is_refused() {
    assert!(refusal(&["--dwel", "3"], 2).contains("'--dwell'"));
    assert!(refusal(&["now"], 2).contains("'now'"));
    assert!(refusal(&["--kappa"], 2).contains("--kappa"));
    assert!(refusal(&["--stats", "1", "--monitor", "1"], 2).contains("--monitor"));
}

#[test]
fn without_a_scheduler_its_clients_say_so() {
    if Path::new("/var/run/scx/root/stats").exists() {
        eprintln!("skipped: a scheduler offers statistics here");
        return;
    }
    for arguments in [
        &["--monitor", "1"] as &[_],
        &["get"],
        &["get", "--json"],
        &["set", "dwell=3"],
    ] {
        let line = refusal(arguments, 69);
        assert!(line.contains("start scx_hallows first"), "{line}");
    }
}

#[test]
fn a_machine_that_cannot_schedule_says_why() {
    if !Path::new("/sys/kernel/sched_ext/state").exists() {
        assert!(refusal(&[], 69).contains("has no sched_ext"));
    } else if !may_load() {
        assert!(refusal(&[], 77).contains("CAP_BPF"));
    } else {
        eprintln!("skipped: the scheduler would start here");
    }
}

/// The probes of `check --json` with their verdicts.
fn probes(stdout: &str) -> Vec<(String, String)> {
    let json: serde_json::Value = serde_json::from_str(stdout).expect("JSON");
    let probes = json["probes"].as_array().expect("probes").iter();
    let word = |value: &serde_json::Value| value.as_str().expect("a string").to_owned();
    probes
        .map(|it| (word(&it["probe"]), word(&it["verdict"])))
        .collect()
}

#[test]
fn check_tells_of_this_machine_as_the_scheduler_would() {
    let (text, json) = (hallows(&["check"]), hallows(&["check", "--json"]));
    assert_eq!(text.code, json.code);
    let probes = probes(&json.stdout);
    let lines: Vec<_> = text.stdout.lines().collect();
    assert_eq!(lines.len(), probes.len());
    for (line, (probe, verdict)) in lines.iter().zip(&probes) {
        let words: Vec<_> = line.split_whitespace().take(2).collect();
        assert_eq!(words, [verdict, probe]);
    }
    let wrong: Vec<_> = probes.iter().filter(|(_, it)| it == "wrong").collect();
    match text.code {
        Some(0) => assert!(wrong.is_empty() && text.stderr.is_empty(), "{wrong:?}"),
        Some(code @ (69 | 77)) => {
            assert!(!wrong.is_empty());
            assert_eq!(text.stderr.lines().count(), 1, "{}", text.stderr);
            // The scheduler itself refuses for the first of them.
            let fault = lines.iter().find(|line| line.starts_with("wrong"));
            let fault = fault.expect("a line").split_whitespace().skip(2);
            let fault = fault.collect::<Vec<_>>().join(" ");
            assert_eq!(refusal(&[], code), fault);
        }
        other => panic!("exit status {other:?}: {}", text.stderr),
    }
    if !Path::new("/sys/kernel/sched_ext/state").exists() {
        assert!(text.stdout.contains("has no sched_ext"), "{}", text.stdout);
        assert_eq!(text.code, Some(69));
    }
}

#[test]
fn check_takes_no_options_of_the_scheduler() {
    assert!(refusal(&["check", "--slice-us", "300"], 2).contains("'--slice-us'"));
}

#[test]
fn shells_and_the_manual_know_the_options() {
    for shell in ["bash", "zsh", "fish"] {
        let ended = hallows(&["completions", shell]);
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
        assert!(ended.stdout.contains("slice-us"), "{shell}");
    }
    assert!(refusal(&["completions", "tcsh"], 2).contains("'tcsh'"));
    let page = hallows(&["man"]);
    assert_eq!(page.code, Some(0));
    assert!(page.stdout.contains(".TH scx_hallows 8"), "{}", page.stdout);
    assert!(page.stdout.contains("slice\\-us"));
    assert!(page.stdout.contains(".SH \"EXIT STATUS\""));
}

#[test]
fn each_subcommand_has_a_page() {
    let name = format!("hallows-cli-{}-man", std::process::id());
    let folder = std::env::temp_dir().join(name);
    fs::create_dir(&folder).expect("make a folder");
    let path = folder.to_str().expect("a path in UTF-8");
    let ended = hallows(&["man", "--dir", path]);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), ""));
    let root = fs::read_to_string(folder.join("scx_hallows.8")).expect("the first page");
    for command in ["check", "get", "record", "reload", "set", "stop", "why"] {
        assert!(
            root.contains(&format!("scx_hallows\\-{command}(8)")),
            "{command}"
        );
        let page = folder.join(format!("scx_hallows-{command}.8"));
        assert!(page.exists(), "{command}");
    }
    fs::remove_dir_all(&folder).expect("remove it");
    let line = refusal(&["man", "--dir", path], 1);
    assert!(line.contains("cannot write"), "{line}");
}

/// Whether the scheduler would start here.
fn may_schedule() -> bool {
    Path::new("/sys/kernel/sched_ext/state").exists() && may_load()
}

/// Whether this process, and so the command, holds any capability.
fn may_load() -> bool {
    let status = fs::read_to_string("/proc/self/status").expect("procfs");
    let mask = status
        .lines()
        .find_map(|line| line.strip_prefix("CapEff:"))
        .expect("CapEff");
    u64::from_str_radix(mask.trim(), 16).expect("a bit mask") != 0
}

#[test]
fn bench_measures_each_kind_of_test_without_root() {
    let list = hallows(&["bench", "--list"]);
    assert_eq!((list.code, list.stdout.lines().count()), (Some(0), 28));
    for (test, unit) in [
        ("pipe-1", "trips/s"),
        ("messaging-process-socket", "s"),
        ("requests", "requests/s"),
        ("build", "s"),
        ("fork", "/s"),
        ("exec", "/s"),
        ("nice", "points"),
        ("hot-spot", "ms"),
        ("idle", "/s"),
    ] {
        let measured = hallows(&["bench", "--measure", test, "--quick", "--per-us", "10"]);
        assert_eq!(measured.code, Some(0), "{test}: {}", measured.stderr);
        let wanted = format!("\"unit\":\"{unit}\"");
        assert!(measured.stdout.contains(&wanted), "{}", measured.stdout);
    }
}

#[test]
fn bench_refuses_nonsense_in_a_line() {
    for (arguments, words) in [
        (&["--rounds", "0"][..], "--rounds"),
        (&["--only", "nothing"], "'nothing'"),
        (
            &["--measure", "idle", "--rounds", "2"],
            "cannot be used with",
        ),
        (&["--sum", "/no/report.json"], "--sum: /no/report.json:"),
        (&["--sum", "Cargo.toml"], "--sum: Cargo.toml:"),
        (
            &["--against", "scx_nothing"],
            "no program scx_nothing in PATH",
        ),
        (&["--against", "eevdf -x"], "no arguments"),
    ] {
        let line = refusal(&[&["bench"], arguments].concat(), 2);
        assert!(line.contains(words), "{line}");
    }
}

#[test]
fn simulating_needs_no_kernel() {
    let arguments = ["simulate", "--topo", "1x1x2x2", "--duration", "10ms"];
    let table = hallows(&arguments);
    assert_eq!((table.code, table.stderr.as_str()), (Some(0), ""));
    assert!(table.stdout.starts_with("| workload | policy |"));
    let json = hallows(&[arguments.as_slice(), &["--json", "--runs", "2"]].concat());
    let reports: serde_json::Value = serde_json::from_str(&json.stdout).expect("JSON");
    assert_eq!(reports[1]["seed"], 2);
    assert_eq!(reports[0]["cpus"], 4);
    assert!(refusal(&["simulate", "--topo", "4x4"], 2).contains("--topo"));
}
