// SPDX-License-Identifier: GPL-2.0-only
//! Asking a running scheduler why it does what it does with a task: both ends.
//!
//! Target `why` takes `pid: "PID"` and answers with what was [`Heard`] since the
//! same was asked last.

use std::path::PathBuf;

use scx_stats::prelude::*;

use super::client;
use crate::control::{PID, TARGET, WHY};
use crate::exit::Error;
use crate::why::Heard;

/// A client that asks about one task.
pub struct Asker {
    client: StatsClient,
    socket: PathBuf,
    pid: u32,
}

impl Asker {
    /// Connects to the scheduler that listens at `socket`.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when none does, [`Error::Permission`] when the
    /// socket is closed to this user.
    pub fn connect(socket: impl Into<PathBuf>, pid: u32) -> Result<Asker, Error> {
        let socket = socket.into();
        let client = client::connect(&socket).map_err(|e| client::no_server(&socket, &e))?;
        Ok(Asker {
            client,
            socket,
            pid,
        })
    }

    /// The decisions since the last call, of which the first only begins to watch.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the scheduler is gone or another one, or another
    /// client follows a task.
    pub fn ask(&mut self) -> Result<Heard, Error> {
        self.ask_about(self.pid)
    }

    /// Lets the next client follow another task at once.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub fn end(mut self) -> Result<(), Error> {
        self.ask_about(0).map(drop)
    }

    fn ask_about(&mut self, pid: u32) -> Result<Heard, Error> {
        let args = vec![
            (TARGET.to_owned(), WHY.to_owned()),
            (PID.to_owned(), pid.to_string()),
        ];
        let heard: Result<Heard, String> = self
            .client
            .request("stats", args)
            .map_err(|error| client::unanswered(&self.socket, &error))?;
        heard.map_err(Error::Unavailable)
    }
}
