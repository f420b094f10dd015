// SPDX-License-Identifier: GPL-2.0-only
//! Reading and changing the tunables of a running scheduler, over the
//! statistics server: both ends of it.
//!
//! Target `tuning` answers with an object of all keys and their values. Target
//! `tune` takes `KEY: "VALUE"` arguments and answers with a [`Tuned`], as does `reload`,
//! which takes none.

use std::path::PathBuf;

use scx_stats::serde_json::{Map, Value as Json};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::client;
use crate::agent::params::Params;
use crate::config::change::{Change, Setting, change, setting};
use crate::config::{KEYS, Key, Value};
use crate::control::{GET, RELOAD, SET, TARGET};
use crate::exit::Error;

/// What became of a request to change values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tuned {
    /// All of them hold now.
    Changed(Vec<Step>),
    /// None does, for this reason.
    Refused(String),
}

/// A value that was set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Whose.
    pub key: String,
    /// What it was, as a flag has it.
    pub old: String,
    /// What it is.
    pub new: String,
}

/// `value` as JSON.
pub fn json(value: &Value) -> Json {
    match value {
        Value::Float(value) => (*value).into(),
        Value::Integer(value) => (*value).into(),
        Value::List(values) => values.as_slice().into(),
        Value::Word(word) => word.as_str().into(),
    }
}

impl From<Result<Vec<Change>, String>> for Tuned {
    fn from(outcome: Result<Vec<Change>, String>) -> Tuned {
        let step = |change: Change| Step {
            key: change.key.name.to_owned(),
            old: change.old.to_string(),
            new: change.new.to_string(),
        };
        match outcome {
            Ok(changes) => Tuned::Changed(changes.into_iter().map(step).collect()),
            Err(reason) => Tuned::Refused(reason),
        }
    }
}

/// A client that reads and changes the tunables of a running scheduler.
#[derive(Debug)]
pub struct Tuner {
    socket: PathBuf,
}

impl Tuner {
    /// For the scheduler that listens at `socket`.
    pub fn at(socket: impl Into<PathBuf>) -> Tuner {
        Tuner {
            socket: socket.into(),
        }
    }

