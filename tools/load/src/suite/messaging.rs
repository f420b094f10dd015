// SPDX-License-Identifier: GPL-2.0-only
//! Groups in which each of 20 senders writes to each of 20 receivers.

use std::fs::File;
use std::io::{Read, Write, pipe};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use anyhow::{Context, Result};

use super::crew::{self, How, Member};
use super::{Figure, Measurement, Setting};
use crate::report::secs;

/// Through what messages go.
#[derive(Clone, Copy, Debug)]
pub enum Medium {
    Pipe,
    Socket,
}

/// Senders of a group, and receivers.
const SIDE: usize = 20;
/// Length of a message.
const BYTES: usize = 100;

/// Seconds that each number of groups takes.
///
/// # Errors
/// When a task or a pipe can't be had.
pub fn run(setting: &Setting, how: How, medium: Medium) -> Result<Measurement> {
    let groups: &[usize] = setting.scale.pick(&[4], &[1, 4], &[1, 4, 16]);
    let loops = setting.scale.pick(20, 100, 200);
    let figures = groups.iter().map(|&nr| {
        let mut members = Vec::new();
        for _ in 0..nr {
            members.extend(group(medium, loops)?);
        }
        let (elapsed_ns, _) = crew::run(how, members)?;
        let name = match nr {
            1 => "1 group".into(),
            _ => format!("{nr} groups"),
        };
        Ok(Figure::lower(name, "s", 1e-4, secs(elapsed_ns)))
    });
    Ok(Measurement::of(figures.collect::<Result<_>>()?))
}

fn group(medium: Medium, loops: usize) -> Result<Vec<Member>> {
    let (mut readers, mut writers) = (Vec::new(), Vec::new());
    for _ in 0..SIDE {
        let (reader, writer) = channel(medium)?;
        readers.push(reader);
        writers.push(writer);
    }
    let writers = Arc::new(writers);
    let receive = |mut reader: File| -> Member {
        Box::new(move || {
            let mut message = [0; BYTES];
            for _ in 0..SIDE * loops {
                reader.read_exact(&mut message).context("receive")?;
            }
            Ok(Vec::new())
        })
    };
    let send = |writers: Arc<Vec<File>>| -> Member {
        Box::new(move || {
            for _ in 0..loops {
                for mut writer in writers.iter() {
                    writer.write_all(&[1; BYTES]).context("send")?;
                }
            }
            Ok(Vec::new())
        })
    };
    let receivers = readers.into_iter().map(receive);
    let senders = (0..SIDE).map(|_| send(Arc::clone(&writers)));
    Ok(receivers.chain(senders).collect())
}

/// Where to read, and where to write.
fn channel(medium: Medium) -> Result<(File, File)> {
    let ends: (OwnedFd, OwnedFd) = match medium {
        Medium::Pipe => {
            let (reader, writer) = pipe().context("make a pipe")?;
            (reader.into(), writer.into())
        }
        Medium::Socket => {
            let (reader, writer) = UnixStream::pair().context("make a pair of sockets")?;
            (reader.into(), writer.into())
        }
    };
    Ok((ends.0.into(), ends.1.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_ends_when_all_messages_came() {
        for medium in [Medium::Pipe, Medium::Socket] {
            let members = group(medium, 2).unwrap();
            assert_eq!(members.len(), 2 * SIDE);
            crew::run(How::Threads, members).unwrap();
        }
    }
}
