// SPDX-License-Identifier: GPL-2.0-only

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::{Duration, Instant};

use hallows_lockfree::hp::snapshot;
use scx_stats::serde_json::{self, Value as Json};

use super::super::owner::Owner;
use super::super::testing::{Socket, socket};
use super::{Server, listener};
use crate::agent::params::Params;
use crate::control::MAX_LINE;

const LONG: Duration = Duration::from_secs(60);

/// A server that nobody answers questions of: what tests ask, it knows.
fn serve(socket: &Socket) -> Server {
    let (_, params) = snapshot(Params::default());
    Server::launch(&socket.0, params).unwrap()
}

fn connect(socket: &Socket) -> UnixStream {
    let stream = UnixStream::connect(&socket.0).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    stream
}

/// The error number of the next answer, `None` at the end of the connection.
fn errno(stream: &UnixStream) -> Option<i64> {
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).ok()?;
    serde_json::from_str::<Json>(&line).ok()?["errno"].as_i64()
}

const PARAMS: &[u8] = b"{\"req\":\"stats\",\"args\":{\"target\":\"tuning\"}}\n";

#[test]
fn only_its_user_and_group_get_in() {
    let socket = socket();
    let _server = serve(&socket);
    let mode = socket.0.metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o660);
}

#[test]
fn nonsense_is_refused_and_the_connection_goes_on() {
    let socket = socket();
    let _server = serve(&socket);
    let mut client = connect(&socket);
    for nonsense in [&b"\n"[..], b"\xff\xfe\n", b"{}\n", b"{\"req\":\"stop\"}\n"] {
        client.write_all(nonsense).unwrap();
        assert_eq!(errno(&client), Some(22), "{nonsense:?}");
    }
    client.write_all(PARAMS).unwrap();
    assert_eq!(errno(&client), Some(0));
}

#[test]
fn what_the_statistics_mean_needs_no_scheduler() {
    let socket = socket();
    let _server = serve(&socket);
    let mut client = connect(&socket);
    client.write_all(b"{\"req\":\"stats_meta\"}\n").unwrap();
    let mut line = String::new();
    BufReader::new(&client).read_line(&mut line).unwrap();
    let answer: Json = serde_json::from_str(&line).unwrap();
    assert!(answer["args"]["resp"]["Metrics"]["fields"].is_object());
}

#[test]
fn a_request_without_end_is_cut_off() {
    let socket = socket();
    let _server = serve(&socket);
    let mut client = connect(&socket);
    let endless = vec![b'x'; 1 << 20];
    // The server may close before all is written.
    let _ = client.write_all(&endless);
    let mut said = Vec::new();
    let _ = client.read_to_end(&mut said);
    assert!(said.len() < MAX_LINE, "{}", said.len());
    serves(&socket);
}

#[test]
fn a_request_that_never_ends_costs_its_time() {
    let socket = socket();
    let _server = serve(&socket);
    let mut client = connect(&socket);
    let start = Instant::now();
    client.write_all(b"{\"req\"").unwrap();
    assert_eq!(errno(&client), None);
    assert!(start.elapsed() < Duration::from_secs(20));
    serves(&socket);
}

#[test]
fn an_answer_that_nobody_takes_holds_up_nobody() {
    let socket = socket();
    let _server = serve(&socket);
    let mut deaf = connect(&socket);
    // Until both directions are full.
    deaf.set_write_timeout(Some(Duration::from_millis(200)))
        .unwrap();
    while deaf.write_all(PARAMS).is_ok() {}
    serves(&socket);
}

#[test]
fn more_clients_than_fit_are_turned_away() {
    let socket = socket();
    let _server = serve(&socket);
    let mut clients: Vec<_> = (0..listener::MAX_CLIENTS)
        .map(|_| connect(&socket))
        .collect();
    for client in &mut clients {
        client.write_all(PARAMS).unwrap();
        assert_eq!(errno(client), Some(0));
    }
    let mut late = connect(&socket);
    let _ = late.write_all(PARAMS);
    assert_eq!(errno(&late), None);
    clients.clear();
    serves(&socket);
}

#[test]
fn the_end_of_the_server_ends_its_connections() {
    let socket = socket();
    let server = serve(&socket);
    let client = connect(&socket);
    drop(server);
    assert_eq!(errno(&client), None);
    assert!(UnixStream::connect(&socket.0).is_err());
}

#[test]
fn a_client_is_there_until_its_connection_ends() {
    let socket = socket();
    let server = serve(&socket);
    let ask = || {
        let mut client = connect(&socket);
        client.write_all(b"{\"req\":\"stats\"}\n").unwrap();
        (client, server.next(LONG).unwrap().client)
    };
    let (first, second) = (ask(), ask());
    let mut owner = Owner::default();
    owner.admit(&first.1);
    assert!(owner.is_there() && owner.is_another(&second.1));
    drop(first.0);
    let start = Instant::now();
    while owner.is_another(&second.1) {
        assert!(
            start.elapsed() < Duration::from_secs(1),
            "it is there still"
        );
        thread::sleep(Duration::from_millis(1));
    }
}

/// Whether another client is served, as soon as there is room for it.
fn serves(socket: &Socket) {
    let start = Instant::now();
    while start.elapsed() < LONG {
        let mut client = connect(socket);
        if client.write_all(PARAMS).is_ok() && errno(&client) == Some(0) {
            return;
        }
        thread::sleep(Duration::from_millis(50));
    }
    panic!("nobody is served any more");
}
