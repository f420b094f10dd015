// SPDX-License-Identifier: GPL-2.0-only
//! The socket, and a thread for each client that connects.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread;
use std::time::Duration;

use hallows_lockfree::hp::Reader;
use rustix::fs::{Mode, fchmod};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind as bind_socket};
use rustix::net::{listen, socket_with};
use tracing::debug;

use super::connection::Answers;
use super::{Question, connection};
use crate::agent::params::Params;

/// Who can change the scheduler: its user and group.
const MODE: u32 = 0o660;

/// Clients at a time; more are turned away.
pub(super) const MAX_CLIENTS: usize = 32;

/// Clients that wait to be let in.
const BACKLOG: i32 = 8;

/// Between two tries to let a client in.
const PAUSE: Duration = Duration::from_millis(100);

/// A socket at `path` that was never open to other users, not for a moment: it
/// gets its mode before its name.
pub(super) fn bind(path: &Path) -> io::Result<UnixListener> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let flags = SocketFlags::CLOEXEC;
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    fchmod(&socket, Mode::from_raw_mode(MODE))?;
    bind_socket(&socket, &SocketAddrUnix::new(path)?)?;
    // The umask has taken from the mode, perhaps what the group needs.
    fs::set_permissions(path, fs::Permissions::from_mode(MODE))?;
    listen(&socket, BACKLOG)?;
    Ok(UnixListener::from(socket))
}

/// Lets clients in until `ended`; returns what they ask.
pub(super) fn serve(
    listener: Arc<UnixListener>,
    ended: Arc<AtomicBool>,
    params: Reader<Params>,
) -> Receiver<Question> {
    // A client has one question at a time, and waits for its answer.
    let (sender, questions) = mpsc::sync_channel(MAX_CLIENTS);
    thread::spawn(move || accept_all(&listener, &sender, &ended, &params));
    questions
}

fn accept_all(
    listener: &UnixListener,
    questions: &SyncSender<Question>,
    ended: &Arc<AtomicBool>,
    params: &Reader<Params>,
) {
    let clients = Arc::new(AtomicUsize::new(0));
    while !ended.load(Ordering::Relaxed) {
        let stream = match listener.accept() {
            Ok((stream, _)) => stream,
            Err(_) if ended.load(Ordering::Relaxed) => break,
            Err(error) => {
                // A client that gave up, or no descriptor left: the next may have luck.
                debug!("can't let a client in: {error}");
                thread::sleep(PAUSE);
                continue;
            }
        };
        if clients.fetch_add(1, Ordering::Relaxed) >= MAX_CLIENTS {
            clients.fetch_sub(1, Ordering::Relaxed);
            debug!("turned a client away: {MAX_CLIENTS} are there");
            continue;
        }
        let answers = Answers::new(questions.clone(), params.clone());
        let (ended, clients) = (Arc::clone(ended), Arc::clone(&clients));
        thread::spawn(move || {
            let end = connection::serve(stream, answers, &ended);
            clients.fetch_sub(1, Ordering::Relaxed);
            if let Err(error) = end {
                debug!("a client's connection ended: {error}");
            }
        });
    }
}
