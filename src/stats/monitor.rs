// SPDX-License-Identifier: GPL-2.0-only
//! A client of the statistics server that prints every few seconds.

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use scx_stats::prelude::*;
use scx_stats::serde_json;
use tracing::{debug, info};

use super::Metrics;
use super::client::{self, SOCKET};
use crate::exit::Error;

/// How long Ctrl-C may go unnoticed between two prints.
const NAP: Duration = Duration::from_millis(50);

/// Prints the statistics of a running scheduler.
#[derive(Debug)]
pub struct Monitor<'a> {
    socket: PathBuf,
    interval: Duration,
    shutdown: &'a AtomicBool,
}

impl<'a> Monitor<'a> {
    /// A monitor that prints every `interval` until `shutdown` is set.
    pub fn new(interval: Duration, shutdown: &'a AtomicBool) -> Self {
        Monitor {
            socket: SOCKET.into(),
            interval,
            shutdown,
        }
    }

    /// The same monitor for a server at another path.
    pub fn at(self, socket: impl Into<PathBuf>) -> Self {
        Monitor {
            socket: socket.into(),
            ..self
        }
    }

    /// Prints the statistics of a scheduler that runs already, until shutdown
    /// or until the reader of `out` goes away.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when no scheduler answers at first or another one
    /// than `scx_hallows` does, [`Error::Permission`] when the socket is closed
    /// to this user.
    pub fn watch(&self, out: &mut impl Write) -> Result<(), Error> {
        let client = client::connect(&self.socket)
            .map_err(|error| client::no_server(&self.socket, &error))?;
        if self.print(client, out)? == Ended::Reader {
            return Ok(());
        }
        self.follow(out)
    }

    /// Like [`watch`](Self::watch), but waits for the scheduler to come and to
    /// come back, and prints for the first time after an interval.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when another scheduler than `scx_hallows` answers.
    pub fn follow(&self, out: &mut impl Write) -> Result<(), Error> {
        while self.pause() {
            match client::connect(&self.socket) {
                Ok(client) => {
                    if self.print(client, out)? == Ended::Reader {
                        return Ok(());
                    }
                }
                Err(error) => debug!("no statistics at {}: {error:#}", self.socket.display()),
            }
        }
        Ok(())
    }

    /// Prints until the connection, the reader or the monitor ends.
    fn print(&self, mut client: StatsClient, out: &mut impl Write) -> Result<Ended, Error> {
        while !self.shutdown.load(Ordering::Relaxed) {
            let metrics: Metrics = match client.request("stats", vec![]) {
                Ok(metrics) => metrics,
                Err(error) if error.is::<serde_json::Error>() => {
                    return Err(client::foreign(&self.socket, &error));
                }
                Err(error) => {
                    info!("the scheduler gave no statistics ({error:#}), asking again");
                    return Ok(Ended::Connection);
                }
            };
            match metrics.print(out).and_then(|()| out.flush()) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                    return Ok(Ended::Reader);
                }
                Err(error) => {
                    return Err(Error::Failed(format!("cannot print statistics: {error}")));
                }
            }
            self.pause();
        }
        Ok(Ended::Connection)
    }

    /// Waits for the interval, false when shutdown cuts it short.
    fn pause(&self) -> bool {
        let start = Instant::now();
        while !self.shutdown.load(Ordering::Relaxed) {
            let left = self.interval.saturating_sub(start.elapsed());
            if left.is_zero() {
                return true;
            }
            sleep(left.min(NAP));
        }
        false
    }
}

