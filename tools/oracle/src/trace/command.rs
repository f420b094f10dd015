// SPDX-License-Identifier: GPL-2.0-only
//! The command that a recording watches, and waiting for it.

#![allow(unsafe_code)]

use std::ffi::OsString;
use std::io;
use std::mem;
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::ptr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

/// How long a command may take to end after SIGTERM.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often to look whether it has ended, should its signal get lost.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// SIGTERM, SIGINT and SIGCHLD, blocked, to be waited for.
pub struct Signals(libc::sigset_t);

impl Signals {
    /// Blocks the signals in this thread and those that it starts.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn block() -> Result<Self> {
        // SAFETY: sigemptyset initializes the set before anything reads it.
        let set = unsafe {
            let mut set = mem::zeroed();
            libc::sigemptyset(&mut set);
            for signal in [libc::SIGTERM, libc::SIGINT, libc::SIGCHLD] {
                libc::sigaddset(&mut set, signal);
            }
            set
        };
        change_mask(libc::SIG_BLOCK, &set).context("block signals")?;
        Ok(Self(set))
    }

    /// Sleeps until one of the signals arrives or `deadline` (none: for ever)
    /// passes, in which case it returns `None`.
    fn wait(&self, deadline: Option<Instant>) -> Option<i32> {
        loop {
            let left = deadline.map(|d| d.saturating_duration_since(Instant::now()));
            // Without a deadline an hour is as good as for ever: the loop goes on.
            let timeout = left.unwrap_or(Duration::from_secs(3600));
            let time = libc::timespec {
                tv_sec: timeout.as_secs() as libc::time_t,
                tv_nsec: timeout.subsec_nanos() as libc::c_long,
            };
            // SAFETY: an initialized set and a valid timespec; no siginfo wanted.
            let signal = unsafe { libc::sigtimedwait(&self.0, ptr::null_mut(), &time) };
            if signal > 0 {
                return Some(signal);
            }
            if left.is_some_and(|left| left.is_zero()) {
                return None;
            }
        }
    }
}

fn change_mask(how: i32, set: &libc::sigset_t) -> io::Result<()> {
    // SAFETY: `set` is initialized.
    match unsafe { libc::pthread_sigmask(how, set, ptr::null_mut()) } {
        0 => Ok(()),
        error => Err(io::Error::from_raw_os_error(error)),
    }
}

/// Why a command's end says that its load was not what was asked for; `None`
/// when it is fine, or when we ended it.
pub type Failure = Option<String>;

/// Runs `command` (empty: nothing) until it ends, `duration` (none: for ever) is
/// over, or SIGTERM or SIGINT arrives. Then calls `over`, and ends the command
/// if it still runs. With `quiet_stdout` its output goes to stderr.
///
/// # Errors
/// When the command can't be started or ended, or `over` fails.
pub fn run(
    command: &[OsString],
    duration: Option<Duration>,
    quiet_stdout: bool,
    signals: &Signals,
    over: impl FnOnce() -> Result<()>,
) -> Result<Failure> {
    let deadline = duration.map(|duration| Instant::now() + duration);
    let Some((program, arguments)) = command.split_first() else {
        signals.wait(deadline);
        over()?;
        return Ok(None);
    };
    let mut child = start(program, arguments, quiet_stdout, signals)
        .with_context(|| format!("start '{}'", program.display()))?;
    let status = wait_for(&mut child, deadline, signals);
    let outcome = over();
    let status = status?;
    if status.is_none() {
        end(&mut child, signals)?;
    }
    outcome?;
    let failed = status.filter(|status| !status.success());
    Ok(failed.map(|status| format!("the command failed: {status}")))
}

fn start(
    program: &OsString,
    arguments: &[OsString],
    quiet_stdout: bool,
    signals: &Signals,
) -> Result<Child> {
    let set = signals.0;
    let mut command = Command::new(program);
    // A group of its own, so that it can be ended with all its descendants.
    command.args(arguments).process_group(0);
    if quiet_stdout {
        command.stdout(Stdio::from(io::stderr().as_fd().try_clone_to_owned()?));
    }
    // SAFETY: pthread_sigmask may be called between fork and exec.
    unsafe { command.pre_exec(move || change_mask(libc::SIG_UNBLOCK, &set)) };
    Ok(command.spawn()?)
}

/// Waits for the child's end; `None` when something else came first.
fn wait_for(
    child: &mut Child,
    deadline: Option<Instant>,
    signals: &Signals,
) -> Result<Option<ExitStatus>> {
    loop {
        if let Some(status) = child.try_wait().context("wait for the command")? {
            return Ok(Some(status));
        }
        // The kernel discards a SIGCHLD that a thread which doesn't block it could
        // take, so look at the child now and then without one.
        let look = Instant::now() + LOOK_INTERVAL;
        match signals.wait(Some(deadline.map_or(look, |end| end.min(look)))) {
            Some(libc::SIGCHLD) => {}
            None if deadline.is_none_or(|end| Instant::now() < end) => {}
            _ => return Ok(None),
        }
    }
}

fn end(child: &mut Child, signals: &Signals) -> Result<()> {
    let group = -(child.id() as libc::pid_t);
    for signal in [libc::SIGTERM, libc::SIGKILL] {
        // SAFETY: plain integers; the child is not reaped, so its group exists.
        unsafe { libc::kill(group, signal) };
        if wait_for(child, Some(Instant::now() + PATIENCE), signals)?.is_some() {
            return Ok(());
        }
    }
    anyhow::bail!("the command does not end even on SIGKILL")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run_shell(script: &str, duration: Duration) -> Failure {
        let signals = Signals::block().unwrap();
        let command = ["sh", "-c", script].map(OsString::from);
        run(&command, Some(duration), true, &signals, || Ok(())).unwrap()
    }

    #[test]
    fn a_failed_command_is_reported_and_one_that_we_end_is_not() {
        let long = Duration::from_secs(60);
        assert_eq!(run_shell("exit 0", long), None);
        assert!(run_shell("exit 3", long).unwrap().contains('3'));
        assert_eq!(run_shell("sleep 60", Duration::from_millis(50)), None);
    }

    #[test]
    fn a_command_that_does_not_exist_is_an_error() {
        let signals = Signals::block().unwrap();
        let command = [OsString::from("/no/such/program")];
        let error = run(&command, None, true, &signals, || Ok(())).unwrap_err();
        assert!(error.to_string().contains("/no/such/program"));
    }
}
