// SPDX-License-Identifier: GPL-2.0-only
//! Gets the BPF side to schedule, and runs the agent until something ends it.

#![allow(unsafe_code)]

use std::mem::MaybeUninit;
use std::path::{Path, PathBuf};
use std::sync::mpsc::RecvTimeoutError;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use libbpf_rs::OpenObject;
use scx_utils::{uei_exited, uei_report};
use tracing::{debug, info, warn};

use crate::agent::group_maps::GroupMaps;
use crate::agent::memory::{Memory, Tunables};
use crate::agent::params::Params;
use crate::agent::place::Map;
use crate::agent::price;
use crate::agent::steer::Agent;
use crate::bpf_skel::BpfSkel;
use crate::cli::Options;
use crate::config::Live;
use crate::config::change::Change;
use crate::control::Request;
use crate::ejection::Report;
use crate::ejection::dump::kernel_dump;
use crate::ejection::history::History;
use crate::exit::Error;
use crate::held::HeldCpus;
use crate::hotplug::Hotplug;
use crate::load::{self, Hold};
use crate::logging::Limit;
use crate::pmu::Counters;
use crate::recording::Header;
use crate::rescues::{self, Rescues};
use crate::service::Service;
use crate::signals::Signals;
use crate::standstill::Standstill;
use crate::stats::owner::Client;
use crate::stats::tape::{Buffer, Piece};
use crate::stats::{CellView, Metrics, Question, Reply, SOCKET, Server, Snapshot, Totals};
use crate::why::watch::Watch;

/// No wait of the loop is longer, so that a signal ends it soon.
const MAX_WAIT: Duration = Duration::from_millis(100);

/// What follows a scheduler that has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Nothing: it was to end.
    End,
    /// It is to be loaded again, for other CPUs.
    OtherCpus,
    /// It is to be loaded again: the machine stood still for so long that the kernel
    /// ejected it.
    StoodStill(Duration),
}

/// A loaded scheduler: schedules from [`Scheduler::init`] until it is dropped.
pub struct Scheduler<'a> {
    skel: BpfSkel<'a>,
    hold: Option<Hold>,
    map: Map,
    hotplug: Hotplug,
    memory: Memory,
    watch: Watch,
    tape: Buffer,
    agent: Option<Agent>,
    next_round: Instant,
    server: Option<Server>,
    started: Instant,
    history: History,
    counters: Option<Counters>,
    held: HeldCpus,
    rescues: Rescues,
    /// Of lines about changed parameters.
    limit: Limit,
    report_dir: PathBuf,
}

impl<'a> Scheduler<'a> {
    /// Lets the kernel schedule by it, as [`load::start`] does, with the parameters
    /// of `live`.
    ///
    /// # Errors
    /// Those of [`load::start`], or the system is out of memory or descriptors.
    pub fn init(
        options: &Options,
        live: &Live,
        open: &'a mut MaybeUninit<OpenObject>,
    ) -> Result<Self> {
        let params = live.params();
        let mut loaded = load::start(options, params, open)?;
        let (skel, map, memory) = (loaded.skel, loaded.map, loaded.memory);
        let agent = match options.no_agent {
            true => None,
            false => Some(Agent::new(&map, *params, GroupMaps::of(&skel)?, &memory)),
        };
        let watch = Watch::of(&skel)?;
        let server = Server::launch(Path::new(SOCKET), live.reader()).inspect_err(|error| {
            warn!("no statistics: can't listen on {SOCKET}: {error}");
        });
        let rescues = Rescues::since_now(&memory, loaded.roster.cpus());
        loaded.hold.own();
        Ok(Scheduler {
            skel,
            hold: Some(loaded.hold),
            agent,
            hotplug: Hotplug::new(loaded.roster, loaded.nr_cpu_ids),
            map,
            watch,
            tape: Buffer::default(),
            memory,
            next_round: Instant::now(),
            server: server.ok(),
            started: loaded.since,
            history: History::default(),
            counters: loaded.counters,
            held: HeldCpus::new(Instant::now()),
            rescues,
            limit: Limit::default(),
            report_dir: options.report_dir.clone(),
        })
    }

    /// Steers by the parameters of `live`, and answers requests for statistics
    /// and changes of them, until a signal ends it or the kernel ejects the
    /// scheduler. Tells the service manager how it is, and `standstill` that it
    /// runs.
    ///
    /// # Errors
    /// The kernel ejected the scheduler because of an error, which it leaves a
    /// report of.
    pub fn run(
        &mut self,
        live: &mut Live,
        signals: &Signals,
        service: &mut Service,
        standstill: &mut Standstill,
    ) -> Result<Next, Error> {
        let mut outgrown = false;
        standstill.begin();
        while !signals.is_shutdown() && !uei_exited!(&self.skel, uei) {
            service.beat();
            standstill.pass(Instant::now());
            if signals.take_reload() {
                // What came of it is logged.
                let _ = self.reload(live);
            }
            outgrown = !self.follow_hotplug();
            if outgrown {
                break;
            }
            self.remember(false);
            self.look_for_the_held();
            let wait = self.steer();
            self.answer(live, wait);
            self.watch.rest(&self.memory);
        }
        if signals.is_shutdown() {
            service.stopping();
        }
        self.remember(true);
        self.end(live.params(), signals, standstill, outgrown)
    }

