// SPDX-License-Identifier: GPL-2.0-only
//! `scx_hallows stop`

use std::io::ErrorKind;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use clap::Args;
use rustix::net::sockopt::socket_peercred;
use rustix::process::{Signal, kill_process};
use tracing::warn;

use crate::exit::Error;
use crate::pins::{self, Claim, FOLDER};
use crate::service::{schedules, state};
use crate::stats::SOCKET;

/// An agent that has not ended by then hangs.
const PATIENCE: Duration = Duration::from_secs(5);
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// End the scx_hallows that schedules here, pinned or not, with an agent or without.
///
/// The kernel's default scheduler has all tasks when this returns. Where none
/// runs it says so, which is no error.
#[derive(Args, Clone, Debug)]
pub struct Stop {}

impl Stop {
    /// Ends it, and says what it ended.
    ///
    /// # Errors
    /// [`Error::Permission`] if this process may not, [`Error::Unavailable`] if
    /// the process to end can't be found, [`Error::Failed`] if it does not end.
    pub fn run(&self) -> Result<(), Error> {
        let folder = Path::new(FOLDER);
        let pinned = pins::find(folder).map_err(|error| refused(&error.into()))?;
        let runs = kernel_does();
        if pinned.is_some() {
            pins::end(folder).map_err(|error| refused(&error))?;
        }
        // What was pinned may have been ejected long ago, and another one run now.
        if runs && kernel_does() {
            let pid = interrupt()?;
            return match until(has_ended) {
                true => print(format!("stopped scx_hallows, process {pid}\n")),
                false => Err(Error::Failed(format!(
                    "process {pid} does not end: kill it, the kernel takes over then"
                ))),
            };
        }
        let Some(build) = pinned else {
            return print("no scx_hallows schedules here\n".into());
        };
        if runs && !until(has_ended) {
            warn!("the kernel does not end it: its log may say why");
        }
        if !until(|| Claim::take(folder).is_ok()) {
            warn!("its agent hangs, and is still there");
        }
        print(match runs {
            true => format!("stopped scx_hallows of build {build}, which was pinned\n"),
            false => format!("nothing ran; removed what build {build} left pinned\n"),
        })
    }
}

fn print(text: String) -> Result<(), Error> {
    super::print(text.as_bytes())
}

/// Whether the kernel says that a scheduler of this name has its tasks.
fn kernel_does() -> bool {
    schedules(Path::new("/"))
}

/// Whether it has taken them back: between the two it says that it is about to.
fn has_ended() -> bool {
    !kernel_does() && state(Path::new("/")).is_none_or(|state| state != "disabling")
}

/// Waits until it is so; false if it never is.
fn until(is_so: impl Fn() -> bool) -> bool {
    let start = Instant::now();
    while !is_so() {
        if start.elapsed() > PATIENCE {
            return false;
        }
        sleep(LOOK_EVERY);
    }
    true
}

/// Sends SIGINT to the process that listens for clients, and returns its id.
fn interrupt() -> Result<i32, Error> {
    let stream = UnixStream::connect(SOCKET).map_err(|error| refused(&error.into()))?;
    let peer = socket_peercred(&stream).map_err(|error| refused(&error.into()))?;
    kill_process(peer.pid, Signal::INT).map_err(|error| refused(&error.into()))?;
    Ok(peer.pid.as_raw_pid())
}

/// Explains what keeps this process from ending it.
fn refused(error: &anyhow::Error) -> Error {
    let kind = error.chain().find_map(|cause| {
        let system = cause.downcast_ref::<std::io::Error>();
        let bpf = cause.downcast_ref::<libbpf_rs::Error>();
        match (system.map(std::io::Error::kind), bpf) {
            (Some(kind), _) => Some(kind),
            (None, Some(error)) if error.kind() == libbpf_rs::ErrorKind::PermissionDenied => {
                Some(ErrorKind::PermissionDenied)
            }
            _ => None,
        }
    });
    match kind {
        Some(ErrorKind::PermissionDenied) => {
            Error::Permission("no permission to end the scheduler: run it with sudo".into())
        }
        _ => Error::Unavailable(format!(
            "can't reach the scheduler: {error:#}: end its process or its service"
        )),
    }
}
