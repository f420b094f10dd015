// SPDX-License-Identifier: GPL-2.0-only
//! Reads what the probes judge, from `/proc`, `/sys`, `/boot` and `/lib`.

use std::cell::OnceCell;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::PathBuf;

use flate2::read::GzDecoder;

use super::btf::Kfuncs;
use super::verdict::Verdict;
use crate::{pins, service};

/// Where the kernel keeps its type information.
const BTF: &str = "sys/kernel/btf/vmlinux";

/// Configurations and small files are no longer than this.
const MAX_BYTES: u64 = 4 << 20;

/// The machine whose trees lie under a folder, `/` but for tests.
#[derive(Debug)]
pub struct Machine {
    root: PathBuf,
    kfuncs: OnceCell<Result<Kfuncs, String>>,
}

/// A kernel's configuration, and where it was found.
#[derive(Debug, PartialEq, Eq)]
pub struct Config {
    /// The file.
    pub path: String,
    /// Lines of `CONFIG_X=y`.
    pub text: String,
}

impl Machine {
    /// The machine under `root`.
    pub fn at(root: impl Into<PathBuf>) -> Machine {
        Machine {
            root: root.into(),
            kfuncs: OnceCell::new(),
        }
    }

    /// The text of a small file, without the white space at its ends.
    ///
    /// # Errors
    /// As [`File::open`] and [`Read::read_to_string`].
    pub fn text(&self, relative: &str) -> io::Result<String> {
        let mut text = String::new();
        File::open(self.root.join(relative))?
            .take(MAX_BYTES)
            .read_to_string(&mut text)?;
        Ok(text.trim().to_owned())
    }

    /// The same if it can be read.
    pub fn maybe(&self, relative: &str) -> Option<String> {
        self.text(relative).ok()
    }

    /// What `probe` says of the text of a file that every Linux has.
    pub fn judge(&self, relative: &str, probe: impl FnOnce(&str) -> Verdict) -> Verdict {
        match self.text(relative) {
            Ok(text) => probe(&text),
            Err(error) => Verdict::unavailable(
                format!("cannot read /{relative}: {error}"),
                "mount sysfs on /sys and procfs on /proc",
            ),
        }
    }

    /// Whether a file is there.
    pub fn has(&self, relative: &str) -> bool {
        self.root.join(relative).exists()
    }

    /// Whether a scheduler of ours is pinned and schedules, as far as this user can
    /// see. The kernel may have ejected it since, and run another.
    pub fn pinned(&self) -> bool {
        let folder = pins::FOLDER.trim_start_matches('/');
        matches!(pins::find(&self.root.join(folder)), Ok(Some(_))) && service::schedules(&self.root)
    }

    /// The running kernel's configuration, from wherever it is first found.
    pub fn config(&self) -> Option<Config> {
        let release = self.maybe("proc/sys/kernel/osrelease")?;
        let plain = [
            format!("boot/config-{release}"),
            format!("lib/modules/{release}/config"),
        ];
        let found = |path: &str, text: String| Config {
            path: format!("/{path}"),
            text,
        };
        let packed = "proc/config.gz";
        if let Ok(file) = File::open(self.root.join(packed)) {
            let mut text = String::new();
            let mut reader = GzDecoder::new(file).take(MAX_BYTES);
            if reader.read_to_string(&mut text).is_ok() {
                return Some(found(packed, text));
            }
        }
        plain
            .iter()
            .find_map(|path| Some(found(path, self.maybe(path)?)))
    }

    /// The kernel functions that BPF may call, by its type information; `None`
    /// where there is none.
    ///
    /// # Errors
    /// One line: it can't be read.
    pub fn kfuncs(&self) -> Option<Result<&Kfuncs, &str>> {
        let path = self.root.join(BTF);
        match fs::metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            _ => {}
        }
        let read = self
            .kfuncs
            .get_or_init(|| Kfuncs::read(&path).map_err(|error| format!("{error:#}")));
        Some(read.as_ref().map_err(String::as_str))
    }
}
