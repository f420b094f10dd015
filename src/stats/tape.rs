// SPDX-License-Identifier: GPL-2.0-only
//! Fetching what the agent sees, window by window: both ends.
//!
//! Target `tape` answers with a [`Piece`]: the windows since it was asked last.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use scx_stats::prelude::*;
use serde::{Deserialize, Serialize};

use super::client;
use crate::control::{TAPE, TARGET};
use crate::exit::Error;
use crate::recording::{Frame, Header};

/// A client that did not ask for so long is gone.
const PATIENCE: Duration = Duration::from_secs(2);

/// Most windows kept for a client that is late.
const MAX_FRAMES: usize = 256;

/// Windows since the last request.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Piece {
    pub header: Header,
    pub frames: Vec<Frame>,
    /// Windows that were dropped because nobody fetched them in time.
    pub missed: u64,
}

/// The windows that a client has not fetched yet; none while nobody asks.
#[derive(Debug, Default)]
pub struct Buffer {
    asked: Option<Instant>,
    frames: VecDeque<Frame>,
    missed: u64,
}

impl Buffer {
    /// Whether somebody wants windows now.
    pub fn is_wanted(&self) -> bool {
        self.asked.is_some_and(|at| at.elapsed() < PATIENCE)
    }

    /// Keeps a window, in place of the oldest when there are too many.
    pub fn push(&mut self, frame: Frame) {
        if self.frames.len() == MAX_FRAMES {
            self.frames.pop_front();
            self.missed += 1;
        }
        self.frames.push_back(frame);
    }

    /// Drops all windows: the next ones are of other CPUs.
    pub fn forget(&mut self) {
        self.missed += self.frames.len() as u64;
        self.frames.clear();
    }

    /// All windows since the last call, and how many got lost. What a client that
    /// went away left behind is not for the next one.
    pub fn take(&mut self) -> (Vec<Frame>, u64) {
        if !self.is_wanted() {
            self.frames.clear();
            self.missed = 0;
        }
        self.asked = Some(Instant::now());
        let missed = std::mem::take(&mut self.missed);
        (self.frames.drain(..).collect(), missed)
    }
}

/// A client that fetches windows.
pub struct Tape {
    client: StatsClient,
    socket: PathBuf,
}

impl Tape {
    /// Connects to the scheduler that listens at `socket`.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when none does, [`Error::Permission`] when the
    /// socket is closed to this user.
    pub fn connect(socket: impl Into<PathBuf>) -> Result<Tape, Error> {
        let socket = socket.into();
        let client = client::connect(&socket).map_err(|e| client::no_server(&socket, &e))?;
        Ok(Tape { client, socket })
    }

    /// The windows since the last call, of which the first only begins.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the scheduler is gone, has no agent, or is
    /// another one.
    pub fn fetch(&mut self) -> Result<Piece, Error> {
        let args = vec![(TARGET.to_owned(), TAPE.to_owned())];
        self.client
            .request("stats", args)
            .map_err(|error| client::unanswered(&self.socket, &error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(monotonic_ns: u64) -> Frame {
        Frame {
            monotonic_ns,
            ..Frame::default()
        }
    }

    #[test]
    fn windows_are_kept_while_somebody_asks() {
        let mut buffer = Buffer::default();
        assert!(!buffer.is_wanted());
        assert_eq!(buffer.take(), (vec![], 0));
        assert!(buffer.is_wanted());
        buffer.push(frame(1));
        buffer.push(frame(2));
        assert_eq!(buffer.take(), (vec![frame(1), frame(2)], 0));
        for window in 0..300 {
            buffer.push(frame(window));
        }
        let (frames, missed) = buffer.take();
        assert_eq!((frames.len(), missed), (256, 44));
        assert_eq!(frames[0], frame(44));
    }
}
