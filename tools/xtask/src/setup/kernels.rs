// SPDX-License-Identifier: GPL-2.0-only
//! Debian's kernels in the cache: `kernels/vmlinux-RELEASE`, an ELF file ready
//! to boot, and `kernels/config-RELEASE` beside it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

use anyhow::{Context, Result, bail};

use super::archive::Archive;
use super::{bzimage, say};
use crate::paths;

/// The newest cached kernel of a series.
///
/// # Errors
/// When the cache cannot be read.
pub fn cached(series: &str) -> Result<Option<PathBuf>> {
    let folder = folder()?;
    let entries =
        fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))?;
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let releases = names.filter_map(|name| Some(name.strip_prefix("vmlinux-")?.to_owned()));
    Ok(newest(releases, series).map(|release| folder.join(format!("vmlinux-{release}"))))
}

/// The cached kernel of a series, fetched first where there is none: the newest
/// that the mirror offers. The caller holds the cache's lock.
///
/// # Errors
/// When the mirror offers none, or it cannot be fetched or unpacked.
pub fn ensure(series: &str) -> Result<PathBuf> {
    if let Some(kernel) = cached(series)? {
        return Ok(kernel);
    }
    let archive = Archive::open()?;
    let release = offered(&archive, series)?;
    say(&format!("fetching kernel {release}"));
    let package = tempfile::tempdir().context("cannot make a temporary folder")?;
    unpack(&archive, &release, package.path())?;
    let config = find(package.path(), "config")?.context("the kernel's package has no config")?;
    let enabled = "CONFIG_SCHED_CLASS_EXT=y";
    if !fs::read_to_string(&config)
        .context("cannot read the kernel's config")?
        .contains(enabled)
    {
        bail!("kernel {release} is built without sched_ext");
    }
    let image = find(package.path(), "vmlinuz")?.context("the kernel's package has no vmlinuz")?;
    fs::copy(&config, folder()?.join(format!("config-{release}")))
        .context("cannot keep the kernel's config")?;
    let kernel = folder()?.join(format!("vmlinux-{release}"));
    decompress(&image, &kernel).with_context(|| format!("kernel {release}"))?;
    Ok(kernel)
}

fn folder() -> Result<PathBuf> {
    let folder = paths::cache()?.join("kernels");
    paths::make(&folder)?;
    Ok(folder)
}

fn offered(archive: &Archive, series: &str) -> Result<String> {
    // Cloud kernels: all of the scheduler, a tenth of the drivers.
    let names = archive.search("^linux-image-[0-9][^ ]*-cloud-amd64$")?;
    let releases: Vec<_> = names
        .iter()
        .filter_map(|name| name.strip_prefix("linux-image-"))
        .collect();
    newest(releases.iter().map(|&release| release.to_owned()), series).with_context(|| {
        format!(
            "the mirror offers no kernel {series}; it has {}; or use --kernel /path/to/vmlinuz",
            releases.join(", ")
        )
    })
}

/// Debian puts image and config into one package up to 6.18, later into three.
fn unpack(archive: &Archive, release: &str, to: &Path) -> Result<()> {
    archive.unpack(&format!("linux-image-{release}"), to)?;
    if find(to, "vmlinuz")?.is_none() {
        archive.unpack(&format!("linux-binary-{release}"), to)?;
        archive.unpack(&format!("linux-base-{release}"), to)?;
    }
    Ok(())
}

/// The first file below `folder` whose name starts with `start`.
fn find(folder: &Path, start: &str) -> Result<Option<PathBuf>> {
    let entries =
        fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() && !path.is_symlink() {
            if let Some(found) = find(&path, start)? {
                return Ok(Some(found));
            }
        } else if path
            .file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with(start))
        {
            return Ok(Some(path));
        }
    }
    Ok(None)
}

fn decompress(image: &Path, to: &Path) -> Result<()> {
    let image = fs::read(image).context("cannot read the image")?;
    let (compression, payload) = bzimage::payload(&image)?;
    let partial = to.with_extension("partial");
    let out =
        File::create(&partial).with_context(|| format!("cannot make {}", partial.display()))?;
    let mut child = Command::new(compression.program())
        .arg("-dc")
        .stdin(Stdio::piped())
        .stdout(out)
        .spawn()
        .with_context(|| format!("cannot run {}", compression.program()))?;
    let mut stdin = child.stdin.take().context("no pipe to the decompressor")?;
    let fed = thread::scope(|scope| {
        scope
            .spawn(move || std::io::Write::write_all(&mut stdin, payload))
            .join()
    });
    let status = child.wait().context("cannot wait for the decompressor")?;
    if !status.success() || !matches!(fed, Ok(Ok(()))) {
        bail!("{} failed on the image: {status}", compression.program());
    }
    fs::rename(&partial, to).with_context(|| format!("cannot make {}", to.display()))
}

/// The newest release of a series: `6.18` has 6.18 and 6.18.15, but not 6.1.
fn newest(releases: impl Iterator<Item = String>, series: &str) -> Option<String> {
    let belongs = |release: &String| {
        release
            .strip_prefix(series)
            .is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_digit()))
    };
    releases
        .filter(belongs)
        .max_by_key(|release| numbers(release))
}

/// The numbers of a release in order, up to its flavour (`-cloud-amd64`).
fn numbers(release: &str) -> Vec<u64> {
    let version = release.split('-').next().unwrap_or(release);
    version
        .split(|c: char| !c.is_ascii_digit())
        .filter_map(|part| part.parse().ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::newest;

    fn pick(series: &str) -> Option<String> {
        let releases = [
            "6.1.170-cloud-amd64",
            "6.18.9+deb13-cloud-amd64",
            "6.18.15+deb13-cloud-amd64",
            "6.18.15+deb13.1-cloud-amd64",
            "7.2.12+deb13-cloud-amd64",
            "7.3.4+deb13-cloud-amd64",
        ];
        newest(releases.iter().map(|release| (*release).to_owned()), series)
    }

    #[test]
    fn a_series_is_a_prefix_of_whole_numbers() {
        assert_eq!(pick("6.18").as_deref(), Some("6.18.15+deb13.1-cloud-amd64"));
        assert_eq!(pick("6.1").as_deref(), Some("6.1.170-cloud-amd64"));
        assert_eq!(pick("7").as_deref(), Some("7.3.4+deb13-cloud-amd64"));
        assert_eq!(pick("7.2.1"), None);
    }
}
