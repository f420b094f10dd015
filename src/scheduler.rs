// SPDX-License-Identifier: GPL-2.0-only
//! Loads the BPF side, attaches it, and runs the agent until something ends it.

#![allow(unsafe_code)]

use std::ffi::CStr;
use std::fs;
use std::mem::MaybeUninit;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::PoisonError;
use std::sync::mpsc::RecvTimeoutError;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result};
use libbpf_rs::skel::Skel;
use libbpf_rs::{Link, OpenObject};
use scx_utils::{
    NR_CPU_IDS, UEI_DUMP_PTR_MUTEX, build_id, compat, scx_ops_attach, scx_ops_load, scx_ops_open,
    try_set_rlimit_infinity, uei_exited, uei_report,
};
use tracing::{debug, info, warn};

use crate::agent::group_maps::GroupMaps;
use crate::agent::memory::{Memory, Tunables};
use crate::agent::params::{MS, Params};
use crate::agent::place::{MAX_CPUS, Map};
use crate::agent::roster::Roster;
use crate::agent::steer::Agent;
use crate::agent::{price, sysfs};
use crate::bpf_intf;
use crate::bpf_skel::{BpfSkel, BpfSkelBuilder, OpenBpfSkel};
use crate::cli::Options;
use crate::config::Live;
use crate::config::change::Change;
use crate::control::Request;
use crate::ejection::Report;
use crate::ejection::history::History;
use crate::ejection::store;
use crate::exit::Error;
use crate::hotplug::{Hotplug, write_places};
use crate::recording::Header;
use crate::service::Service;
use crate::signals::Signals;
use crate::stats::tape::{Buffer, Piece};
use crate::stats::{
    CellView, Metrics, NR_STATS, Reply, SOCKET, Server, Snapshot, Totals, WAIT_BUCKETS,
};
use crate::verified;
use crate::watchdog;
use crate::why::watch::Watch;

const MOVE_PUSH: usize = bpf_intf::hallows_move_MOVE_PUSH as usize;
const MOVE_FAIR: usize = bpf_intf::hallows_move_MOVE_FAIR as usize;

/// No wait of the loop is longer, so that a signal ends it soon.
const MAX_WAIT: Duration = Duration::from_millis(100);

/// A loaded scheduler: schedules from [`Scheduler::init`] until it is dropped.
pub struct Scheduler<'a> {
    skel: BpfSkel<'a>,
    link: Option<Link>,
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
    report_dir: PathBuf,
}

impl<'a> Scheduler<'a> {
    /// Loads the program, with the machine's map written into it, and attaches
    /// it, with the parameters of `live`.
    ///
    /// # Errors
    /// The topology can't be read, the kernel refuses the program, or another
    /// scheduler is attached.
    pub fn init(
        options: &Options,
        live: &Live,
        open: &'a mut MaybeUninit<OpenObject>,
    ) -> Result<Self> {
        let params = live.params();
        try_set_rlimit_infinity();
        let builder = BpfSkelBuilder::default();
        let libbpf = options.libbpf.clone().into_bpf_open_opts();
        let mut skel = scx_ops_open!(builder, open, hallows_ops, libbpf)?;
        // After the open, which notes the hotplug sequence: if CPUs come or go from
        // here on until BPF hears of that itself, the kernel restarts us.
        let (cpus, nodes) = sysfs::read()?;
        let roster = Roster::new(cpus, nodes)?;
        let map = roster.map(|_| true)?;
        map.fits_memory()?;
        let watchdog_ms = options.watchdog_ms.unwrap_or_else(watchdog::patience_ms);
        configure(&mut skel, &map, options, watchdog_ms)?;
        let mut skel = scx_ops_load!(skel, hallows_ops, uei)?;
        verified::log(skel.object());
        // SAFETY: the memory goes into the same struct as the skeleton.
        let memory = unsafe { Memory::of(&mut skel)? };
        let prices_ns = price::static_ns(&map, params);
        memory.tune(&Tunables::new(params, &prices_ns));
        let link = scx_ops_attach!(skel, hallows_ops)?;
        let agent = match options.no_agent {
            true => None,
            false => Some(Agent::new(&map, *params, GroupMaps::of(&skel)?)),
        };
        let watch = Watch::of(&skel)?;
        let server = Server::launch(Path::new(SOCKET), live.reader()).inspect_err(|error| {
            warn!("no statistics: can't listen on {SOCKET}: {error}");
        });
        info!("scheduling {}", map.size());
        if options.watchdog_ms.is_none() {
            watchdog::explain(watchdog_ms);
        }
        Ok(Scheduler {
            skel,
            link: Some(link),
            agent,
            hotplug: Hotplug::new(roster, nr_cpu_ids(&map)),
            map,
            watch,
            tape: Buffer::default(),
            memory,
            next_round: Instant::now(),
            server: server.ok(),
            started: Instant::now(),
            history: History::default(),
            report_dir: options.report_dir.clone(),
        })
    }

