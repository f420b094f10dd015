// SPDX-License-Identifier: GPL-2.0-only
//! `listen`: a service manager that only listens, for tests of what a service
//! tells it.

use std::fmt;
use std::fs;
use std::io::ErrorKind::{Interrupted, TimedOut, WouldBlock};
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use serde::Serialize;

use crate::report::Report;
use crate::run::Run;
use crate::sys;

/// How often to look whether it is over.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Stand in for systemd: receive what a service started with NOTIFY_SOCKET tells.
///
/// Prints a line for each message, with the name of the sched_ext scheduler that
/// the kernel ran when it came: `2.125 s  hallows  READY=1`.
#[derive(clap::Args)]
pub struct Args {
    /// The socket, which must not exist yet.
    #[arg(value_name = "SOCKET")]
    socket: PathBuf,
    /// How long, such as 8s or 500ms.
    #[arg(long = "for", default_value = "60s", value_parser = humantime::parse_duration)]
    duration: Duration,
}

/// What `listen` heard.
#[derive(Debug, Serialize)]
pub struct ListenReport {
    load: &'static str,
    messages: Vec<Message>,
}

#[derive(Debug, Serialize)]
struct Message {
    /// Since the socket was there.
    seconds: f64,
    /// The scheduler that was enabled then, `none` if none was.
    scheduler: String,
    /// The variables, such as READY=1, separated by spaces.
    text: String,
}

impl Report for ListenReport {}

impl fmt::Display for ListenReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for message in &self.messages {
            writeln!(
                f,
                "{:7.3} s  {}  {}",
                message.seconds, message.scheduler, message.text
            )?;
        }
        Ok(())
    }
}

/// Listens.
///
/// # Errors
/// When the socket can't be made or read.
pub fn run(args: &Args) -> Result<ListenReport> {
    let run = Run::prepare()?;
    let socket = UnixDatagram::bind(&args.socket)
        .with_context(|| format!("listen at {}", args.socket.display()))?;
    socket
        .set_read_timeout(Some(LOOK_EVERY))
        .context("set a timeout")?;
    run.begin(args.duration);
    let messages = thread::scope(|scope| {
        let listener = scope.spawn(|| listen(&run, &socket));
        run.wait();
        listener.join()
    });
    Ok(ListenReport {
        load: "listen",
        messages: messages.map_err(|_| anyhow!("the listener panicked"))??,
    })
}

/// What comes until the run is over.
fn listen(run: &Run, socket: &UnixDatagram) -> Result<Vec<Message>> {
    let (mut messages, mut buffer) = (Vec::new(), [0; 4096]);
    while !run.over() {
        let length = match socket.recv(&mut buffer) {
            Ok(length) => length,
            Err(error) if matches!(error.kind(), WouldBlock | TimedOut | Interrupted) => continue,
            Err(error) => return Err(error).context("receive"),
        };
        let text = String::from_utf8_lossy(&buffer[..length]);
        messages.push(Message {
            seconds: (sys::now_ns() - run.started_ns()) as f64 / 1e9,
            scheduler: scheduler(),
            text: text.split_whitespace().collect::<Vec<_>>().join(" "),
        });
    }
    Ok(messages)
}

/// The scheduler that is enabled.
fn scheduler() -> String {
    let read = |file: &str| fs::read_to_string(format!("/sys/kernel/sched_ext/{file}"));
    let enabled = read("state").is_ok_and(|state| state.trim() == "enabled");
    let name = read("root/ops").ok().filter(|_| enabled);
    name.map_or_else(|| "none".to_owned(), |name| name.trim().to_owned())
}
