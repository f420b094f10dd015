// SPDX-License-Identifier: GPL-2.0-only
//! The `scx_stats` server: answers on the socket that every scx tool knows.

use anyhow::Context;
use hallows_lockfree::hp::Reader;
use scx_stats::prelude::*;

use super::client::ENDING;
use super::tape::Piece;
use super::{CellMetrics, Metrics, MoveMetrics, PriceMetrics, Snapshot, tape, tuning, why};
use crate::agent::params::Params;
use crate::config::change::{Change, Setting};
use crate::why::Heard;

/// The server. Its channels carry a [`Request`] each, and want the scheduler's
/// [`Reply`] to it back; a client waits until it comes.
pub type Server = StatsServer<Request, Reply>;

/// What a client wants of the scheduler.
#[derive(Clone, Debug)]
pub enum Request {
    /// A [`Reply::Snapshot`].
    Snapshot,
    /// A [`Reply::Tape`].
    Tape,
    /// Decisions about this task, and a [`Reply::Why`].
    Why(u32),
    /// All of these settings or none, and a [`Reply::Set`].
    Set(Vec<Setting>),
}

/// What the scheduler answers.
#[derive(Clone, Debug)]
pub enum Reply {
    /// Everything counted, now.
    Snapshot(Box<Snapshot>),
    /// What the agent saw since this was asked last, `None` without an agent.
    Tape(Option<Box<Piece>>),
    /// The decisions since this was asked last, or why there are none.
    Why(Result<Heard, String>),
    /// What each setting changed, in their order, or why nothing was.
    Set(Result<Vec<Change>, String>),
}

/// What the server offers: the target `top`, a [`Metrics`] over the time since
/// the same connection asked last, and the targets of [`tuning`], of which reading goes
/// by `params` and asks the scheduler nothing.
pub fn server_data(params: Reader<Params>) -> StatsServerData<Request, Reply> {
    let open: Box<dyn StatsOpener<Request, Reply>> = Box::new(|_| {
        // A new client's first interval starts when the scheduler was loaded,
        // so that a single request already tells something.
        let mut prev = Snapshot::default();
        let read: Box<dyn StatsReader<Request, Reply>> =
            Box::new(move |_args, (requests, replies)| {
                requests.send(Request::Snapshot).context(ENDING)?;
                let Reply::Snapshot(now) = replies.recv().context(ENDING)? else {
                    anyhow::bail!("the scheduler answered something else");
                };
                let metrics = Metrics::between(&prev, &now);
                prev = *now;
                metrics.to_json()
            });
        Ok(read)
    });
    StatsServerData::new()
        .add_meta(Metrics::meta())
        .add_meta(CellMetrics::meta())
        .add_meta(MoveMetrics::meta())
        .add_meta(PriceMetrics::meta())
        .add_ops("top", StatsOps { open, close: None })
        .add_ops(tuning::GET, tuning::get_ops(params))
        .add_ops(tape::TAPE, tape::ops())
        .add_ops(why::WHY, why::ops())
        .add_ops(tuning::SET, tuning::set_ops())
}
