// SPDX-License-Identifier: GPL-2.0-only
//! Other programs: finding, running and waiting for them.

use std::env;
use std::fs;
use std::io::{self, IsTerminal};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::interrupt;

/// How often a wait looks for its child's end, the deadline and Ctrl-C.
const POLL: Duration = Duration::from_millis(20);

/// How a wait for a child ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waited {
    /// It ended on its own.
    Ended(ExitStatus),
    /// The deadline passed; the child was killed.
    TimedOut,
    /// Ctrl-C; the child was killed.
    Interrupted,
}

/// The file of a program, looked up as a shell would, and in the folders for
/// administrators, which an ordinary user's `PATH` may lack.
pub fn find(program: impl AsRef<Path>) -> Option<PathBuf> {
    let program = program.as_ref();
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    // An absolute path replaces the folder it is joined to.
    folders
        .map(|folder| folder.join(program))
        .find(|file| is_executable(file))
}

fn is_executable(file: &Path) -> bool {
    file.metadata()
        .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

/// The start of a command line that runs as root and asks nothing of the user
/// but, on a terminal, sudo's password.
///
/// # Errors
/// When neither root nor sudo is at hand.
pub fn as_root() -> Result<Command> {
    let me = fs::metadata("/proc/self")
        .context("/proc is not mounted")?
        .uid();
    if me == 0 {
        return Ok(Command::new("env"));
    }
    if find("sudo").is_none() {
        bail!("this needs root, and there is no sudo");
    }
    let mut command = Command::new("sudo");
    if !io::stdin().is_terminal() {
        command.arg("-n");
    }
    Ok(command)
}

/// What a command prints to its standard output.
///
/// # Errors
/// When it does not start, fails (the error carries what it said), or prints
/// something that is no UTF-8.
pub fn output(command: &mut Command) -> Result<String> {
    let line = line_of(command);
    let done = command
        .output()
        .with_context(|| format!("cannot run {line}"))?;
    if !done.status.success() {
        let said = String::from_utf8_lossy(&done.stderr);
        bail!("{line}: {}\n{}", done.status, said.trim_end());
    }
    String::from_utf8(done.stdout).with_context(|| format!("{line}: no UTF-8 in its output"))
}

/// Waits for a child until `deadline` (none: forever) or Ctrl-C, either of
/// which kills it.
///
/// # Errors
/// When the system cannot wait for or kill the child.
pub fn wait(child: &mut Child, deadline: Option<Instant>) -> io::Result<Waited> {
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Waited::Ended(status));
        }
        let early = if interrupt::seen() {
            Some(Waited::Interrupted)
        } else {
            deadline
                .is_some_and(|at| Instant::now() >= at)
                .then_some(Waited::TimedOut)
        };
        if let Some(early) = early {
            child.kill()?;
            child.wait()?;
            return Ok(early);
        }
        thread::sleep(POLL);
    }
}

fn line_of(command: &Command) -> String {
    let mut line = command.get_program().to_string_lossy().into_owned();
    for arg in command.get_args() {
        line.push(' ');
        line.push_str(&arg.to_string_lossy());
    }
    line
}