    /// The parameters that hold now.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when no scheduler answers, or another one than
    /// this version of `scx_hallows`; [`Error::Permission`] when the socket is
    /// closed to this user.
    pub fn get(&self) -> Result<Params, Error> {
        let values: Map<String, Json> = self.ask(GET, vec![])?;
        let read = |key: &'static Key| {
            let value = values
                .get(key.name)
                .ok_or_else(|| format!("no {}", key.name))?;
            // A flag's parser reads JSON's spelling of a value as well.
            setting(key.name, &value.to_string())
        };
        let settings: Result<Vec<Setting>, String> = KEYS.iter().map(read).collect();
        settings
            .and_then(|settings| change(&Params::default(), &settings))
            .map(|(params, _)| params)
            .map_err(|text| client::foreign(&self.socket, &anyhow::Error::msg(text)))
    }

    /// Changes all of `settings` or nothing.
    ///
    /// # Errors
    /// [`Error::Usage`] when the scheduler refuses, else those of
    /// [`get`](Self::get).
    pub fn set(&self, settings: &[Setting]) -> Result<Vec<Step>, Error> {
        let args = settings
            .iter()
            .map(|(key, value)| (key.name.to_owned(), value.to_string()));
        self.change(SET, args.collect())
    }

    /// Has the configuration file read again; returns what differs.
    ///
    /// # Errors
    /// [`Error::Usage`] when the file can't be used, and nothing changed; else those
    /// of [`get`](Self::get).
    pub fn reload(&self) -> Result<Vec<Step>, Error> {
        self.change(RELOAD, vec![])
    }

    fn change(&self, target: &str, args: Vec<(String, String)>) -> Result<Vec<Step>, Error> {
        match self.ask(target, args)? {
            Tuned::Changed(steps) => Ok(steps),
            Tuned::Refused(reason) => Err(Error::Usage(reason)),
        }
    }

    fn ask<T: DeserializeOwned>(
        &self,
        target: &str,
        mut args: Vec<(String, String)>,
    ) -> Result<T, Error> {
        args.push((TARGET.to_owned(), target.to_owned()));
        let mut server = client::connect(&self.socket)
            .map_err(|error| client::no_server(&self.socket, &error))?;
        server
            .request("stats", args)
            .map_err(|error| client::unanswered(&self.socket, &error))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Socket, socket};
    use super::super::{Reply, Server};
    use super::*;
    use crate::control::Request;
    use hallows_lockfree::hp::snapshot;
    use scx_stats::prelude::*;
    use std::io::{BufRead, BufReader, Write};
    use std::os::unix::net::UnixListener;
    use std::thread;
    use std::time::Duration;

    const LONG: Duration = Duration::from_secs(60);

    /// A server that answers like a scheduler until the test's end.
    fn serve(socket: &Socket) {
        let (mut params, reader) = snapshot(Params::default());
        let server = Server::launch(&socket.0, reader).unwrap();
        thread::spawn(move || {
            while let Ok(question) = server.next(LONG) {
                let reply = match &question.request {
                    Request::Snapshot => Reply::Snapshot(Default::default()),
                    Request::Tape => Reply::Tape(Err(String::new())),
                    Request::Why(_) => Reply::Why(Ok(Default::default())),
                    Request::Set(settings) => {
                        let changed = change(params.current(), settings);
                        Reply::Set(changed.map(|(new, changes)| {
                            params.publish(new);
                            changes
                        }))
                    }
                    Request::Reload => Reply::Set(Err("config.toml:1: unknown key".to_owned())),
                };
                question.answer(reply);
            }
        });
    }

    fn set(tuner: &Tuner, texts: &[(&str, &str)]) -> Result<Vec<Step>, Error> {
        let settings: Vec<_> = texts.iter().map(|(k, v)| setting(k, v).unwrap()).collect();
        tuner.set(&settings)
    }

    #[test]
    fn a_scheduler_that_ends_meanwhile_is_said_to() {
        let socket = socket();
        let (_, params) = snapshot(Params::default());
        let server = Server::launch(&socket.0, params).unwrap();
        let tuner = Tuner::at(&socket.0);
        // Nobody answers questions, and what holds is told all the same.
        assert_eq!(tuner.get(), Ok(Params::default()));
        let client = thread::spawn(move || set(&tuner, &[("kappa", "0.5")]));
        let question = server.next(LONG).unwrap();
        drop((question, server));
        let told = client.join().unwrap().unwrap_err().to_string();
        assert!(told.ends_with("try again"), "{told}");
    }

    #[test]
    fn a_scheduler_that_is_gone_is_not_called_another_version() {
        for half in [&b""[..], b"{\"errno\":0,\"args\":{"] {
            let socket = socket();
            let listener = UnixListener::bind(&socket.0).unwrap();
            let server = thread::spawn(move || {
                let (mut client, _) = listener.accept()?;
                BufReader::new(&client).read_line(&mut String::new())?;
                client.write_all(half)
            });
            let error = Tuner::at(&socket.0).get().unwrap_err();
            server.join().unwrap().unwrap();
            assert_eq!(error.code(), 69);
            assert!(error.to_string().contains("has ended, or hangs"), "{error}");
        }
    }

    #[test]
    fn what_is_set_holds() {
        let socket = socket();
        serve(&socket);
        let tuner = Tuner::at(&socket.0);
        assert_eq!(tuner.get(), Ok(Params::default()));
        let steps = set(&tuner, &[("kappa", "0.5"), ("slice_us", "4000")]).unwrap();
        let told: Vec<_> = steps
            .iter()
            .map(|step| format!("{} {} {}", step.key, step.old, step.new))
            .collect();
        assert_eq!(told, ["kappa 1 0.5", "slice_us 3000 4000"]);
        let expected = Params {
            kappa: 0.5,
            slice_ns: 4_000_000,
            ..Params::default()
        };
        assert_eq!(tuner.get(), Ok(expected));
    }

    #[test]
    fn a_refused_set_changes_nothing() {
        let socket = socket();
        serve(&socket);
        let tuner = Tuner::at(&socket.0);
        let error = set(&tuner, &[("kappa", "0.5"), ("slice_us", "400")]).unwrap_err();
        assert_eq!(error.code(), 2);
        assert!(
            error.to_string().starts_with("min_slice_us 500 is above"),
            "{error}"
        );
        assert_eq!(tuner.get(), Ok(Params::default()));
    }

    #[test]
    fn a_file_that_cannot_be_used_is_refused() {
        let socket = socket();
        serve(&socket);
        let error = Tuner::at(&socket.0).reload().unwrap_err();
        assert_eq!(error, Error::Usage("config.toml:1: unknown key".into()));
    }

    #[test]
    fn the_server_checks_for_itself() {
        let socket = socket();
        serve(&socket);
        let tuner = Tuner::at(&socket.0);
        for (name, value) in [("dwel", "1"), ("dwell", "0"), ("dwell", "\n")] {
            let args = vec![(name.to_owned(), value.to_owned())];
            let Tuned::Refused(reason) = tuner.ask(SET, args).unwrap() else {
                panic!("{name} {value} was set");
            };
            assert!(reason.contains("dwel"), "{reason}");
        }
    }

    #[test]
    fn without_a_scheduler_there_is_nothing_to_tune() {
        let socket = socket();
        let error = Tuner::at(&socket.0).get().unwrap_err();
        assert_eq!(error.code(), 69);
        assert!(
            error.to_string().contains("start scx_hallows first"),
            "{error}"
        );
    }

    #[test]
    fn another_scheduler_is_not_tuned() {
        let socket = socket();
        let _server = StatsServer::<(), ()>::new(StatsServerData::new())
            .set_path(&socket.0)
            .launch()
            .unwrap();
        let error = Tuner::at(&socket.0).get().unwrap_err();
        assert_eq!(error.code(), 69);
        assert!(error.to_string().contains("not this version"), "{error}");
    }
}