    /// Looks who holds CPUs, and tells who was rescued from that.
    fn look_for_the_held(&mut self) {
        let cpus = || self.hotplug.cpus();
        self.held.look(&self.skel, &self.memory, cpus());
        if let Some(rescues) = self.rescues.news(&self.memory, cpus()) {
            self.held.look_now(&self.skel, &self.memory, cpus());
            tell(&rescues, &self.held.lately());
        }
    }

    /// Gives the agent its turn if it is time; returns how long there is until the next.
    fn steer(&mut self) -> Duration {
        let Some(agent) = &mut self.agent else {
            return MAX_WAIT;
        };
        let now = Instant::now();
        if now >= self.next_round {
            agent.round(&self.map, &self.memory);
            if self.tape.is_wanted() {
                self.tape.push(agent.frame());
            }
            self.next_round = now + Duration::from_nanos(agent.period_ns());
        }
        let left = self.next_round.saturating_duration_since(Instant::now());
        left.min(MAX_WAIT)
    }

    /// Gives the tasks back, or leaves them to another agent, and says what follows;
    /// `outgrown`: there are CPUs that it has no room for.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    fn end(
        &mut self,
        params: &Params,
        signals: &Signals,
        standstill: &mut Standstill,
        outgrown: bool,
    ) -> Result<Next, Error> {
        if let Some(mut hold) = self.hold.take() {
            if signals.is_leaving() && !uei_exited!(&self.skel, uei) && hold.leave() {
                info!("leaving the scheduler to another agent");
                return Ok(Next::End);
            }
            debug!("detaching");
            hold.detach();
        }
        self.account();
        match uei_report!(&self.skel, uei) {
            Ok(outcome) if outgrown || outcome.should_restart() => Ok(Next::OtherCpus),
            Ok(_) => Ok(Next::End),
            Err(error) => match standstill.forgives(&error.to_string(), Instant::now()) {
                Some(time) => Ok(Next::StoodStill(time)),
                None => Err(self.report(error.into(), params)),
            },
        }
    }

    /// Goes by the CPUs that there are now. False if the program has no room for
    /// them as it was loaded.
    fn follow_hotplug(&mut self) -> bool {
        match self.hotplug.follow(&self.skel, &self.memory, &self.map) {
            Ok(None) => {}
            Ok(Some(map)) => {
                self.map = map;
                self.tape.forget();
                if let Some(counters) = &mut self.counters {
                    counters.cover(&self.skel, self.hotplug.cpus());
                }
                if let Some(agent) = &mut self.agent {
                    agent.set_map(&self.map);
                }
                self.next_round = Instant::now();
            }
            Err(error) => {
                info!("{error:#}: it takes a new start");
                return false;
            }
        }
        true
    }

    /// Keeps the cells as they are, if it is time or `now`.
    fn remember(&mut self, now: bool) {
        let uptime = self.started.elapsed();
        if now || self.history.is_due(uptime) {
            let (map, memory, agent) = (&self.map, &self.memory, &self.agent);
            let cells = (0..map.cells().len()).map(|index| view(map, memory, agent, index));
            self.history.keep(uptime, cells);
        }
    }

    /// Leaves a report of an ejection, and returns `error` with its path. That it
    /// can't be written changes nothing about the end.
    fn report(&self, error: Error, params: &Params) -> Error {
        let Error::Ejected { mut reason, .. } = error else {
            return error;
        };
        let held = self.held.long();
        if reason.contains("stall")
            && let Some(longest) = held.first()
        {
            reason = format!("{reason}; {longest}");
        }
        let metrics = Metrics::between(&Snapshot::default(), &self.snapshot());
        let report = Report {
            reason: &reason,
            map: &self.map,
            params: Some(params),
            history: &self.history,
            held: &held,
            metrics: &metrics,
            dump: &kernel_dump(),
        }
        .keep(&self.report_dir);
        let report = report
            .inspect_err(|error| warn!("no report of the ejection: {error:#}"))
            .ok();
        Error::Ejected { reason, report }
    }

    /// Says what became of the moves that the agent asked for, and who was rescued.
    fn account(&self) {
        let metrics = Metrics::between(&Snapshot::default(), &self.snapshot());
        for (kind, moves) in &metrics.moves {
            if moves.requested > 0 {
                info!("moves, {kind}: {moves}");
            }
        }
        if let Some(rescues) = rescues::told(&metrics.rescues()) {
            info!("rescues: {rescues}");
        }
    }

    /// Makes `params`, which are valid, hold from now on.
    fn apply(&mut self, params: &Params) {
        let tunables = match &mut self.agent {
            Some(agent) => {
                agent.set_params(&self.map, *params);
                agent.tunables()
            }
            None => Tunables::new(params, &price::static_ns(&self.map, params)),
        };
        self.memory.tune(&tunables);
        // The new period begins at once, not when the old one is over.
        self.next_round = Instant::now();
    }

    /// Takes up the configuration file as it is now, and returns what differs.
    fn reload(&mut self, live: &mut Live) -> Result<Vec<Change>, Error> {
        let outcome = live.reload();
        if let Some(end) = self.limit.pass(Instant::now()) {
            match &outcome {
                Ok(changes) => info!("configuration read again: {}{end}", told(changes)),
                Err(error) => warn!("the old values stay: {error}{end}"),
            }
        }
        if outcome.is_ok() {
            self.apply(live.params());
        }
        outcome
    }

    /// Waits for a client's request, `wait` at most, and answers it. A server
    /// that ended costs the statistics, not the scheduler.
    fn answer(&mut self, live: &mut Live, wait: Duration) {
        let Some(server) = &self.server else {
            thread::sleep(wait);
            return;
        };
        match server.next(wait) {
            Ok(question) => {
                let reply = self.reply(live, &question);
                question.answer(reply);
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                warn!("the statistics server ended: no statistics from here on");
                self.server = None;
            }
        }
    }

    /// What the agent saw since `client` asked last.
    fn tape(&mut self, client: &Client, params: &Params) -> Result<Box<Piece>, String> {
        if self.agent.is_none() {
            return Err(
                "the scheduler runs without an agent (--no-agent): there is nothing to record"
                    .into(),
            );
        }
        let (frames, missed) = self.tape.take(client)?;
        Ok(Box::new(Piece {
            header: Header::new(&self.map, params),
            frames,
            missed,
        }))
    }

    fn reply(&mut self, live: &mut Live, question: &Question) -> Reply {
        let client = &question.client;
        match &question.request {
            Request::Snapshot => Reply::Snapshot(Box::new(self.snapshot())),
            Request::Tape => Reply::Tape(self.tape(client, live.params())),
            Request::Why(pid) => Reply::Why(
                self.watch
                    .ask(&self.memory, client, *pid)
                    .map_err(|error| format!("{error:#}")),
            ),
            Request::Set(settings) => {
                let outcome = live.set(settings);
                if let Ok(changes) = &outcome {
                    if let Some(end) = self.limit.pass(Instant::now()) {
                        info!("set: {}{end}", told(changes));
                    }
                    self.apply(live.params());
                }
                Reply::Set(outcome)
            }
            Request::Reload => {
                let outcome = self.reload(live);
                Reply::Set(outcome.map_err(|error| error.to_string()))
            }
        }
    }

    /// Everything counted so far, and the cells as they are now.
    pub fn snapshot(&self) -> Snapshot {
        let mut totals = Totals::counted(&self.memory, self.hotplug.cpus());
        let cells = 0..self.map.cells().len();
        let cells = cells.map(|index| view(&self.map, &self.memory, &self.agent, index));
        if let Some(agent) = &self.agent {
            let total = agent.totals();
            totals.windows = total.rounds;
            totals.flips = total.flips;
            totals.home_switches = agent.homes().1;
            totals.guard = agent.guarded();
            totals.period_ms = agent.period_ns() / 1_000_000;
        }
        Snapshot {
            uptime: self.started.elapsed(),
            totals,
            cells: cells.collect(),
            laid_out: self
                .skel
                .maps
                .rodata_data
                .as_ref()
                .is_some_and(|rodata| rodata.laid_out),
            prices: self.agent.as_ref().map_or_else(Vec::new, |agent| {
                let estimates = agent.estimates().iter().copied();
                agent.prices_ns().into_iter().zip(estimates).collect()
            }),
            homes: self
                .agent
                .as_ref()
                .map_or(0, |agent| agent.homes().0 as u64),
        }
    }
}

/// The CPU at `index` of the map, as it is now.
fn view(map: &Map, memory: &Memory, agent: &Option<Agent>, index: usize) -> CellView {
    let order = agent.as_ref().and_then(|agent| agent.orders().get(index));
    CellView::of(map, memory, index, order.map(|order| order.state))
}

/// Says who was rescued, and who held CPUs lately.
fn tell(rescues: &str, held: &[String]) {
    let semicolon = if held.is_empty() { "" } else { "; " };
    let held = held.join(", ");
    warn!("tasks that waited too long were rescued: {rescues}{semicolon}{held}");
}

/// The changes in one line.
fn told(changes: &[Change]) -> String {
    if changes.is_empty() {
        return "nothing changed".to_owned();
    }
    let texts: Vec<String> = changes.iter().map(Change::to_string).collect();
    texts.join(", ")
}
