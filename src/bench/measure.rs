// SPDX-License-Identifier: GPL-2.0-only
//! Runs one test once, in a process of its own.

use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use hallows_load::suite::{Measurement, Scale, Test};
use rustix::process::{Pid, Signal, kill_process_group};

use super::candidate::spawn;

/// No test takes that long, unless it hangs.
const LIMIT: Duration = Duration::from_secs(120);
/// How often to look whether the user wants the end: seldom, since this process
/// is on the machine that is measured.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// The arguments that make this program run a test once.
pub fn arguments(test: &Test, scale: Scale, per_us: u64) -> Vec<String> {
    let mut arguments = vec!["bench".into(), "--measure".into(), test.name.into()];
    match scale {
        Scale::Quick => arguments.push("--quick".into()),
        Scale::Normal => {}
        Scale::Full => arguments.push("--full".into()),
    }
    arguments.extend(["--per-us".into(), per_us.to_string()]);
    arguments
}

/// Runs `program`, which is this one, and reads what it measured.
///
/// # Errors
/// The test failed, or hung, or `stop` said so.
pub fn run(program: &Path, arguments: &[String], stop: impl Fn() -> bool) -> Result<Measurement> {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = spawn(&mut command, Signal::KILL)?;
    let printed = gather(&mut child, stop);
    if printed.is_err() {
        // The test's own children are in its group.
        let _ = kill_process_group(Pid::from_child(&child), Signal::KILL);
    }
    let status = child.wait().context("wait for a test")?;
    let (text, words) = printed?;
    if !status.success() {
        match words.lines().last() {
            Some(line) => bail!("{}", line.trim()),
            None => bail!("the test ended with {status}"),
        }
    }
    serde_json::from_str(&text).context("read what a test measured")
}

/// All that a child prints, on standard output and error.
fn gather(child: &mut Child, stop: impl Fn() -> bool) -> Result<(String, String)> {
    let (mut stdout, mut stderr) = match (child.stdout.take(), child.stderr.take()) {
        (Some(stdout), Some(stderr)) => (stdout, stderr),
        _ => bail!("a test has no output"),
    };
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let (mut text, mut words) = (String::new(), String::new());
        let read = stdout
            .read_to_string(&mut text)
            .and_then(|_| stderr.read_to_string(&mut words));
        // Nobody listens once the test was given up.
        let _ = sender.send(read.map(|_| (text, words)));
    });
    let end = Instant::now() + LIMIT;
    loop {
        match receiver.recv_timeout(LOOK_EVERY) {
            Ok(read) => return read.context("read what a test prints"),
            Err(mpsc::RecvTimeoutError::Disconnected) => bail!("the output of a test was lost"),
            Err(mpsc::RecvTimeoutError::Timeout) => {}
        }
        ensure!(!stop(), "interrupted");
        ensure!(Instant::now() < end, "not done after {} s", LIMIT.as_secs());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, stop: bool) -> Result<Measurement, String> {
        let arguments = ["-c".to_owned(), script.to_owned()];
        run(Path::new("/bin/sh"), &arguments, || stop).map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn what_a_test_prints_is_read() {
        let json = serde_json::to_string(&Measurement::default()).unwrap();
        assert_eq!(
            shell(&format!("echo '{json}'"), false),
            Ok(Measurement::default())
        );
    }

    #[test]
    fn what_goes_wrong_is_told() {
        assert_eq!(shell("echo no >&2; exit 1", false), Err("no".into()));
        assert!(
            shell("exit 3", false)
                .unwrap_err()
                .contains("exit status: 3")
        );
        assert!(shell("echo {", false).unwrap_err().contains("read what"));
        assert_eq!(shell("sleep 60", true), Err("interrupted".into()));
    }
}
