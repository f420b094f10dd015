// SPDX-License-Identifier: GPL-2.0-only
//! Runs the benchmark: turn after turn, test after test.

use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use anyhow::Result;
use hallows_load::suite::{Scale, Test};

use super::agent_use::AgentUse;
use super::candidate::{Candidate, Running};
use super::measure;
use super::moves::{self, Counter};
use super::plan::{Turn, turns};
use super::results::{Results, Run, Session};
use crate::agent::place::Map;

/// After a scheduler has taken over, and before it is measured.
const SETTLE: Duration = Duration::from_millis(500);
/// A candidate that failed so often is not tried again.
const MAX_FAILURES: usize = 2;

/// What to run.
pub struct Bench<'a> {
    /// This program, which runs a test when told so.
    pub program: PathBuf,
    /// Schedulers: the default one first, and again last.
    pub candidates: Vec<Candidate>,
    /// The tests.
    pub tests: Vec<&'static Test>,
    /// How long each measures.
    pub scale: Scale,
    /// How many rounds.
    pub rounds: usize,
    /// Iterations of a microsecond of work.
    pub per_us: u64,
    /// Where the output of schedulers goes.
    pub logs: PathBuf,
    /// Counts moves, if it can.
    pub counter: Option<Counter>,
    /// The machine.
    pub map: &'a Map,
    /// Whether the user wants the end.
    pub stop: &'a dyn Fn() -> bool,
}

impl Bench<'_> {
    /// Tests that will be run, if nothing fails.
    pub fn steps(&self) -> usize {
        self.rounds * self.candidates.len() * self.tests.len()
    }

    /// Runs it all and tells `progress` of each test before it begins; returns
    /// what was measured, and whether it came to its end.
    pub fn run(&self, mut progress: impl FnMut(usize, &str)) -> (Results, bool) {
        let mut results = Results::default();
        let mut failures: Vec<Vec<String>> = vec![Vec::new(); self.candidates.len()];
        self.warm_up(&mut progress);
        for turn in turns(self.rounds, self.candidates.len()) {
            if (self.stop)() {
                return (results, false);
            }
            let candidate = &self.candidates[turn.candidate];
            let mut session = Session {
                round: turn.round + 1,
                candidate: candidate.name.clone(),
                ops: None,
                failure: None,
            };
            let failed = &mut failures[turn.candidate];
            if failed.len() == MAX_FAILURES {
                session.failure = failed.last().map(|last| format!("not tried again: {last}"));
            } else if let Err(error) = self.turn(turn, &mut session, &mut results, &mut progress)
                && !(self.stop)()
            {
                failed.push(format!("{error:#}"));
                session.failure = failed.last().cloned();
            }
            results.sessions.push(session);
        }
        (results, !(self.stop)())
    }

    /// Programs and files are read from the disk for the first time by nobody
    /// who is measured.
    fn warm_up(&self, progress: &mut impl FnMut(usize, &str)) {
        if let Some(test) = self.tests.first() {
            progress(0, "warming up");
            let arguments = measure::arguments(test, Scale::Quick, self.per_us);
            // Should it fail, it fails again where that is told.
            let _ = measure::run(&self.program, &arguments, self.stop);
        }
    }

    /// One turn of a candidate: all tests, as far as it goes. That a test fails
    /// while the candidate schedules is told, and not the end of the turn.
    fn turn(
        &self,
        turn: Turn,
        session: &mut Session,
        results: &mut Results,
        progress: &mut impl FnMut(usize, &str),
    ) -> Result<()> {
        let done = (turn.round * self.candidates.len() + turn.candidate) * self.tests.len();
        let candidate = &self.candidates[turn.candidate];
        progress(done, &format!("loading {}", candidate.name));
        let mut running = candidate.start(&self.log(candidate), self.stop)?;
        session.ops = running.ops().map(str::to_owned);
        sleep(SETTLE);
        for (index, test) in self.tests.iter().enumerate() {
            progress(
                done + index,
                &format!("{} under {}", test.name, candidate.name),
            );
            let run = self.measure(turn.candidate, test, &running);
            // What was measured while it was ejected is nobody's.
            running.check()?;
            match run {
                Ok(run) => results.runs.push(run),
                Err(error) if (self.stop)() => return Err(error),
                Err(error) => {
                    let before = session
                        .failure
                        .take()
                        .map_or_else(String::new, |it| it + "; ");
                    session.failure = Some(format!("{before}{}: {error:#}", test.name));
                }
            }
        }
        running.stop()
    }

    fn measure(&self, candidate: usize, test: &'static Test, running: &Running) -> Result<Run> {
        let arguments = measure::arguments(test, self.scale, self.per_us);
        let count = || self.counter.as_ref()?.read().ok();
        let (moves_before, agent_before) = (count(), AgentUse::of(running.pid()));
        let found = measure::run(&self.program, &arguments, self.stop)?;
        let agent = AgentUse::of(running.pid()).since(&agent_before);
        let moves = moves_before
            .zip(count())
            .map(|(before, after)| moves::between(&before, &after, self.map));
        Ok(Run {
            candidate,
            test: test.name,
            found,
            moves,
            agent,
        })
    }

    /// Where the output of a candidate goes.
    fn log(&self, candidate: &Candidate) -> PathBuf {
        let plain = |c: char| {
            if c.is_ascii_alphanumeric() || c == '_' {
                c
            } else {
                '-'
            }
        };
        let name: String = candidate.name.chars().map(plain).collect();
        Path::new(&self.logs).join(format!("{}.log", name.trim_matches('-')))
    }
}
