// SPDX-License-Identifier: GPL-2.0-only
//! A QEMU that can run the virtual clock, from Debian's backports where the
//! system's own cannot.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};

use super::archive::Archive;
use super::say;
use crate::paths;
use crate::vm::qemu::{Qemu, Version};

/// Left in the cache when no such QEMU was to be had, so that this is not tried
/// and told again at every turn, but a day later.
const TRIED: &str = "qemu-not-to-be-had";
const TRY_AGAIN: Duration = Duration::from_secs(24 * 60 * 60);

/// Whether this machine has a QEMU that can run the virtual clock.
pub fn has_virtual_clock() -> bool {
    Qemu::find().is_ok_and(|qemu| qemu.version().has_virtual_clock())
}

/// Fetches a QEMU into the cache where the system's lacks the virtual clock.
/// Where none is to be had, says so and leaves it at that: the other modes work
/// with any QEMU. The caller holds the cache's lock.
///
/// # Errors
/// When the cache cannot be used.
pub fn ensure() -> Result<()> {
    let note = paths::cache()?.join(TRIED);
    if has_virtual_clock() || paths::age(&note).is_some_and(|age| age < TRY_AGAIN) {
        return Ok(());
    }
    let Err(error) = fetch() else { return Ok(()) };
    say(&format!(
        "no QEMU 9.1 to 10.x, so no --mode vtime: {error:#}"
    ));
    fs::write(&note, format!("{error:#}\n"))
        .with_context(|| format!("cannot write {}", note.display()))
}

fn fetch() -> Result<()> {
    let archive = Archive::open()?;
    let versions = archive.versions("qemu-system-x86")?;
    let usable =
        |version: &&String| Version::parse(version).is_some_and(Version::has_virtual_clock);
    let version = versions
        .iter()
        .find(usable)
        .context("the mirror offers none")?;
    say(&format!("fetching QEMU {version}"));
    let cache = paths::cache()?;
    let folder = tempfile::tempdir_in(&cache).context("cannot make a folder in the cache")?;
    for package in ["qemu-system-x86", "qemu-system-common", "qemu-system-data"] {
        archive.unpack(&format!("{package}={version}"), folder.path())?;
    }
    archive.unpack(&firmware(&archive, version)?, folder.path())?;
    Qemu::in_folder(folder.path()).context("it does not start on this system")?;
    keep(folder.path(), &cache.join("qemu"))
}

/// The package of the firmware, of the same suite as QEMU's where it can be told.
fn firmware(archive: &Archive, qemu: &str) -> Result<String> {
    let suite = qemu
        .split_once('~')
        .map_or("", |(_, suite)| suite.split('+').next().unwrap_or(suite));
    let versions = archive.versions("seabios")?;
    let same = versions.iter().find(|version| version.contains(suite));
    Ok(same.map_or("seabios".into(), |version| format!("seabios={version}")))
}

fn keep(made: &Path, as_folder: &Path) -> Result<()> {
    if as_folder.exists() {
        fs::remove_dir_all(as_folder)
            .with_context(|| format!("cannot remove {}", as_folder.display()))?;
    }
    // A folder inside the made one: the made one's owner is still its guard.
    paths::make(as_folder)?;
    for entry in fs::read_dir(made).context("cannot list QEMU's packages")? {
        let from = entry?.path();
        let Some(name) = from.file_name() else {
            continue;
        };
        fs::rename(&from, as_folder.join(name)).context("cannot keep QEMU in the cache")?;
    }
    Ok(())
}
