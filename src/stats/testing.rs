// SPDX-License-Identifier: GPL-2.0-only
//! What the tests of clients and server share.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

/// A socket path of the test's own, removed at its end.
pub struct Socket(pub PathBuf);

impl Drop for Socket {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// A path that nobody else uses.
pub fn socket() -> Socket {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let unique = COUNT.fetch_add(1, Ordering::Relaxed);
    let name = format!("hallows-stats-{}-{unique}", std::process::id());
    Socket(std::env::temp_dir().join(name))
}
