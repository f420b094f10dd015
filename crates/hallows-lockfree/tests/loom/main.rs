// SPDX-License-Identifier: GPL-2.0-only
//! Models of the protocols: loom runs each in every interleaving, and with every
//! value that a load may return, within the bound on preemptions.
//!
//! `RUSTFLAGS="--cfg loom" cargo test --profile loom -p hallows-lockfree --test loom`
#![cfg(loom)]

mod combine;
mod epoch;
mod hp;
mod mpsc;
mod mutants;
mod value;
mod version;
mod waker;

/// Explores `model` with at most `preemptions` switches away from a thread that
/// could go on.
fn explore(preemptions: usize, model: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(model);
}
