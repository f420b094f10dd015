// SPDX-License-Identifier: GPL-2.0-only
//! Where things are: the checkout, cargo's output, the cache outside the tree.

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};

/// The root of the checkout that xtask was built in.
pub fn root() -> PathBuf {
    // tools/xtask is two levels below the root.
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_path_buf()
}

/// Cargo's output folder, wherever the user's configuration puts it: the one
/// that xtask itself runs from (`target/debug/xtask`).
///
/// # Errors
/// When the system does not tell which file xtask is.
pub fn target() -> Result<PathBuf> {
    let exe = env::current_exe().context("cannot find xtask's own file")?;
    let target = exe
        .ancestors()
        .nth(2)
        .context("xtask runs from no target folder")?;
    Ok(target.to_path_buf())
}

/// The cache of kernels, QEMU and guest images, made when it is not there:
/// `$HALLOWS_CACHE`, or `scx_hallows` in the user's cache folder.
///
/// # Errors
/// When no folder is named by the environment, or it cannot be made.
pub fn cache() -> Result<PathBuf> {
    let set = |name: &str| {
        env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let folder = set("HALLOWS_CACHE")
        .or_else(|| set("XDG_CACHE_HOME").map(|cache| cache.join("scx_hallows")))
        .or_else(|| set("HOME").map(|home| home.join(".cache/scx_hallows")))
        .context("no folder for the cache: set HALLOWS_CACHE")?;
    make(&folder)?;
    // apt's configuration and QEMU's arguments want absolute paths.
    fs::canonicalize(&folder).with_context(|| format!("cannot use {}", folder.display()))
}

/// How long ago a file was written; `None` when it is not there.
pub fn age(file: &Path) -> Option<Duration> {
    let written = file.metadata().and_then(|meta| meta.modified()).ok()?;
    // A file from the future is as good as new.
    Some(
        SystemTime::now()
            .duration_since(written)
            .unwrap_or_default(),
    )
}

/// Makes a folder and its parents; one that is there already is fine.
///
/// # Errors
/// When the folder cannot be made, naming it.
pub fn make(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))
}

/// Held while something in the cache is made, so that two xtasks side by side
/// do not make it twice. Dropping the file lets the lock go.
///
/// # Errors
/// When the lock file cannot be made or locked.
pub fn lock_cache() -> Result<File> {
    let path = cache()?.join("lock");
    let file = File::create(&path).with_context(|| format!("cannot make {}", path.display()))?;
    file.lock()
        .with_context(|| format!("cannot lock {}", path.display()))?;
    Ok(file)
}
