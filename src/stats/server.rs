// SPDX-License-Identifier: GPL-2.0-only
//! The server on the socket that every scx tool knows, which speaks the protocol
//! of `scx_stats` and bounds what a client can cost: the length of a request, the
//! time that it takes to arrive and its answer to be taken, the number of clients.

mod connection;
mod listener;

use std::io;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::time::Duration;

use hallows_lockfree::hp::Reader;
use rustix::net::{Shutdown, shutdown};
use scx_stats::prelude::*;

use super::owner::Client;
use super::tape::Piece;
use super::{CellMetrics, Metrics, MoveMetrics, PriceMetrics, Snapshot};
use crate::agent::params::Params;
use crate::config::change::Change;
use crate::control::Request;
use crate::why::Heard;

/// What the scheduler answers to a [`Request`].
#[derive(Clone, Debug)]
pub enum Reply {
    /// Everything counted, now.
    Snapshot(Box<Snapshot>),
    /// What the agent saw since this was asked last, or why there is nothing.
    Tape(Result<Box<Piece>, String>),
    /// The decisions since this was asked last, or why there are none.
    Why(Result<Heard, String>),
    /// What each setting changed, in their order, or why nothing was.
    Set(Result<Vec<Change>, String>),
}

/// A client's request, which waits for its answer.
#[derive(Debug)]
pub struct Question {
    /// What the client wants.
    pub request: Request,
    /// Who asks.
    pub client: Client,
    answer: SyncSender<Reply>,
}

impl Question {
    /// Answers it. A client that went away meanwhile needs no answer.
    pub fn answer(self, reply: Reply) {
        let _ = self.answer.try_send(reply);
    }
}

/// The server, which ends when it is dropped.
#[derive(Debug)]
pub struct Server {
    questions: Receiver<Question>,
    listener: Arc<UnixListener>,
    ended: Arc<AtomicBool>,
}

impl Server {
    /// Listens at `path`, to this user and group, and takes the place of what was
    /// left there. Tells what `params` are without a question.
    ///
    /// # Errors
    /// When there is no permission to make the socket.
    pub fn launch(path: &Path, params: Reader<Params>) -> io::Result<Server> {
        let listener = Arc::new(listener::bind(path)?);
        let ended = Arc::new(AtomicBool::new(false));
        let questions = listener::serve(Arc::clone(&listener), Arc::clone(&ended), params);
        Ok(Server {
            questions,
            listener,
            ended,
        })
    }

    /// The next question, waiting for it `wait` at most.
    ///
    /// # Errors
    /// None came, or none will ever come.
    pub fn next(&self, wait: Duration) -> Result<Question, RecvTimeoutError> {
        self.questions.recv_timeout(wait)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        // Ends the wait for a client, which fails only when it has ended already.
        let _ = shutdown(&self.listener, Shutdown::Both);
    }
}

/// What the statistics mean.
pub fn description() -> StatsServerData<(), ()> {
    let described = StatsServerData::new();
    meta()
        .into_iter()
        .fold(described, StatsServerData::add_meta)
}

fn meta() -> [StatsMeta; 4] {
    [
        Metrics::meta(),
        CellMetrics::meta(),
        MoveMetrics::meta(),
        PriceMetrics::meta(),
    ]
}

#[cfg(test)]
mod tests;
