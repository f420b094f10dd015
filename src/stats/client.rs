// SPDX-License-Identifier: GPL-2.0-only
//! What every client of the statistics server needs: a connection, and one line
//! for each way in which it fails.

use std::io;
use std::path::Path;

use anyhow::Result;
use scx_stats::prelude::{StatsClient, StatsErrno};
use scx_stats::serde_json;

use crate::exit::Error;

/// Where `scx_stats` servers listen unless told otherwise.
pub const SOCKET: &str = "/var/run/scx/root/stats";

/// How long to wait for an answer; a stopped scheduler must not block Ctrl-C.
const ANSWER_MS: u64 = 2000;

/// Connects to the server at `socket`.
///
/// # Errors
/// Those of the system, for [`no_server`] to explain.
pub fn connect(socket: &Path) -> Result<StatsClient> {
    StatsClient::new().set_path(socket).connect(Some(ANSWER_MS))
}

/// Explains why there is no connection.
pub fn no_server(socket: &Path, error: &anyhow::Error) -> Error {
    let socket = socket.display();
    match error.downcast_ref::<io::Error>().map(io::Error::kind) {
        Some(io::ErrorKind::PermissionDenied) => Error::Permission(format!(
            "no permission to talk to the scheduler at {socket}: run it with sudo"
        )),
        Some(io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => Error::Unavailable(
            format!("no scheduler answers at {socket}: start scx_hallows first"),
        ),
        _ => Error::Unavailable(format!(
            "cannot talk to the scheduler at {socket}: {error:#}"
        )),
    }
}

/// Explains why a request was not answered, or not by this version of `scx_hallows`.
pub fn unanswered(socket: &Path, error: &anyhow::Error) -> Error {
    let json = error.downcast_ref::<serde_json::Error>();
    // An scx_stats server without the target answers with an errno; one that ends while
    // it answers, with half a line.
    if error.is::<StatsErrno>() || json.is_some_and(|error| !error.is_eof()) {
        return foreign(socket, error);
    }
    Error::Unavailable(format!(
        "the scheduler at {} has ended, or hangs: {error:#}: its log may say why",
        socket.display()
    ))
}

/// What a server answers whose scheduler takes no more requests.
pub const ENDING: &str = "the scheduler is ending";

/// Explains an answer that makes no sense.
pub fn foreign(socket: &Path, error: &anyhow::Error) -> Error {
    if format!("{error:#}").contains(ENDING) {
        return Error::Unavailable(format!(
            "the scheduler at {} is ending, or about to start again: try again",
            socket.display()
        ));
    }
    Error::Unavailable(format!(
        "the scheduler at {} is not this version of scx_hallows: {error:#}",
        socket.display()
    ))
}
