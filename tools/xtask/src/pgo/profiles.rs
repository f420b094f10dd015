// SPDX-License-Identifier: GPL-2.0-only
//! The profiles in the tree: `profiles/WORKLOAD.proftext`.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use hallows_prof::profile::Profile;

use super::read;
use crate::paths;
use crate::vm::sections::Section;

fn folder() -> PathBuf {
    paths::root().join("profiles")
}

/// Replaces the profiles of workloads by new ones.
///
/// # Errors
/// When one is no profile or nothing of it ran, or cannot be written.
pub fn write(sections: &[Section]) -> Result<()> {
    paths::make(&folder())?;
    for Section { name, text } in sections {
        let profile = Profile::parse(text).with_context(|| format!("workload {name}"))?;
        ensure!(profile.total() > 0, "workload {name}: nothing ran");
        let file = folder().join(format!("{name}.proftext"));
        fs::write(&file, profile.to_string())
            .with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(())
}

/// All profiles.
///
/// # Errors
/// When there are none, or one cannot be read.
pub fn all() -> Result<Vec<Profile>> {
    let folder = folder();
    let entries =
        fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))?;
    let mut files: Vec<_> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    files.retain(|file| file.extension().is_some_and(|end| end == "proftext"));
    files.sort();
    ensure!(!files.is_empty(), "no profiles: take some with --train");
    let parse =
        |file: &PathBuf| Profile::parse(&read(file)?).with_context(|| file.display().to_string());
    files.iter().map(parse).collect()
}
