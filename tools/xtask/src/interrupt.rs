// SPDX-License-Identifier: GPL-2.0-only
//! Ctrl-C, SIGTERM and SIGHUP become a flag that every wait looks at, so that
//! children end and temporary files go before xtask does.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};

use anyhow::{Context, Result};
use signal_hook::consts::{SIGHUP, SIGTERM};

static SEEN: LazyLock<Arc<AtomicBool>> = LazyLock::new(Arc::default);

/// Exit status of a program that ended because of Ctrl-C: 128 + SIGINT.
pub const EXIT_STATUS: u8 = 130;

/// Catches the signals from here on; call once.
///
/// # Errors
/// When the handler cannot be installed.
pub fn install() -> Result<()> {
    for signal in [SIGTERM, SIGHUP] {
        signal_hook::flag::register(signal, Arc::clone(&SEEN)).context("cannot catch SIGTERM")?;
    }
    ctrlc::set_handler(|| SEEN.store(true, Ordering::Relaxed)).context("cannot catch Ctrl-C")
}

/// Whether a signal to end has come.
pub fn seen() -> bool {
    SEEN.load(Ordering::Relaxed)
}
