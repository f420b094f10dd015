// SPDX-License-Identifier: GPL-2.0-only
//! Puts files into their places and takes them away: below a folder of the
//! user's, or as root below `/`.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::layout::Piece;
use super::say;
use crate::cmd;

/// Where the paths of a layout begin.
pub struct Files {
    destdir: Option<PathBuf>,
}

impl Files {
    /// Below `destdir`, or below `/` with root's permissions.
    pub fn new(destdir: Option<&Path>) -> Files {
        Files {
            destdir: destdir.map(Path::to_path_buf),
        }
    }

    /// Where a path of a layout really is.
    pub fn at(&self, path: &Path) -> PathBuf {
        match &self.destdir {
            None => path.to_path_buf(),
            Some(destdir) => destdir.join(path.strip_prefix("/").unwrap_or(path)),
        }
    }

    /// Whether a file is there.
    pub fn has(&self, path: &Path) -> bool {
        self.at(path).exists()
    }

    /// Whether a file is there and has this text.
    pub fn reads(&self, path: &Path, text: &str) -> bool {
        fs::read_to_string(self.at(path)).is_ok_and(|it| it == text)
    }

    /// The names in a folder, none if it is not there.
    ///
    /// # Errors
    /// When it can't be listed.
    pub fn names(&self, folder: &Path) -> Result<Vec<String>> {
        let folder = self.at(folder);
        let entries = match fs::read_dir(&folder) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            other => other.with_context(|| format!("cannot list {}", folder.display()))?,
        };
        Ok(entries
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .collect())
    }

    /// Puts a piece into its place, with the folders on the way.
    ///
    /// # Errors
    /// When there is no permission, or no room.
    pub fn put(&self, piece: &Piece) -> Result<()> {
        let to = self.at(&piece.to);
        say(&format!("{}", to.display()));
        let mut install = self.command()?;
        install
            .args(["install", "-D", "-m", piece.mode])
            .args([&piece.from, &to]);
        cmd::output(&mut install).map(drop)
    }

    /// Removes a file.
    ///
    /// # Errors
    /// When there is no permission.
    pub fn remove(&self, path: &Path) -> Result<()> {
        let path = self.at(path);
        say(&format!("removing {}", path.display()));
        cmd::output(self.command()?.arg("rm").arg(&path)).map(drop)
    }

    fn command(&self) -> Result<Command> {
        match self.destdir {
            Some(_) => Ok(Command::new("env")),
            None => cmd::as_root(),
        }
    }
}
