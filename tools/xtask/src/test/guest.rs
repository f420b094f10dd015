// SPDX-License-Identifier: GPL-2.0-only
//! What the guests of scenarios have of this repository.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context, Error, Result, bail};
use tempfile::TempDir;

use super::scenario;
use crate::cmd;
use crate::install::layout::Layout;
use crate::package;
use crate::paths;
use crate::vm::initramfs::GuestFile;

/// The program under test.
const PROGRAM: &str = "scx_hallows";

/// What else of the release build the guest has in its `PATH`.
const TOOLS: [&str; 2] = ["hallows-load", "hallows-oracle"];

/// dpkg and what it calls, and rpm; the rest is busybox's.
const INSTALLERS: [&str; 5] = ["dpkg", "dpkg-deb", "dpkg-split", "tar", "rpm"];

/// What rpm knows of systems and their folders.
const RPM_FOLDER: &str = "/usr/lib/rpm";

/// How a guest gets what a user installs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Install {
    /// As files in their places below `/usr`, as `cargo xtask install` puts them.
    Files,
    /// As `/vm/scx_hallows.deb` and `/vm/scx_hallows.rpm`, with what installs them.
    Packages,
}

impl FromStr for Install {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "files" => Ok(Self::Files),
            "packages" => Ok(Self::Packages),
            other => bail!("unknown install {other}: there are files, packages"),
        }
    }
}

/// Files for guests, made when first asked for and gone with this.
pub struct Guest {
    program: PathBuf,
    stage: TempDir,
}

impl Guest {
    /// With this scx_hallows, or that of the release build.
    ///
    /// # Errors
    /// When the system does not tell where cargo builds, or has no room.
    pub fn new(program: Option<&Path>) -> Result<Guest> {
        let built = paths::target()?.join("release").join(PROGRAM);
        let stage = tempfile::tempdir().context("cannot make a folder for what guests get")?;
        Ok(Guest {
            program: program.map_or(built, Path::to_path_buf),
            stage,
        })
    }

    /// What every guest has, and what it has because of `install`.
    ///
    /// # Errors
    /// When something cannot be made.
    pub fn files(&self, install: Option<Install>) -> Result<Vec<GuestFile>> {
        let release = paths::target()?.join("release");
        let in_path = |name: &str, host: PathBuf| GuestFile {
            host,
            guest: format!("vm/bin/{name}"),
        };
        let mut files = vec![
            in_path(PROGRAM, self.program.clone()),
            GuestFile {
                host: scenario::folder().join("lib.sh"),
                guest: "vm/lib.sh".into(),
            },
        ];
        files.extend(TOOLS.map(|name| in_path(name, release.join(name))));
        match install {
            None => {}
            Some(Install::Files) => files.extend(self.installed()?),
            Some(Install::Packages) => files.extend(self.packages()?),
        }
        Ok(files)
    }

    fn installed(&self) -> Result<Vec<GuestFile>> {
        let layout = Layout::new(Path::new("/usr"));
        let pieces = layout.pieces(&self.program, self.stage.path())?;
        let place = |to: &Path| to.to_string_lossy().trim_start_matches('/').to_owned();
        let files = pieces.into_iter().map(|piece| GuestFile {
            guest: place(&piece.to),
            host: piece.from,
        });
        Ok(files.collect())
    }

    fn packages(&self) -> Result<Vec<GuestFile>> {
        let mut files = Vec::new();
        for make in [package::deb, package::rpm] {
            let host = make(&self.program, self.stage.path())?;
            let name = host.file_name().unwrap_or_default().to_string_lossy();
            let guest = format!("vm/{name}");
            files.push(GuestFile { host, guest });
        }
        for name in INSTALLERS {
            let host = cmd::find(name)
                .with_context(|| format!("no {name} for the guest: run `cargo xtask setup`"))?;
            let guest = format!("usr/bin/{name}");
            files.push(GuestFile { host, guest });
        }
        files.push(GuestFile {
            host: RPM_FOLDER.into(),
            guest: RPM_FOLDER.trim_start_matches('/').to_owned(),
        });
        Ok(files)
    }
}
