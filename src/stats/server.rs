// SPDX-License-Identifier: GPL-2.0-only
//! The `scx_stats` server: answers on the socket that every scx tool knows.

use scx_stats::prelude::*;

use super::{CellMetrics, Metrics, MoveMetrics, PriceMetrics, Snapshot};

/// The server. Its channels carry a `()` for each request, and want the
/// scheduler's [`Snapshot`] back; a client waits until it comes.
pub type Server = StatsServer<(), Snapshot>;

/// What the server offers: the target `top`, a [`Metrics`] over the time since
/// the same connection asked last.
pub fn server_data() -> StatsServerData<(), Snapshot> {
    let open: Box<dyn StatsOpener<(), Snapshot>> = Box::new(|_| {
        // A new client's first interval starts when the scheduler was loaded,
        // so that a single request already tells something.
        let mut prev = Snapshot::default();
        let read: Box<dyn StatsReader<(), Snapshot>> =
            Box::new(move |_args, (requests, snapshots)| {
                requests.send(())?;
                let now = snapshots.recv()?;
                let metrics = Metrics::between(&prev, &now);
                prev = now;
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
}
