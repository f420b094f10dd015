// SPDX-License-Identifier: GPL-2.0-only
//! The virtual clock's plugin for QEMU, compiled when it is first wanted.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::qemu::Qemu;
use crate::cmd;
use crate::paths;

/// The files by name, and their text.
const SOURCES: [(&str, &str); 10] = [
    ("plugin.c", include_str!("../../../vm/vtime/plugin.c")),
    ("vcpu.c", include_str!("../../../vm/vtime/vcpu.c")),
    ("halt.c", include_str!("../../../vm/vtime/halt.c")),
    ("main_loop.c", include_str!("../../../vm/vtime/main_loop.c")),
    ("clock.c", include_str!("../../../vm/vtime/clock.c")),
    ("lock.c", include_str!("../../../vm/vtime/lock.c")),
    ("profile.c", include_str!("../../../vm/vtime/profile.c")),
    ("state.h", include_str!("../../../vm/vtime/state.h")),
    ("cost.h", include_str!("../../../vm/vtime/cost.h")),
    ("qemu.h", include_str!("../../../vm/vtime/qemu.h")),
];

/// The plugin's file in the cache.
///
/// # Errors
/// When this QEMU cannot run it, or it cannot be compiled.
pub fn plugin(qemu: &Qemu) -> Result<PathBuf> {
    if !qemu.version().has_virtual_clock() {
        bail!("--mode vtime needs QEMU 9.1 to 10.x: run `cargo xtask setup`, or install one");
    }
    let cache = paths::cache()?;
    let plugin = cache.join(format!(
        "vtime-{:016x}.so",
        super::hash(&SOURCES.map(|(_, text)| text).concat())
    ));
    let _lock = paths::lock_cache()?;
    if !plugin.exists() {
        let folder = tempfile::tempdir_in(&cache).context("cannot make a folder in the cache")?;
        for (name, text) in SOURCES {
            fs::write(folder.path().join(name), text)
                .with_context(|| format!("cannot write {name}"))?;
        }
        let made = folder.path().join("vtime.so");
        let flags = [
            "-O2",
            "-Wall",
            "-shared",
            "-fPIC",
            "-fvisibility=hidden",
            "-pthread",
        ];
        cmd::output(
            Command::new("cc")
                .args(flags)
                .arg("-o")
                .arg(&made)
                .args(
                    SOURCES
                        .map(|(name, _)| name)
                        .iter()
                        .filter(|name| name.ends_with(".c")),
                )
                .arg("-ldl")
                .current_dir(&folder),
        )?;
        fs::rename(&made, &plugin).with_context(|| format!("cannot make {}", plugin.display()))?;
    }
    Ok(plugin)
}
