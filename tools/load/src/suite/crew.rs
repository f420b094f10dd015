// SPDX-License-Identifier: GPL-2.0-only
//! A crew of threads or of processes that start their work together, where a
//! [`crate::team`] has threads only.

#![allow(unsafe_code)]

use std::fs::File;
use std::io::{PipeReader, PipeWriter, Read, Write, pipe};
use std::os::fd::OwnedFd;
use std::thread;

use anyhow::{Context, Result, anyhow, bail};

use crate::sys;

/// What the members of a crew are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// Threads of this process.
    Threads,
    /// Processes, forked from this one.
    Processes,
}

/// What one member does; the numbers it returns reach [`run`]'s caller.
pub type Member = Box<dyn FnOnce() -> Result<Vec<u64>> + Send>;

/// Starts all members, lets them begin at once, and waits for all of them.
/// Returns the time from their start to the end of the last, ns, and what they
/// returned. The calling process must have one thread only.
///
/// # Errors
/// When a member can't be started, and the first failure of one.
pub fn run(how: How, members: Vec<Member>) -> Result<(u64, Vec<Vec<u64>>)> {
    let gate = Gate::new()?;
    match how {
        How::Threads => run_threads(&gate, members),
        How::Processes => run_processes(&gate, members),
    }
}

fn run_threads(gate: &Gate, members: Vec<Member>) -> Result<(u64, Vec<Vec<u64>>)> {
    thread::scope(|scope| {
        let nr = members.len();
        let mut threads = Vec::with_capacity(nr);
        for member in members {
            let body = move || {
                gate.pass()?;
                member()
            };
            match thread::Builder::new().spawn_scoped(scope, body) {
                Ok(thread) => threads.push(thread),
                Err(error) => {
                    gate.call_off(threads.len())?;
                    return Err(error).context("start a thread");
                }
            }
        }
        let start = gate.open(nr)?;
        let results = threads
            .into_iter()
            .map(|it| it.join().map_err(|_| anyhow!("a thread panicked"))?)
            .collect::<Result<Vec<_>>>();
        Ok((sys::now_ns() - start, results?))
    })
}

fn run_processes(gate: &Gate, members: Vec<Member>) -> Result<(u64, Vec<Vec<u64>>)> {
    let nr = members.len();
    let mut children = Vec::with_capacity(nr);
    for member in members {
        let (reader, writer) = pipe().context("make a pipe")?;
        // SAFETY: this process has one thread, so the child may do what it likes.
        match unsafe { libc::fork() } {
            -1 => {
                let error = std::io::Error::last_os_error();
                gate.call_off(children.len())?;
                return Err(error).context("fork a process");
            }
            0 => {
                drop(reader);
                let outcome = gate.pass().and_then(|()| member());
                // SAFETY: ends this child without the parent's exit handlers.
                unsafe { libc::_exit(i32::from(tell(&outcome, writer).is_err())) }
            }
            pid => children.push((pid, reader)),
        }
    }
    let start = gate.open(nr)?;
    let told: Vec<_> = children
        .iter_mut()
        .map(|(_, reader)| numbers(reader))
        .collect();
    let elapsed_ns = sys::now_ns() - start;
    for (pid, _) in &children {
        sys::wait_for(*pid).context("wait for a process")?;
    }
    Ok((elapsed_ns, told.into_iter().collect::<Result<Vec<_>>>()?))
}

/// Writes a member's outcome: a zero and its numbers, or a one and its error.
fn tell(outcome: &Result<Vec<u64>>, writer: PipeWriter) -> Result<()> {
    let mut file = File::from(OwnedFd::from(writer));
    let bytes = match outcome {
        Ok(numbers) => {
            let mut bytes = vec![0];
            bytes.extend(numbers.iter().flat_map(|it| it.to_ne_bytes()));
            bytes
        }
        Err(error) => [&[1], format!("{error:#}").as_bytes()].concat(),
    };
    Ok(file.write_all(&bytes)?)
}

/// Reads what [`tell`] wrote.
fn numbers(reader: &mut PipeReader) -> Result<Vec<u64>> {
    let mut bytes = Vec::new();
    reader.read_to_end(&mut bytes).context("read a result")?;
    match bytes.split_first() {
        Some((0, numbers)) => Ok(numbers
            .as_chunks::<8>()
            .0
            .iter()
            .map(|it| u64::from_ne_bytes(*it))
            .collect()),
        Some((_, error)) => bail!("{}", String::from_utf8_lossy(error)),
        None => bail!("a process ended without a result"),
    }
}

/// What a member reads that may start.
const GO: u8 = 1;

/// Where members wait until all are there, threads and processes alike.
struct Gate {
    ready: (PipeReader, PipeWriter),
    go: (PipeReader, PipeWriter),
}

impl Gate {
    fn new() -> Result<Gate> {
        Ok(Gate {
            ready: pipe().context("make a pipe")?,
            go: pipe().context("make a pipe")?,
        })
    }

    /// Waits for [`Gate::open`].
    fn pass(&self) -> Result<()> {
        (&self.ready.1).write_all(&[0]).context("be ready")?;
        let mut word = [0];
        (&self.go.0)
            .read_exact(&mut word)
            .context("wait to start")?;
        match word {
            [GO] => Ok(()),
            _ => bail!("called off"),
        }
    }

    /// Waits for `nr` members, then lets them pass; returns when that was.
    fn open(&self, nr: usize) -> Result<u64> {
        (&self.ready.0)
            .read_exact(&mut vec![0; nr])
            .context("wait for all to be ready")?;
        let start = sys::now_ns();
        (&self.go.1)
            .write_all(&vec![GO; nr])
            .context("let all start")?;
        Ok(start)
    }

    /// Sends the `nr` members home that there are so far.
    fn call_off(&self, nr: usize) -> Result<()> {
        (&self.go.1)
            .write_all(&vec![!GO; nr])
            .context("call it off")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn crew(fails: bool) -> Vec<Member> {
        (0..4)
            .map(|index| -> Member {
                Box::new(move || match index {
                    2 if fails => bail!("no"),
                    _ => Ok(vec![index, index + 10]),
                })
            })
            .collect()
    }

    #[test]
    fn threads_return_their_numbers_in_order() {
        let (elapsed_ns, numbers) = run(How::Threads, crew(false)).unwrap();
        assert!(elapsed_ns > 0);
        assert_eq!(numbers, [[0, 10], [1, 11], [2, 12], [3, 13]]);
    }

    #[test]
    fn the_failure_of_one_is_that_of_the_crew() {
        let error = run(How::Threads, crew(true)).unwrap_err();
        assert_eq!(error.to_string(), "no");
    }

    #[test]
    fn who_was_called_off_does_nothing() {
        let gate = Gate::new().unwrap();
        gate.call_off(1).unwrap();
        assert_eq!(gate.pass().unwrap_err().to_string(), "called off");
    }

    #[test]
    fn an_outcome_survives_the_pipe() {
        for outcome in [Ok(vec![]), Ok(vec![7, u64::MAX])] {
            let (mut reader, writer) = pipe().unwrap();
            tell(&outcome, writer).unwrap();
            assert_eq!(numbers(&mut reader).unwrap(), outcome.unwrap());
        }
        let (mut reader, writer) = pipe().unwrap();
        tell(&Err(anyhow!("no")), writer).unwrap();
        assert_eq!(numbers(&mut reader).unwrap_err().to_string(), "no");
        let (mut reader, _) = pipe().unwrap();
        assert!(numbers(&mut reader).is_err());
    }
}
