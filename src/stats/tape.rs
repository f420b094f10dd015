// SPDX-License-Identifier: GPL-2.0-only
//! Fetching what the agent sees, window by window: both ends.
//!
//! Target `tape` answers with a [`Piece`], the windows since the same client asked last, or
//! with why there is none.

use std::collections::VecDeque;
use std::path::PathBuf;

use scx_stats::prelude::*;
use serde::{Deserialize, Serialize};

use super::client;
use super::owner::{Client, Owner};
use crate::control::{TAPE, TARGET};
use crate::exit::Error;
use crate::recording::{Frame, Header};

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

/// The windows that the client who fetches them has not fetched yet.
#[derive(Debug, Default)]
pub struct Buffer {
    owner: Owner,
    frames: VecDeque<Frame>,
    missed: u64,
}

impl Buffer {
    /// Whether somebody wants windows now.
    pub fn is_wanted(&self) -> bool {
        self.owner.is_there()
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

    /// All windows since `client` asked last, and how many got lost. What one that
    /// went away left behind is not for the next.
    ///
    /// # Errors
    /// One line: another client fetches them.
    pub fn take(&mut self, client: &Client) -> Result<(Vec<Frame>, u64), String> {
        if self.owner.is_another(client) {
            return Err(
                "the scheduler is recorded already: one at a time, try again when that ends".into(),
            );
        }
        if self.owner.admit(client) {
            self.frames.clear();
            self.missed = 0;
        }
        let missed = std::mem::take(&mut self.missed);
        Ok((self.frames.drain(..).collect(), missed))
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
    /// [`Error::Unavailable`] when the scheduler is gone, has no agent, is recorded
    /// already, or is another one.
    pub fn fetch(&mut self) -> Result<Piece, Error> {
        let args = vec![(TARGET.to_owned(), TAPE.to_owned())];
        let piece: Result<Piece, String> = self
            .client
            .request("stats", args)
            .map_err(|error| client::unanswered(&self.socket, &error))?;
        piece.map_err(Error::Unavailable)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    fn frame(monotonic_ns: u64) -> Frame {
        Frame {
            monotonic_ns,
            ..Frame::default()
        }
    }

    #[test]
    fn windows_are_kept_while_somebody_asks() {
        let connection = Arc::new(());
        let (mut buffer, client) = (Buffer::default(), Client::of(&connection));
        assert!(!buffer.is_wanted());
        assert_eq!(buffer.take(&client), Ok((vec![], 0)));
        assert!(buffer.is_wanted());
        buffer.push(frame(1));
        buffer.push(frame(2));
        assert_eq!(buffer.take(&client), Ok((vec![frame(1), frame(2)], 0)));
        for window in 0..300 {
            buffer.push(frame(window));
        }
        let (frames, missed) = buffer.take(&client).unwrap();
        assert_eq!((frames.len(), missed), (256, 44));
        assert_eq!(frames[0], frame(44));
    }

    #[test]
    fn all_windows_are_for_one_client() {
        let (first, second) = (Arc::new(()), Arc::new(()));
        let (mut buffer, clients) = (Buffer::default(), [&first, &second].map(Client::of));
        buffer.take(&clients[0]).unwrap();
        buffer.push(frame(1));
        let refused = buffer.take(&clients[1]).unwrap_err();
        assert!(refused.contains("recorded already"), "{refused}");
        assert_eq!(buffer.take(&clients[0]), Ok((vec![frame(1)], 0)));
        buffer.push(frame(2));
        drop(first);
        assert!(!buffer.is_wanted());
        assert_eq!(buffer.take(&clients[1]), Ok((vec![], 0)));
    }
}
