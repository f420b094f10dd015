// SPDX-License-Identifier: GPL-2.0-only
//! Where a scheduler outlives its agent: its link and its maps as files of bpffs.
//!
//! They lie in a folder below [`FOLDER`] that has the name of the build, so that
//! another build is told from this one before anything of it is believed. The link
//! is pinned last and unpinned first: with it, the rest is complete.

use std::ffi::OsStr;
use std::fs::{self, DirBuilder, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::SystemTime;

use libbpf_rs::Link;
use rustix::fs::{FlockOperation, flock};
use tracing::warn;

use crate::exit::Error;

/// Below it, each scheduler has its folder.
pub const FOLDER: &str = "/sys/fs/bpf/scx_hallows";

/// Names a BPF half: two with the same name are the same program, and the same
/// memory. The agent may be of another build.
pub const BUILD: &str = env!("HALLOWS_BPF_BUILD");

const LINK: &str = "link";

/// The build of the scheduler that is pinned below `folder`, if one is.
///
/// # Errors
/// Those of the system, but that there is no such folder.
pub fn find(folder: &Path) -> io::Result<Option<String>> {
    for build in files(folder)? {
        if build.join(LINK).try_exists()? {
            let name = build.file_name().unwrap_or_default();
            return Ok(Some(name.to_string_lossy().into_owned()));
        }
    }
    Ok(None)
}

/// Ends the schedulers that are pinned below `folder`, and removes them.
///
/// # Errors
/// The kernel does not let this process.
pub fn end(folder: &Path) -> anyhow::Result<()> {
    for build in files(folder)? {
        match Link::open(build.join(LINK)) {
            // Whoever else holds it, an agent for one, holds an empty link then.
            Ok(link) => link.detach()?,
            // It was never there, or somebody removed it just now.
            Err(error) if error.kind() == libbpf_rs::ErrorKind::NotFound => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(clear(folder)?)
}

/// Removes all that is pinned below `folder`. What nobody holds ends by that. An agent
/// whose scheduler was ended does the same at this moment, so what is gone is no error.
fn clear(folder: &Path) -> io::Result<()> {
    for build in files(folder)? {
        unless_gone(fs::remove_file(build.join(LINK)))?;
        for file in files(&build)? {
            unless_gone(fs::remove_file(file))?;
        }
        unless_gone(fs::remove_dir(&build))?;
    }
    Ok(())
}

/// What is in `folder`, which need not exist.
fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder);
    unless_gone(entries.and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect()))
}

fn unless_gone<T: Default>(outcome: io::Result<T>) -> io::Result<T> {
    match outcome {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(T::default()),
        other => other,
    }
}

/// The right to be the agent of what is pinned below a folder. One process has it
/// at a time, and loses it when it dies.
#[derive(Debug)]
pub struct Claim {
    folder: PathBuf,
    _lock: File,
}

impl Claim {
    /// Takes it, and makes the folder if there is none.
    ///
    /// # Errors
    /// [`Error::Unavailable`] while another process has it, or if the folder isn't
    /// to be had; [`Error::Permission`] if this process may not.
    pub fn take(folder: &Path) -> Result<Claim, Error> {
        let lock = private(folder)
            .and_then(|()| File::open(folder))
            .map_err(|error| refused(folder, &error))?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Claim {
                folder: folder.to_owned(),
                _lock: lock,
            }),
            Err(rustix::io::Errno::WOULDBLOCK) => Err(Error::Unavailable(
                "the pinned scheduler has an agent already: end it with 'scx_hallows stop' first"
                    .into(),
            )),
            Err(error) => Err(refused(folder, &error.into())),
        }
    }

    /// The build of the scheduler that is pinned, if one is.
    ///
    /// # Errors
    /// As [`take`](Self::take).
    pub fn find(&self) -> Result<Option<String>, Error> {
        find(&self.folder).map_err(|error| refused(&self.folder, &error))
    }

    /// Where this build pins `name`.
    pub fn path(&self, name: &OsStr) -> PathBuf {
        // bpffs has other plans for dots.
        let name = name.to_string_lossy().replace('.', "_");
        self.folder.join(BUILD).join(name)
    }

    /// Where this build pins what keeps the kernel scheduling by it.
    pub fn link(&self) -> PathBuf {
        self.path(OsStr::new(LINK))
    }

    /// When the scheduler was attached that is pinned.
    pub fn since(&self) -> Option<SystemTime> {
        fs::metadata(self.link()).ok()?.modified().ok()
    }

    /// Ends the scheduler that is pinned, of whatever build, and removes it.
    ///
    /// # Errors
    /// Those of [`end`].
    pub fn end(&self) -> anyhow::Result<()> {
        end(&self.folder)
    }

    /// Removes what is pinned, of whatever build, and makes room for this one.
    ///
    /// # Errors
    /// As [`take`](Self::take).
    pub fn renew(self) -> Result<Pins, Error> {
        clear(&self.folder)
            .and_then(|()| private(&self.folder.join(BUILD)))
            .map_err(|error| refused(&self.folder, &error))?;
        Ok(Pins {
            claim: self,
            end: true,
        })
    }

    /// Takes over what is pinned by this build. It goes on, whatever happens, until
    /// [`Pins::own`].
    pub fn take_over(self) -> Pins {
        Pins {
            claim: self,
            end: false,
        }
    }
}

