// SPDX-License-Identifier: GPL-2.0-only
//! The commands that talk to a scheduler, which a server of the test stands in for.
//!
//! Each runs in a mount namespace of its own, where the scheduler's socket leads to
//! that server, whatever runs on this machine.

#![cfg(feature = "bpf")]

mod command;

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::process::Command;
use std::thread;

use command::{Ended, ended};
use scx_hallows::agent::params::Params;
use scx_hallows::agent::place::{CpuSpec, Map, NodeSpec};
use scx_hallows::recording::{Frame, Header};
use serde_json::{Value, json};

/// Leads the socket to $1 and becomes the rest.
const REROUTE: &str = "mount -t tmpfs none /var/run && mkdir -p /var/run/scx/root && \
    ln -s \"$1\" /var/run/scx/root/stats && shift && exec \"$@\"";

/// A folder of the test's own, removed at its end.
struct Folder(PathBuf);

impl Folder {
    fn path(&self, name: &str) -> String {
        let path = self.0.join(name).into_os_string().into_string();
        path.expect("a path in UTF-8")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn folder(test: &str) -> Folder {
    let name = format!("hallows-clients-{}-{test}", std::process::id());
    let folder = Folder(std::env::temp_dir().join(name));
    fs::create_dir(&folder.0).expect("make a folder");
    folder
}

/// A line of a server that answers with `value`.
fn line(value: Value) -> String {
    format!("{}\n", json!({"errno": 0, "args": {"resp": value}}))
}

/// Runs the command beside a server that gives these answers in turn to whatever one
/// client asks, and then is gone. `None` where mount namespaces can't be had.
fn beside(folder: &Folder, answers: Vec<String>, arguments: &[&str]) -> Option<Ended> {
    let able = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount"])
        .args(["mount", "-t", "tmpfs", "none", "/var/run"])
        .output();
    if !able.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: no mount namespace can be had here");
        return None;
    }
    let socket = folder.path("socket");
    let listener = UnixListener::bind(&socket).expect("listen");
    let server = thread::spawn(move || {
        let (client, _) = listener.accept().expect("a client");
        serve(&client, answers);
    });
    let ended = ended(
        Command::new("unshare")
            .args(["--user", "--map-root-user", "--mount"])
            .args(["sh", "-c", REROUTE, "sh", &socket])
            .arg(env!("CARGO_BIN_EXE_scx_hallows"))
            .args(arguments),
    );
    server.join().expect("the server");
    Some(ended)
}

fn serve(mut client: &UnixStream, answers: Vec<String>) {
    let mut requests = BufReader::new(client).lines();
    for answer in answers {
        let request = requests.next().expect("a request");
        request.expect("a whole request");
        client.write_all(answer.as_bytes()).expect("answer");
    }
}

/// What a scheduler of one CPU steers by.
fn header(params: &Params) -> Header {
    let cpus = [CpuSpec {
        cpu: 0,
        core: 0,
        llc: 0,
        node: 0,
    }];
    let node = NodeSpec {
        id: 0,
        distance: vec![10],
    };
    Header::new(&Map::new(&cpus, &[node]).expect("a machine"), params)
}

/// An answer to `record`: two windows.
fn piece(params: &Params) -> String {
    let frames = [Frame::default(), Frame::default()];
    line(json!({"Ok": {"header": header(params), "frames": frames, "missed": 0}}))
}

#[test]
fn what_was_recorded_before_the_scheduler_ended_is_kept() {
    let folder = folder("lost");
    let file = folder.path("recording");
    let answers = vec![piece(&Params::default()), piece(&Params::default())];
    let Some(ended) = beside(&folder, answers, &["record", &file]) else {
        return;
    };
    assert_eq!(ended.code, Some(69), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("has ended, or hangs"),
        "{}",
        ended.stderr
    );
    let start = format!("{file}: 2 windows, ");
    assert!(ended.stdout.starts_with(&start), "{}", ended.stdout);
    let bytes = fs::metadata(&file).expect("the recording").len();
    let end = format!(" {bytes} bytes\n");
    assert!(ended.stdout.ends_with(&end), "{}", ended.stdout);
}

#[test]
fn a_recording_ends_where_tunables_change() {
    let folder = folder("set");
    let file = folder.path("recording");
    let before = Params::default();
    let after = Params { dwell: 4, ..before };
    let answers = vec![piece(&before), piece(&before), piece(&after)];
    let Some(ended) = beside(&folder, answers, &["record", &file]) else {
        return;
    };
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    let start = format!("{file}: 2 windows, ");
    assert!(ended.stdout.starts_with(&start), "{}", ended.stdout);
    let end = "; then tunables were changed\n";
    assert!(ended.stdout.ends_with(end), "{}", ended.stdout);
}

#[test]
fn who_comes_second_is_told_so_in_a_line() {
    let folder = folder("second");
    let told = "one at a time, try again when that ends";
    let (file, pid) = (folder.path("recording"), std::process::id().to_string());
    for arguments in [["record", &file], ["why", &pid]] {
        let _ = fs::remove_file(folder.path("socket"));
        let answer = line(json!({"Err": told}));
        let Some(ended) = beside(&folder, vec![answer], &arguments) else {
            return;
        };
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(69), ""));
        assert_eq!(ended.stderr, format!("scx_hallows: {told}\n"));
    }
    assert!(!fs::exists(&file).expect("the folder"));
}

#[test]
fn decisions_that_got_lost_are_missed() {
    let folder = folder("lost-decisions");
    let pid = std::process::id().to_string();
    let answer = |lost: u64| line(json!({"Ok": {"events": [], "lost": lost}}));
    for (json, printed) in [(false, "neither woke up"), (true, "{\"lost\":7}\n")] {
        let _ = fs::remove_file(folder.path("socket"));
        let mut arguments = vec!["why", &pid, "--for", "100ms"];
        arguments.extend(json.then_some("--json"));
        let answers = vec![answer(0), answer(7), answer(0)];
        let Some(ended) = beside(&folder, answers, &arguments) else {
            return;
        };
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        assert!(ended.stdout.contains(printed), "{}", ended.stdout);
        let told = "7 decisions are missing";
        assert!(ended.stderr.contains(told), "{}", ended.stderr);
    }
}
