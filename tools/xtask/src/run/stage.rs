// SPDX-License-Identifier: GPL-2.0-only
//! A child process whose output is watched line by line, and which Ctrl-C ends.

use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::interrupt;

/// How often Ctrl-C is looked for.
const POLL: Duration = Duration::from_millis(50);
/// How long a child may take to end in good order.
const GRACE: Duration = Duration::from_secs(15);

/// How the child ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// By itself, with this exit status (128 and the signal, if a signal ended it).
    Exited(i32),
    /// Because of Ctrl-C.
    Interrupted,
}

/// Runs `command`, and hands over each line that it prints to its standard
/// output. Ctrl-C closes its standard input and sends it SIGTERM, so that it
/// can put things right before it ends; what it prints then is handed over too.
///
/// # Errors
/// When the command does not start, or cannot be waited for.
pub fn watch(mut command: Command, on_line: &mut dyn FnMut(&str)) -> Result<End> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().context("cannot start the show")?;
    let output = child.stdout.take().context("the show has no output")?;
    let (sender, lines) = mpsc::channel();
    // Ends with the output: when the last process that holds it has ended.
    let reader = thread::spawn(move || {
        for line in BufReader::new(output).split(b'\n').map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    let mut asked = None;
    loop {
        match lines.recv_timeout(POLL) {
            Ok(line) => on_line(&String::from_utf8_lossy(&line)),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        if !interrupt::seen() {
            continue;
        }
        match asked {
            None => {
                ask_to_end(&mut child);
                asked = Some(Instant::now());
            }
            Some(since) if since.elapsed() > GRACE => {
                child.kill().context("cannot kill the show")?;
                break;
            }
            Some(_) => {}
        }
    }
    let status = child.wait().context("cannot wait for the show")?;
    drop(reader);
    Ok(if interrupt::seen() {
        End::Interrupted
    } else {
        let signalled = || 128 + status.signal().unwrap_or_default();
        End::Exited(status.code().unwrap_or_else(signalled))
    })
}

/// A child under sudo cannot be signalled by this user but sees its input end;
/// for a VM it is the other way round.
fn ask_to_end(child: &mut Child) {
    drop(child.stdin.take());
    // The standard library sends SIGKILL only; the shell's own kill is everywhere.
    let mut kill = Command::new("sh");
    kill.args(["-c", "kill -TERM \"$1\"", "sh", &child.id().to_string()]);
    drop(kill.stderr(Stdio::null()).status());
}