/// What made the printing end.
#[derive(PartialEq)]
enum Ended {
    /// The server went away, or shutdown came.
    Connection,
    /// Nobody reads the output any more.
    Reader,
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Socket, socket};
    use super::super::{Reply, Server, Snapshot};
    use super::*;
    use crate::agent::params::Params;
    use crate::control::Request;
    use hallows_lockfree::hp::snapshot;
    use std::io::{BufRead, BufReader};
    use std::os::unix::net::UnixListener;
    use std::thread;

    /// A server that answers `answers` requests, each a second later than the last.
    fn serve(socket: &Socket, answers: u64) {
        let server = Server::launch(&socket.0, snapshot(Params::default()).1).unwrap();
        thread::spawn(move || {
            for uptime in 1..=answers {
                let question = server.next(LONG).unwrap();
                assert!(matches!(question.request, Request::Snapshot));
                let mut now = Snapshot {
                    uptime: Duration::from_secs(uptime),
                    ..Snapshot::default()
                };
                now.totals.count[0] = 100 * uptime;
                question.answer(Reply::Snapshot(now.into()));
            }
            // Clients wait for more.
            let _ = server.next(LONG);
        });
    }

    /// Collects what is printed and sets the flag after so many blocks.
    struct Reader<'a> {
        text: String,
        blocks: usize,
        shutdown: &'a AtomicBool,
    }

    impl Write for Reader<'_> {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.text.push_str(std::str::from_utf8(bytes).unwrap());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            let blocks = self.text.matches("\n\n").count();
            self.shutdown
                .store(blocks >= self.blocks, Ordering::Relaxed);
            Ok(())
        }
    }

    const LONG: Duration = Duration::from_secs(60);
    const SHORT: Duration = Duration::from_millis(10);

    #[test]
    fn each_print_covers_the_time_since_the_last() {
        let (socket, shutdown) = (socket(), AtomicBool::new(false));
        serve(&socket, 3);
        let mut reader = Reader {
            text: String::new(),
            blocks: 3,
            shutdown: &shutdown,
        };
        Monitor::new(SHORT, &shutdown)
            .at(&socket.0)
            .watch(&mut reader)
            .unwrap();
        assert_eq!(
            reader.text.matches("dispatch/s  own 100  ").count(),
            3,
            "{}",
            reader.text
        );
    }

    #[test]
    fn without_a_server_there_is_nothing_to_watch() {
        let (socket, shutdown) = (socket(), AtomicBool::new(false));
        let monitor = Monitor::new(SHORT, &shutdown).at(&socket.0);
        let error = monitor.watch(&mut io::sink()).unwrap_err();
        assert_eq!(error.code(), 69);
        assert!(
            error.to_string().contains("no scheduler answers"),
            "{error}"
        );
    }

    #[test]
    fn a_socket_left_behind_is_no_server() {
        let (socket, shutdown) = (socket(), AtomicBool::new(false));
        drop(UnixListener::bind(&socket.0).unwrap());
        let error = Monitor::new(SHORT, &shutdown)
            .at(&socket.0)
            .watch(&mut io::sink())
            .unwrap_err();
        assert_eq!(error.code(), 69);
    }

    #[test]
    fn follow_waits_for_a_server() {
        let (socket, shutdown) = (socket(), AtomicBool::new(false));
        let mut reader = Reader {
            text: String::new(),
            blocks: 1,
            shutdown: &shutdown,
        };
        thread::scope(|scope| {
            let monitor = Monitor::new(SHORT, &shutdown).at(&socket.0);
            let follower = scope.spawn(move || monitor.follow(&mut reader));
            thread::sleep(5 * SHORT);
            serve(&socket, 1);
            follower.join().unwrap().unwrap();
        });
    }

    #[test]
    fn another_schedulers_statistics_are_refused() {
        let (socket, shutdown) = (socket(), AtomicBool::new(false));
        let listener = UnixListener::bind(&socket.0).unwrap();
        let foreign = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            BufReader::new(stream.try_clone().unwrap())
                .read_line(&mut String::new())
                .unwrap();
            stream
                .write_all(b"{\"errno\":0,\"args\":{\"resp\":{\"nr_kicks\":1}}}\n")
                .unwrap();
        });
        let error = Monitor::new(SHORT, &shutdown)
            .at(&socket.0)
            .watch(&mut io::sink())
            .unwrap_err();
        assert_eq!(error.code(), 69);
        assert!(
            error
                .to_string()
                .contains("not this version of scx_hallows"),
            "{error}"
        );
        foreign.join().unwrap();
    }

    #[test]
    fn a_reader_that_goes_away_ends_the_printing() {
        struct Gone;
        impl Write for Gone {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let (socket, shutdown) = (socket(), AtomicBool::new(false));
        serve(&socket, 1);
        let monitor = Monitor::new(SHORT, &shutdown).at(&socket.0);
        assert_eq!(monitor.watch(&mut Gone), Ok(()));
    }

    #[test]
    fn shutdown_cuts_a_long_interval_short() {
        let (socket, shutdown) = (socket(), AtomicBool::new(false));
        serve(&socket, 1);
        let start = Instant::now();
        thread::scope(|scope| {
            let monitor = Monitor::new(Duration::from_secs(600), &shutdown).at(&socket.0);
            let watcher = scope.spawn(move || monitor.watch(&mut io::sink()));
            thread::sleep(5 * SHORT);
            shutdown.store(true, Ordering::Relaxed);
            watcher.join().unwrap().unwrap();
        });
        assert!(start.elapsed() < Duration::from_secs(60));
    }
}
