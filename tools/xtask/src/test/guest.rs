// SPDX-License-Identifier: GPL-2.0-only
//! What the guests of scenarios have of this repository.

use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context, Error, Result, bail};
use tempfile::TempDir;

use super::scenario;
use crate::cmd;
use crate::install::layout::Layout;
use crate::package;
use crate::paths;
use crate::pgo;
use crate::setup::profiles;
use crate::vm::initramfs::GuestFile;

/// The program under test.
const PROGRAM: &str = "scx_hallows";

/// What else of the release build the guest has in its `PATH`.
const TOOLS: [&str; 2] = ["hallows-load", "hallows-oracle"];

/// dpkg and what it calls, and rpm; the rest is busybox's.
const INSTALLERS: [&str; 5] = ["dpkg", "dpkg-deb", "dpkg-split", "tar", "rpm"];

/// The text in the section of an object's licence.
const LICENCE: &[u8] = b"GPL\0";

/// What rpm knows of systems and their folders.
const RPM_FOLDER: &str = "/usr/lib/rpm";

/// How a guest gets what a user installs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Install {
    /// As files in their places below `/usr`, as `cargo xtask install` puts them.
    Files,
    /// As `/vm/scx_hallows.deb` and `/vm/scx_hallows.rpm`, with what installs them.
    Packages,
    /// As `/vm/both`, the program of `cargo xtask dist`, and `/vm/refused`, the same with
    /// an object laid out along profiles that no kernel loads.
    Dist,
}

impl Install {
    /// The program that it needs and this machine lacks.
    pub fn lacks(self) -> Option<&'static str> {
        let needed = [profiles::CLANG, profiles::PROFDATA];
        let lacking = |name: &&str| cmd::find(name).is_none();
        needed
            .into_iter()
            .find(|name| self == Self::Dist && lacking(name))
    }
}

impl FromStr for Install {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "files" => Ok(Self::Files),
            "packages" => Ok(Self::Packages),
            "dist" => Ok(Self::Dist),
            other => bail!("unknown install {other}: there are files, packages, dist"),
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
            Some(Install::Dist) => files.extend(self.dist()?),
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

    /// Made once: building it takes minutes, and it goes to one guest for each kernel.
    fn dist(&self) -> Result<Vec<GuestFile>> {
        let [both, refused] = ["both", "refused"].map(|name| self.stage.path().join(name));
        if !refused.exists() {
            let (program, object) = pgo::unjudged()?;
            fs::copy(&program, &both).context("cannot copy the program of two forms")?;
            let mut bytes = fs::read(&program).context("cannot read the program of two forms")?;
            spoil(
                &mut bytes,
                &fs::read(object).context("cannot read its object")?,
            )?;
            fs::write(&refused, bytes).context("cannot write the program that is refused")?;
        }
        let guest = |host: PathBuf, guest: &str| GuestFile {
            host,
            guest: guest.to_owned(),
        };
        Ok(vec![guest(both, "vm/both"), guest(refused, "vm/refused")])
    }
}

/// Takes the licence away from `object` where it lies in `program`: no kernel loads a
/// scheduler without.
fn spoil(program: &mut [u8], object: &[u8]) -> Result<()> {
    let find = |bytes: &[u8], what: &[u8]| bytes.windows(what.len()).position(|it| it == what);
    let at = find(program, object).context("the object is not in the program")?;
    let licence = find(object, LICENCE).context("the object has no licence")?;
    program[at + licence..][..LICENCE.len()].fill(b'-');
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::spoil;

    #[test]
    fn only_one_object_loses_its_licence() {
        let mut program = *b"..plain GPL\0....laid GPL\0..";
        spoil(&mut program, b"laid GPL\0").unwrap();
        assert_eq!(&program, b"..plain GPL\0....laid ----..");
        assert!(spoil(&mut program, b"laid GPL\0").is_err());
    }
}
