// SPDX-License-Identifier: GPL-2.0-only
//! Building mutants, in a copy of the checkout that stays between runs, so that
//! only what a mutant touches is compiled.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::edit;
use super::table::Mutant;
use crate::cmd;
use crate::paths;
use crate::test::host;

/// Lines of cargo's that are shown when a mutant does not build.
const SHOWN_LINES: usize = 20;

/// The copy, cargo's output for it, and the programs that came out.
pub struct Workshop {
    tree: PathBuf,
    target: PathBuf,
    programs: PathBuf,
}

impl Workshop {
    /// Brings the copy up to date and builds it as it is.
    ///
    /// # Errors
    /// When the copy cannot be written, or the checkout itself does not build.
    pub fn open() -> Result<Self> {
        let folder = paths::target()?.join("mutants");
        let workshop = Self {
            tree: folder.join("tree"),
            target: folder.join("target"),
            programs: folder.join("programs"),
        };
        sync(&paths::root(), &workshop.tree)?;
        workshop.cargo(&[]).context("without any mutant")?;
        Ok(workshop)
    }

    /// Builds a mutant and returns its scx_hallows. One core does it, since VMs
    /// want the others.
    ///
    /// # Errors
    /// When the edits do not fit, or the mutant does not build.
    pub fn make(&self, mutant: &Mutant) -> Result<PathBuf> {
        let changed = edit::apply(mutant, &self.tree)?;
        let mut kept = Vec::new();
        for file in changed.keys() {
            let file = self.tree.join(file);
            let text =
                fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
            kept.push((file, text));
        }
        for (file, text) in &changed {
            write(&self.tree.join(file), text.as_bytes())?;
        }
        let built = self.cargo(&["--jobs", "1"]);
        for (file, text) in &kept {
            write(file, text)?;
        }
        built?;
        let program = self.programs.join(&mutant.name);
        copy(&self.target.join("release/scx_hallows"), &program)?;
        Ok(program)
    }

    fn cargo(&self, args: &[&str]) -> Result<()> {
        let mut cargo = host::cargo(&self.tree);
        cargo
            .args(["build", "--release", "--package", "scx_hallows"])
            .args(args)
            .env("CARGO_TARGET_DIR", &self.target);
        let built = host::capture(cargo)?;
        if built.ok {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&built.output);
        let lines: Vec<_> = said.trim_end().lines().collect();
        let shown = &lines[lines.len().saturating_sub(SHOWN_LINES)..];
        bail!("it does not build:\n{}", shown.join("\n"));
    }
}

/// Makes the files of `tree` those of the checkout at `root`, as they are now,
/// with the new ones that git does not ignore. What is the same is not touched.
fn sync(root: &Path, tree: &Path) -> Result<()> {
    let mut git = Command::new("git");
    git.current_dir(root).args([
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
    ]);
    let listed = cmd::output(&mut git)?;
    // What was deleted and not yet committed is listed, too.
    let files: HashSet<_> = listed
        .split_terminator('\0')
        .map(PathBuf::from)
        .filter(|file| root.join(file).is_file())
        .collect();
    for file in &files {
        let (from, to) = (root.join(file), tree.join(file));
        let text = fs::read(&from).with_context(|| format!("cannot read {}", from.display()))?;
        if fs::read(&to).ok().as_ref() != Some(&text) {
            copy(&from, &to)?;
        }
    }
    let mut there = Vec::new();
    list(tree, &mut there)?;
    for file in there {
        if file
            .strip_prefix(tree)
            .is_ok_and(|name| !files.contains(name))
        {
            fs::remove_file(&file).with_context(|| format!("cannot remove {}", file.display()))?;
        }
    }
    Ok(())
}

fn list(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    let cannot = || format!("cannot list {}", folder.display());
    for entry in fs::read_dir(folder).with_context(cannot)? {
        let path = entry.with_context(cannot)?.path();
        if path.is_dir() {
            list(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    to.parent().map_or(Ok(()), paths::make)?;
    // A program that runs cannot be written to, but another can take its name.
    drop(fs::remove_file(to));
    let text = fs::read(from).with_context(|| format!("cannot read {}", from.display()))?;
    write(to, &text)?;
    let mode = fs::metadata(from).map(|meta| meta.permissions());
    mode.and_then(|mode| fs::set_permissions(to, mode))
        .with_context(|| format!("cannot write {}", to.display()))
}

fn write(file: &Path, text: &[u8]) -> Result<()> {
    fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
}