/// What is pinned, as long as the agent lives; when it ends in good order, and
/// only then, the pins end with it.
#[derive(Debug)]
pub struct Pins {
    claim: Claim,
    /// Whether they end with this.
    end: bool,
}

impl Pins {
    /// Where they are.
    pub fn claim(&self) -> &Claim {
        &self.claim
    }

    /// The agent is up: from now on they end with it.
    pub fn own(&mut self) {
        self.end = true;
    }

    /// The agent goes, and they stay.
    pub fn leave(mut self) {
        self.end = false;
    }
}

impl Drop for Pins {
    fn drop(&mut self) {
        if thread::panicking() || !self.end {
            return;
        }
        let folder = &self.claim.folder;
        if let Err(error) = clear(folder) {
            warn!("can't unpin all of {}: {error}", folder.display());
        }
    }
}

/// A folder for this user alone, which may be there.
fn private(folder: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        other => other,
    }
}

/// Explains why nothing can be pinned in `folder`.
fn refused(folder: &Path, error: &io::Error) -> Error {
    let folder = folder.display();
    match error.kind() {
        ErrorKind::PermissionDenied => Error::Permission(format!(
            "no permission to pin in {folder}: run it with sudo, or without --pin"
        )),
        _ => Error::Unavailable(format!(
            "can't pin in {folder}: {error}: mount bpffs on /sys/fs/bpf, or run it without --pin"
        )),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use super::*;

    /// A folder of the test's own, removed at its end. Nothing here needs bpffs.
    struct Folder(PathBuf);

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn folder(name: &str) -> Folder {
        let name = format!("hallows-pins-{}-{name}", std::process::id());
        Folder(std::env::temp_dir().join(name))
    }

    #[test]
    fn without_a_link_nothing_is_pinned() {
        let folder = folder("link");
        assert_eq!(find(&folder.0).unwrap(), None);
        let pins = Claim::take(&folder.0).unwrap().renew().unwrap();
        let claim = pins.claim();
        fs::write(claim.path(OsStr::new(".data.uei_dump")), "").unwrap();
        assert_eq!(claim.find(), Ok(None));
        fs::write(claim.link(), "").unwrap();
        assert_eq!(claim.find(), Ok(Some(BUILD.into())));
        assert!(folder.0.join(BUILD).join("_data_uei_dump").exists());
    }

    #[test]
    fn they_end_with_the_agent_but_not_with_a_panic() {
        let folder = folder("panic");
        let pin = || {
            let pins = Claim::take(&folder.0).unwrap().renew().unwrap();
            fs::write(pins.claim().link(), "").unwrap();
            pins
        };
        drop(pin());
        assert_eq!(find(&folder.0).unwrap(), None);
        let pins = pin();
        let crash = move || {
            let _pins = pins;
            panic!("of a test");
        };
        assert!(thread::spawn(crash).join().is_err());
        assert_eq!(find(&folder.0).unwrap(), Some(BUILD.into()));
        // A refusal leaves them, too.
        drop(Claim::take(&folder.0).unwrap());
        assert_eq!(find(&folder.0).unwrap(), Some(BUILD.into()));
        // And an agent that does not come up.
        drop(Claim::take(&folder.0).unwrap().take_over());
        assert_eq!(find(&folder.0).unwrap(), Some(BUILD.into()));
        let take = || {
            let mut pins = Claim::take(&folder.0).unwrap().take_over();
            pins.own();
            pins
        };
        take().leave();
        assert_eq!(find(&folder.0).unwrap(), Some(BUILD.into()));
        drop(take());
        assert_eq!(find(&folder.0).unwrap(), None);
    }

    #[test]
    fn who_removes_them_at_the_same_time_is_no_error() {
        let folder = folder("race");
        for _ in 0..200 {
            let pins = Claim::take(&folder.0).unwrap().renew().unwrap();
            for name in ["link", "a", "b", "c"] {
                fs::write(pins.claim().path(OsStr::new(name)), "").unwrap();
            }
            let both = Barrier::new(2);
            thread::scope(|scope| {
                for _ in 0..2 {
                    scope.spawn(|| {
                        both.wait();
                        clear(&folder.0).unwrap();
                    });
                }
            });
            assert_eq!(find(&folder.0).unwrap(), None);
        }
    }

    #[test]
    fn one_agent_at_a_time() {
        let folder = folder("lock");
        let claim = Claim::take(&folder.0).unwrap();
        assert_eq!(Claim::take(&folder.0).unwrap_err().code(), 69);
        drop(claim);
        assert!(Claim::take(&folder.0).is_ok());
    }

    #[test]
    fn what_another_build_left_goes_too() {
        let folder = folder("other");
        let other = folder.0.join("00000000");
        fs::create_dir_all(&other).unwrap();
        fs::write(other.join(LINK), "").unwrap();
        fs::write(other.join("cells"), "").unwrap();
        let claim = Claim::take(&folder.0).unwrap();
        assert_eq!(claim.find(), Ok(Some("00000000".into())));
        let pins = claim.renew().unwrap();
        assert!(!other.exists());
        assert_eq!(pins.claim().find(), Ok(None));
    }

    #[test]
    fn a_folder_that_is_not_to_be_had_is_explained() {
        let error = Claim::take(Path::new("/proc/none/hallows")).unwrap_err();
        assert!(error.to_string().contains("mount bpffs"), "{error}");
        let error = refused(Path::new("/x"), &ErrorKind::PermissionDenied.into());
        assert_eq!(error.code(), 77);
    }
}
