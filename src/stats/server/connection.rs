// SPDX-License-Identifier: GPL-2.0-only
//! One client: its lines, and an answer to each.

use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::{Duration, Instant};

use hallows_lockfree::hp::Reader;
use rustix::io::Errno;
use scx_stats::serde_json::{self, Map, Value as Json, json};

use super::{Question, Reply, meta};
use crate::agent::params::Params;
use crate::config::KEYS;
use crate::control::{self, Ask, MAX_LINE, Request};
use crate::stats::client::ENDING;
use crate::stats::owner::Client;
use crate::stats::tuning::{self, Tuned};
use crate::stats::{Metrics, Snapshot};

/// From a request's first byte to its last.
const LINE_TIME: Duration = Duration::from_secs(2);

/// Until the scheduler has answered, which looks at questions every 100 ms.
const ANSWER_TIME: Duration = Duration::from_secs(5);

/// Until the client has taken the answer.
const TAKE_TIME: Duration = Duration::from_secs(5);

/// How long a client that asks nothing does not notice the server's end.
const TICK: Duration = Duration::from_secs(1);

/// Answers the client's requests until it or the server ends.
///
/// # Errors
/// The connection fails, or the client breaks a limit.
pub(super) fn serve(
    stream: UnixStream,
    mut answers: Answers,
    ended: &AtomicBool,
) -> io::Result<()> {
    let mut lines = Lines {
        stream: &stream,
        ended,
        buffer: Vec::new(),
    };
    while let Some(line) = lines.next()? {
        let answer = match answers.to(&line) {
            Ok(value) => json!({"errno": 0, "args": {"resp": value}}),
            Err(reason) => {
                json!({"errno": Errno::INVAL.raw_os_error(), "args": {"resp": reason}})
            }
        };
        write_within(&stream, format!("{answer}\n").as_bytes(), TAKE_TIME)?;
        if line.len() > MAX_LINE {
            break;
        }
    }
    Ok(())
}

/// What a client is answered from.
pub(super) struct Answers {
    questions: SyncSender<Question>,
    params: Reader<Params>,
    /// By which the client is known, until this is dropped.
    connection: Arc<()>,
    /// What the last statistics went up to. A new client's first interval starts when
    /// the scheduler was loaded, so that a single request already tells something.
    prev: Snapshot,
}

impl Answers {
    /// For a new client.
    pub(super) fn new(questions: SyncSender<Question>, params: Reader<Params>) -> Answers {
        Answers {
            questions,
            params,
            connection: Arc::default(),
            prev: Snapshot::default(),
        }
    }

    fn to(&mut self, line: &[u8]) -> Result<Json, String> {
        match control::read(line)? {
            Ask::Of(request) => self.reply(request),
            Ask::Unfit(reason) => to_json(&Tuned::Refused(reason)),
            Ask::Describe => {
                let described = meta().map(|meta| Ok((meta.name.clone(), to_json(&meta)?)));
                let described: Result<Map<_, _>, String> = described.into_iter().collect();
                described.map(Json::Object)
            }
            Ask::Params => {
                let params = self.params.load();
                let values = KEYS
                    .iter()
                    .map(|key| (key.name.to_owned(), tuning::json(&key.get(params))));
                Ok(Json::Object(values.collect()))
            }
        }
    }

    fn reply(&mut self, request: Request) -> Result<Json, String> {
        match self.ask(request)? {
            Reply::Snapshot(now) => {
                let metrics = Metrics::between(&self.prev, &now);
                self.prev = *now;
                to_json(&metrics)
            }
            Reply::Tape(piece) => to_json(&piece),
            Reply::Why(heard) => to_json(&heard),
            Reply::Set(outcome) => to_json(&Tuned::from(outcome)),
        }
    }

    fn ask(&self, request: Request) -> Result<Reply, String> {
        let (answer, reply) = sync_channel(1);
        let question = Question {
            request,
            client: Client::of(&self.connection),
            answer,
        };
        self.questions.send(question).map_err(|_| ENDING)?;
        reply.recv_timeout(ANSWER_TIME).map_err(|_| ENDING.into())
    }
}

fn to_json(value: &impl serde::Serialize) -> Result<Json, String> {
    serde_json::to_value(value).map_err(|error| format!("no answer: {error}"))
}

/// The lines of a client.
struct Lines<'a> {
    stream: &'a UnixStream,
    ended: &'a AtomicBool,
    /// What came of the next one.
    buffer: Vec<u8>,
}

impl Lines<'_> {
    /// The next line, without its end, or the first bytes of one that is too long;
    /// `None` when there is no other.
    fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut deadline = (!self.buffer.is_empty()).then(|| Instant::now() + LINE_TIME);
        loop {
            if let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let rest = self.buffer.split_off(end + 1);
                let mut line = std::mem::replace(&mut self.buffer, rest);
                line.pop();
                return Ok(Some(line));
            }
            if self.buffer.len() > MAX_LINE {
                return Ok(Some(std::mem::take(&mut self.buffer)));
            }
            if self.ended.load(Ordering::Relaxed) || !self.read(deadline)? {
                return Ok(None);
            }
            if deadline.is_none() && !self.buffer.is_empty() {
                deadline = Some(Instant::now() + LINE_TIME);
            }
        }
    }

    /// Reads some bytes, or waits for a [`TICK`] in vain; false at the end.
    fn read(&mut self, deadline: Option<Instant>) -> io::Result<bool> {
        let left = match deadline {
            Some(at) => left_until(at)?.min(TICK),
            None => TICK,
        };
        self.stream.set_read_timeout(Some(left))?;
        let mut bytes = [0; 4096];
        match self.stream.read(&mut bytes) {
            Ok(count) => {
                self.buffer.extend(&bytes[..count]);
                Ok(count > 0)
            }
            Err(error) if is_wait(&error) => Ok(true),
            Err(error) => Err(error),
        }
    }
}

/// Writes all of `bytes` before the time is over.
fn write_within(mut stream: &UnixStream, mut bytes: &[u8], limit: Duration) -> io::Result<()> {
    let deadline = Instant::now() + limit;
    while !bytes.is_empty() {
        stream.set_write_timeout(Some(left_until(deadline)?))?;
        match stream.write(bytes) {
            Ok(count) => bytes = &bytes[count..],
            Err(error) if is_wait(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// The time until `deadline`, which a time-out of the system can be.
fn left_until(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left < Duration::from_millis(1) {
        return Err(io::Error::new(
            ErrorKind::TimedOut,
            "the client is too slow",
        ));
    }
    Ok(left)
}

fn is_wait(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
    )
}