    /// Steers by the parameters of `live`, and answers requests for statistics
    /// and changes of them, until a signal ends it or the kernel ejects the
    /// scheduler. Tells the service manager how it is. True: it is to be loaded
    /// again, for other CPUs.
    ///
    /// # Errors
    /// The kernel ejected the scheduler because of an error, which it leaves a
    /// report of.
    pub fn run(
        &mut self,
        live: &mut Live,
        signals: &Signals,
        service: &mut Service,
    ) -> Result<bool, Error> {
        let mut outgrown = false;
        while !signals.is_shutdown() && !uei_exited!(&self.skel, uei) {
            service.beat();
            if signals.take_reload() {
                self.reload(live);
            }
            outgrown = !self.follow_hotplug();
            if outgrown {
                break;
            }
            self.remember(false);
            let now = Instant::now();
            if let Some(agent) = &mut self.agent
                && now >= self.next_round
            {
                agent.round(&self.map, &self.memory);
                if self.tape.is_wanted() {
                    self.tape.push(agent.frame());
                }
                self.next_round = now + Duration::from_nanos(agent.period_ns());
            }
            let wait = match &self.agent {
                Some(_) => self
                    .next_round
                    .saturating_duration_since(Instant::now())
                    .min(MAX_WAIT),
                None => MAX_WAIT,
            };
            self.answer(live, wait);
            self.watch.rest(&self.memory);
        }
        if signals.is_shutdown() {
            service.stopping();
        }
        self.remember(true);
        debug!("detaching");
        drop(self.link.take());
        self.account();
        let outcome = uei_report!(&self.skel, uei);
        let outcome = outcome.map_err(|error| self.report(error.into(), live.params()))?;
        Ok(outgrown || outcome.should_restart())
    }

