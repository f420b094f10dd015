// SPDX-License-Identifier: GPL-2.0-only
//! What is installed, and where.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::files::Files;
use crate::cmd;
use crate::paths;

/// The program's name, and that of most that goes with it.
const NAME: &str = "scx_hallows";

/// Where the unit in the checkout has the program.
const UNIT_PROGRAM: &str = "/usr/bin/scx_hallows";

/// The service, and what comes after its last failure.
const UNITS: [&str; 2] = ["scx_hallows.service", "scx_hallows-failed.service"];

/// Shells, and the files of their completions below the prefix.
const COMPLETIONS: [(&str, &str); 3] = [
    ("bash", "share/bash-completion/completions/scx_hallows"),
    ("zsh", "share/zsh/site-functions/_scx_hallows"),
    ("fish", "share/fish/vendor_completions.d/scx_hallows.fish"),
];

/// Something to install.
pub struct Piece {
    /// The file now.
    pub from: PathBuf,
    /// Its place, without a destdir.
    pub to: PathBuf,
    /// Permissions, as `install -m` takes them.
    pub mode: &'static str,
    /// Whether it is the user's to change.
    pub is_config: bool,
}

/// Where things go.
pub struct Layout {
    prefix: PathBuf,
}

/// The configuration, whatever the prefix: the program looks for it there.
pub fn config() -> PathBuf {
    "/etc/scx_hallows/config.toml".into()
}

impl Layout {
    /// Below `prefix`.
    pub fn new(prefix: &Path) -> Layout {
        Layout {
            prefix: prefix.to_path_buf(),
        }
    }

    /// The program.
    pub fn program(&self) -> PathBuf {
        self.prefix.join("bin").join(NAME)
    }

    fn unit(&self, name: &str) -> PathBuf {
        self.prefix.join("lib/systemd/system").join(name)
    }

    fn manual(&self) -> PathBuf {
        self.prefix.join("share/man/man8")
    }

    /// Everything, with what `program` tells of itself written into `stage`.
    ///
    /// # Errors
    /// When the program does not run, or `stage` can't be written.
    pub fn pieces(&self, program: &Path, stage: &Path) -> Result<Vec<Piece>> {
        let data = |from: PathBuf, to: PathBuf| Piece {
            from,
            to,
            mode: "644",
            is_config: false,
        };
        let staged = |name: &str, text: String| {
            let file = stage.join(name);
            fs::write(&file, text)
                .with_context(|| format!("cannot write {}", file.display()))
                .map(|()| file)
        };
        let mut pieces = vec![
            Piece {
                mode: "755",
                ..data(program.to_path_buf(), self.program())
            },
            Piece {
                is_config: true,
                ..data(staged("config", self.default_config(program)?)?, config())
            },
        ];
        for unit in UNITS {
            pieces.push(data(staged(unit, self.unit_text(unit)?)?, self.unit(unit)));
        }
        for (shell, path) in COMPLETIONS {
            let text = cmd::output(Command::new(program).args(["completions", shell]))?;
            pieces.push(data(staged(shell, text)?, self.prefix.join(path)));
        }
        let manual = stage.join("manual");
        paths::make(&manual)?;
        cmd::output(Command::new(program).args(["man", "--dir"]).arg(&manual))?;
        for entry in fs::read_dir(&manual).context("cannot list the manual pages")? {
            let entry = entry?;
            pieces.push(data(entry.path(), self.manual().join(entry.file_name())));
        }
        Ok(pieces)
    }

    /// A unit with this layout's program.
    fn unit_text(&self, name: &str) -> Result<String> {
        let file = paths::root().join("systemd").join(name);
        let text =
            fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        Ok(text.replace(UNIT_PROGRAM, &self.program().to_string_lossy()))
    }

    /// The configuration as `program` has it on its first day.
    ///
    /// # Errors
    /// When it does not run.
    pub fn default_config(&self, program: &Path) -> Result<String> {
        cmd::output(Command::new(program).arg("config"))
    }

    /// What of it is there, without the configuration.
    ///
    /// # Errors
    /// When the manual pages can't be listed.
    pub fn installed(&self, files: &Files) -> Result<Vec<PathBuf>> {
        let mut all = vec![self.program()];
        all.extend(UNITS.map(|unit| self.unit(unit)));
        all.extend(COMPLETIONS.map(|(_, path)| self.prefix.join(path)));
        let pages = files.names(&self.manual())?.into_iter().filter(|name| {
            name.strip_prefix(NAME)
                .is_some_and(|rest| rest == ".8" || rest.starts_with('-') && rest.ends_with(".8"))
        });
        all.extend(pages.map(|name| self.manual().join(name)));
        all.retain(|file| files.has(file));
        Ok(all)
    }
}
