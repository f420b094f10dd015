// SPDX-License-Identifier: GPL-2.0-only
//! The other schedulers: crates at fixed versions, built once into the cache.

use std::env;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::cmd;
use crate::interrupt;
use crate::paths;
use crate::setup::clang;

/// A scheduler to compare with.
#[derive(Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its crate, and its program.
    pub name: &'static str,
    /// The version that is built.
    pub version: &'static str,
}

const fn peer(name: &'static str, version: &'static str) -> Peer {
    Peer { name, version }
}

/// All of them, each with default flags.
pub const PEERS: [Peer; 9] = [
    peer("scx_bpfland", "1.1.4"),
    peer("scx_flash", "1.1.4"),
    peer("scx_pandemonium", "5.23.1"),
    peer("scx_lavd", "1.1.4"),
    peer("scx_cosmos", "1.1.7"),
    peer("scx_beerland", "1.1.4"),
    peer("scx_rusty", "1.1.4"),
    peer("scx_p2dq", "1.1.4"),
    peer("scx_rustland", "1.1.4"),
];

/// Those that were named, in the order of the list; `all` names all.
pub fn named(names: &[String]) -> Vec<&'static Peer> {
    let named = |peer: &&Peer| names.iter().any(|it| it == "all" || it == peer.name);
    PEERS.iter().filter(named).collect()
}

impl Peer {
    /// Its program, built when the cache has none. One that does not build is a
    /// program in `stage` that says so and fails, for the report to tell.
    ///
    /// # Errors
    /// When there is no cache, or after Ctrl-C.
    pub fn ensure(&self, stage: &Path) -> Result<PathBuf> {
        let folder = paths::cache()?.join("peers");
        let root = folder.join(format!("{}-{}", self.name, self.version));
        let program = root.join("bin").join(self.name);
        if program.exists() {
            return Ok(program);
        }
        let Peer { name, version } = self;
        eprintln!("lab: building {name} {version}, which takes some minutes");
        paths::make(&folder)?;
        match cmd::output(&mut self.install(&root, &folder.join("target"), &folder)) {
            Ok(_) => Ok(program),
            Err(_) if interrupt::seen() => anyhow::bail!("interrupted"),
            Err(error) => {
                let said = last_line(&format!("{error:#}"));
                eprintln!("lab: {name} {version} does not build: {said}");
                self.absent(stage, &said)
            }
        }
    }

    /// All peers share the folder of what they are made of.
    fn install(&self, root: &Path, target: &Path, folder: &Path) -> Command {
        let mut install = Command::new("nice");
        install
            .args(["-n", "15"])
            .arg(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
            .args(["install", "--quiet", "--locked", "--root"])
            .arg(root)
            .arg("--target-dir")
            .arg(target)
            .args(["--version", &format!("={}", self.version), self.name])
            .current_dir(folder);
        if let Some(clang) = clang::find() {
            install.env("BPF_CLANG", clang);
        }
        install
    }

    fn absent(&self, stage: &Path, said: &str) -> Result<PathBuf> {
        let file = stage.join(self.name);
        let words = format!("{} does not build: {said}", self.version).replace('\'', "");
        fs::write(&file, format!("#!/bin/sh\necho '{words}' >&2\nexit 1\n"))
            .and_then(|()| fs::set_permissions(&file, Permissions::from_mode(0o755)))
            .with_context(|| format!("cannot write {}", file.display()))?;
        Ok(file)
    }
}

fn last_line(text: &str) -> String {
    let last = text.lines().rev().find(|line| !line.trim().is_empty());
    last.unwrap_or_default().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_peers_are_unique_and_versions_are_whole() {
        for peer in &PEERS {
            let named = PEERS.iter().filter(|it| it.name == peer.name);
            assert_eq!(named.count(), 1, "{}", peer.name);
            assert_eq!(peer.version.split('.').count(), 3, "{}", peer.name);
        }
    }

    #[test]
    fn a_peer_that_does_not_build_is_a_program_that_says_so() {
        let stage = tempfile::tempdir().unwrap();
        let file = PEERS[0].absent(stage.path(), "it's over").unwrap();
        let ran = Command::new(file).output().unwrap();
        assert_eq!(ran.status.code(), Some(1));
        assert_eq!(ran.stderr, b"1.1.4 does not build: its over\n");
    }

    #[test]
    fn of_an_error_the_last_line_is_told() {
        assert_eq!(last_line("a\n  error: b \n\n"), "error: b");
        assert_eq!(last_line(""), "");
    }
}