    /// Goes by the CPUs that there are now. False if the program has no room for
    /// them as it was loaded.
    fn follow_hotplug(&mut self) -> bool {
        match self.hotplug.follow(&self.skel, &self.memory, &self.map) {
            Ok(None) => {}
            Ok(Some(map)) => {
                self.map = map;
                self.tape.forget();
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
        let Error::Ejected { reason, .. } = error else {
            return error;
        };
        let metrics = Metrics::between(&Snapshot::default(), &self.snapshot());
        let time = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
        let version = build_id::full_version(env!("CARGO_PKG_VERSION"));
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        let text = Report {
            time: &time,
            reason: &reason,
            versions: [("scx_hallows", &version), ("kernel", kernel.trim())],
            map: &self.map,
            params,
            history: &self.history,
            metrics: &metrics,
            dump: &kernel_dump(),
        }
        .text();
        let stamp = format!("{}-{}", time.replace(':', ""), process::id());
        let report = store::keep(&self.report_dir, &stamp, &text)
            .inspect_err(|error| warn!("no report of the ejection: {error:#}"))
            .ok();
        Error::Ejected { reason, report }
    }

    /// Says what became of the moves that the agent asked for.
    fn account(&self) {
        let metrics = Metrics::between(&Snapshot::default(), &self.snapshot());
        for (kind, moves) in metrics.moves {
            if moves.requested > 0 {
                info!("moves, {kind}: {moves}");
            }
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

    /// Takes up the configuration file as it is now.
    fn reload(&mut self, live: &mut Live) {
        match live.reload() {
            Ok(changes) => {
                info!("configuration read again: {}", told(&changes));
                self.apply(live.params());
            }
            Err(error) => warn!("the old values stay: {error}"),
        }
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
                let reply = self.reply(live, &question.request);
                question.answer(reply);
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                warn!("the statistics server ended: no statistics from here on");
                self.server = None;
            }
        }
    }

    /// What the agent saw since this was called last.
    fn tape(&mut self, params: &Params) -> Option<Box<Piece>> {
        self.agent.as_ref()?;
        let (frames, missed) = self.tape.take();
        Some(Box::new(Piece {
            header: Header::new(&self.map, params),
            frames,
            missed,
        }))
    }

    fn reply(&mut self, live: &mut Live, request: &Request) -> Reply {
        match request {
            Request::Snapshot => Reply::Snapshot(Box::new(self.snapshot())),
            Request::Tape => Reply::Tape(self.tape(live.params())),
            Request::Why(pid) => Reply::Why(
                self.watch
                    .ask(&self.memory, *pid)
                    .map_err(|error| format!("{error:#}")),
            ),
            Request::Set(settings) => {
                let outcome = live.set(settings);
                if let Ok(changes) = &outcome {
                    info!("set: {}", told(changes));
                    self.apply(live.params());
                }
                Reply::Set(outcome)
            }
        }
    }

    /// Everything counted so far, and the cells as they are now.
    pub fn snapshot(&self) -> Snapshot {
        let mut totals = Totals {
            lapses: self.memory.lapses(),
            ..Totals::default()
        };
        for cpu in self.hotplug.cpus() {
            let (cell, stats) = (self.memory.cell(cpu), self.memory.stats(cpu));
            totals.idle_wait_max_ns = totals.idle_wait_max_ns.max(cell.idle_wait_max_ns);
            for stat in 0..NR_STATS {
                totals.count[stat] += stats.count[stat];
            }
            for bucket in 0..WAIT_BUCKETS {
                totals.idle_wait[bucket] += stats.idle_wait[bucket];
            }
            for (sum, moves) in totals.moves.iter_mut().zip(&stats.moves) {
                sum.add(moves);
            }
            totals.moves[MOVE_PUSH].open += u64::from(cell.push_left);
            totals.moves[MOVE_FAIR].open += u64::from(cell.fair_left);
        }
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
    let place = &map.cells()[index];
    let cell = memory.cell(place.cpu.into());
    let order = agent.as_ref().and_then(|agent| agent.orders().get(index));
    CellView {
        cpu: place.cpu.into(),
        llc: map.llcs()[usize::from(place.llc)].id as usize,
        state: order.map(|order| order.state),
        queued: cell.nr_queued.into(),
        busy_ns: cell.busy_ns,
    }
}

/// What the kernel dumped when it ejected the scheduler that is still loaded.
fn kernel_dump() -> String {
    let dump = UEI_DUMP_PTR_MUTEX
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .ptr;
    if dump.is_null() {
        return String::new();
    }
    // SAFETY: loading pointed it to the map that the kernel copied its dump to,
    // with a zero at the end; the map lasts as long as the skeleton.
    let dump = unsafe { CStr::from_ptr(dump) };
    dump.to_string_lossy().into_owned()
}

/// The changes in one line.
fn told(changes: &[Change]) -> String {
    if changes.is_empty() {
        return "nothing changed".to_owned();
    }
    let texts: Vec<String> = changes.iter().map(Change::to_string).collect();
    texts.join(", ")
}

/// Writes what is fixed while the program is loaded.
fn configure(
    skel: &mut OpenBpfSkel<'_>,
    map: &Map,
    options: &Options,
    watchdog_ms: u32,
) -> Result<()> {
    set_flags(skel, options);
    skel.struct_ops.hallows_ops_mut().timeout_ms = watchdog_ms;
    let rodata = skel
        .maps
        .rodata_data
        .as_deref_mut()
        .context("the BPF object has no .rodata")?;
    rodata.debug = options.debug;
    rodata.partial = options.partial;
    rodata.nr_cpu_ids = nr_cpu_ids(map) as u32;
    rodata.nr_llcs = map.llcs().len() as u32;
    rodata.many_nodes = map.nodes().len() > 1;
    let half_ns = u64::from(watchdog_ms) * MS / 2;
    rodata.starved_limit_ns = rodata.starved_limit_ns.min(half_ns);
    write_places(skel, map)
}

/// CPU ids that there may ever be, as far as there is memory for them.
fn nr_cpu_ids(map: &Map) -> usize {
    let online = map.cells().iter().map(|place| usize::from(place.cpu) + 1);
    online.max().unwrap_or(1).max(*NR_CPU_IDS).min(MAX_CPUS)
}

/// Kernels from 6.19 on deprecate `cpu_release` and let a tracepoint do its work.
fn set_flags(skel: &mut OpenBpfSkel<'_>, options: &Options) {
    let from_anywhere = compat::ksym_exists("scx_bpf_reenqueue_local___v2").unwrap_or(false)
        || compat::ksym_exists("scx_bpf_dsq_reenq").unwrap_or(false);
    let ops = skel.struct_ops.hallows_ops_mut();
    ops.exit_dump_len = options.exit_dump_len;
    ops.flags = *compat::SCX_OPS_ENQ_EXITING
        | *compat::SCX_OPS_ENQ_LAST
        | *compat::SCX_OPS_ENQ_MIGRATION_DISABLED
        | *compat::SCX_OPS_ALLOW_QUEUED_WAKEUP
        | *compat::SCX_OPS_KEEP_BUILTIN_IDLE;
    if options.partial {
        ops.flags |= *compat::SCX_OPS_SWITCH_PARTIAL;
    }
    if from_anywhere {
        ops.cpu_release = std::ptr::null_mut();
        ops.cpu_acquire = std::ptr::null_mut();
    }
    skel.progs.hallows_cpu_release.set_autoload(!from_anywhere);
    skel.progs.hallows_cpu_acquire.set_autoload(!from_anywhere);
    skel.progs.hallows_sched_switch.set_autoload(from_anywhere);
}
