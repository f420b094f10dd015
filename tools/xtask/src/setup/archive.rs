// SPDX-License-Identifier: GPL-2.0-only
//! Debian packages from other suites than the running system's, unpacked into
//! the cache and never installed. apt does the fetching and the checking of
//! signatures, with a configuration and package lists of its own.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::{apt, say};
use crate::cmd;
use crate::paths;

const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// Newer kernels for trixie, and a QEMU that runs on bookworm.
const SUITES: [&str; 2] = ["trixie-backports", "bookworm-backports"];

/// Package lists older than this are read anew.
const LISTS_AGE: Duration = Duration::from_secs(24 * 60 * 60);

/// A view of the Debian archive.
pub struct Archive {
    folder: PathBuf,
}

impl Archive {
    /// Opens the archive at the mirror that this system's own apt sources name,
    /// or at `$HALLOWS_VM_MIRROR`, and reads its package lists.
    ///
    /// # Errors
    /// When no mirror is known (the error says what to do), or apt fails.
    pub fn open() -> Result<Self> {
        let mirror = mirror()?;
        if !Path::new(KEYRING).exists() {
            apt::install(&["debian-archive-keyring"].into())?;
        }
        let archive = Self {
            folder: paths::cache()?.join("apt"),
        };
        archive.configure(&mirror)?;
        archive.read_lists()?;
        Ok(archive)
    }

    fn configure(&self, mirror: &str) -> Result<()> {
        for folder in ["lists/partial", "cache/archives/partial", "none", "deb"] {
            paths::make(&self.folder.join(folder))?;
        }
        let sources =
            SUITES.map(|suite| format!("deb [signed-by={KEYRING}] {mirror} {suite} main\n"));
        let at = |name: &str| self.folder.join(name).display().to_string();
        let settings = [
            ("Dir::Etc::sourcelist", at("sources.list")),
            ("Dir::Etc::sourceparts", at("none")),
            ("Dir::Etc::preferences", at("none/preferences")),
            ("Dir::Etc::preferencesparts", at("none")),
            ("Dir::State::lists", at("lists")),
            ("Dir::Cache", at("cache")),
            ("Acquire::Languages", "none".into()),
            // Root's cache may lie where apt's unprivileged user cannot write.
            ("APT::Sandbox::User", "root".into()),
        ];
        let conf: String = settings
            .map(|(key, value)| format!("{key} \"{value}\";\n"))
            .concat();
        write(&self.folder.join("sources.list"), &sources.concat())?;
        write(&self.folder.join("conf"), &conf)
    }

    fn read_lists(&self) -> Result<()> {
        let sources = self.folder.join("sources.list");
        let stamp = self.folder.join("lists.stamp");
        let same_mirror =
            fs::read(&stamp).is_ok_and(|then| fs::read(&sources).is_ok_and(|now| now == then));
        if same_mirror && paths::age(&stamp).is_some_and(|age| age < LISTS_AGE) {
            return Ok(());
        }
        say("reading Debian's package lists");
        cmd::output(self.command("apt-get").args(["update", "-qq"]))?;
        let sources = fs::read(&sources).context("cannot read apt's sources")?;
        fs::write(&stamp, sources).context("cannot note the age of the package lists")
    }

    /// Names of packages that match `pattern`, a POSIX extended regular expression.
    ///
    /// # Errors
    /// When apt-cache fails.
    pub fn search(&self, pattern: &str) -> Result<Vec<String>> {
        let found =
            cmd::output(
                self.command("apt-cache")
                    .args(["search", "--names-only", pattern]),
            )?;
        Ok(found
            .lines()
            .filter_map(|line| line.split(' ').next())
            .map(str::to_owned)
            .collect())
    }

    /// The versions of a package, as Debian writes them.
    ///
    /// # Errors
    /// When apt-cache fails.
    pub fn versions(&self, package: &str) -> Result<Vec<String>> {
        let table = cmd::output(self.command("apt-cache").args(["madison", package]))?;
        let versions = table.lines().filter_map(|line| line.split('|').nth(1));
        Ok(versions.map(|version| version.trim().to_owned()).collect())
    }

    /// Downloads a package (`NAME`, or `NAME=VERSION`) and unpacks it into `to`.
    ///
    /// # Errors
    /// When apt cannot download it or dpkg cannot unpack it.
    pub fn unpack(&self, package: &str, to: &Path) -> Result<()> {
        let folder = tempfile::tempdir_in(self.folder.join("deb"))
            .context("cannot make a folder for a package")?;
        cmd::output(
            self.command("apt-get")
                .args(["download", "-qq", package])
                .current_dir(&folder),
        )?;
        let entries = fs::read_dir(&folder).context("cannot list a download")?;
        let debs: Vec<_> = entries
            .filter_map(|entry| Some(entry.ok()?.path()))
            .collect();
        let [deb] = &debs[..] else {
            bail!(
                "apt-get download {package} brought {} files, not 1",
                debs.len()
            )
        };
        cmd::output(Command::new("dpkg").arg("-x").arg(deb).arg(to)).map(drop)
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .env("APT_CONFIG", self.folder.join("conf"))
            .env("LC_ALL", "C");
        command
    }
}

fn write(file: &Path, text: &str) -> Result<()> {
    fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
}

fn mirror() -> Result<String> {
    if let Ok(mirror) = env::var("HALLOWS_VM_MIRROR") {
        return Ok(mirror);
    }
    if !apt::available() {
        bail!(
            "this system has no apt to fetch Debian's kernels with; use --kernel /path/to/vmlinuz"
        );
    }
    let targets = [
        "indextargets",
        "--format",
        "$(REPO_URI)",
        "Created-By: Packages",
    ];
    let uris = cmd::output(Command::new("apt-get").args(targets))?;
    debian_mirror(&uris).context(
        "this system's apt sources name no Debian mirror: use --kernel /path/to/vmlinuz, \
         or set HALLOWS_VM_MIRROR to the address of one (http://HOST/debian)",
    )
}

/// The first of apt's repositories that is Debian's main archive. Cloud images
/// name it by a file with a list of mirrors, `debian.list`.
fn debian_mirror(uris: &str) -> Option<String> {
    let ends = ["/debian", "/debian.list"];
    let main = |uri: &&str| {
        ends.iter()
            .any(|end| uri.trim_end_matches('/').ends_with(end))
    };
    uris.lines().find(main).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::debian_mirror;

    #[test]
    fn the_mirror_is_debians_main_archive() {
        let uris = "https://x.test/apt/\nhttp://y.test/debian-security/\nhttp://y.test/debian/\n";
        assert_eq!(
            debian_mirror(uris).as_deref(),
            Some("http://y.test/debian/")
        );
        let cloud = "mirror+file:/etc/apt/mirrors/debian-security.list/\nmirror+file:/etc/apt/mirrors/debian.list/\n";
        assert_eq!(
            debian_mirror(cloud).as_deref(),
            Some("mirror+file:/etc/apt/mirrors/debian.list/")
        );
        assert_eq!(debian_mirror("http://z.test/ubuntu/\n"), None);
    }
}
