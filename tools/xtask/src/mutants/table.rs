// SPDX-License-Identifier: GPL-2.0-only
//! `tests/mutants.toml`: mechanisms to take out, and the scenarios that must
//! notice.

use std::collections::HashSet;
use std::fs;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

/// The scheduler without one of its mechanisms.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mutant {
    /// Letters, digits and hyphens; no other mutant has it.
    pub name: String,
    /// The mechanism that is taken out.
    pub what: String,
    /// Scenario runs that must fail: names, or their first words.
    pub fails: Vec<String>,
    /// Made one after the other.
    #[serde(rename = "edit")]
    pub edits: Vec<Edit>,
}

/// One change of a source file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Edit {
    /// From the root of the checkout.
    pub file: PathBuf,
    /// What goes; it must be there exactly once.
    pub old: String,
    /// What comes in its place.
    pub new: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    mutant: Vec<Mutant>,
}

/// The mutants of the checkout at `root`.
///
/// # Errors
/// As [`parse`], and when the table cannot be read.
pub fn read(root: &Path) -> Result<Vec<Mutant>> {
    let file = root.join("tests/mutants.toml");
    fs::read_to_string(&file)
        .map_err(anyhow::Error::from)
        .and_then(|text| parse(&text))
        .with_context(|| file.display().to_string())
}

/// The mutants of a table.
///
/// # Errors
/// When it is no TOML, has unknown keys, or a mutant that makes no sense.
fn parse(text: &str) -> Result<Vec<Mutant>> {
    let Table { mutant: mutants } = toml::from_str(text)?;
    let mut names = HashSet::new();
    for mutant in &mutants {
        check(mutant).with_context(|| format!("mutant {:?}", mutant.name))?;
        if !names.insert(&mutant.name) {
            bail!("two mutants have the name {}", mutant.name);
        }
    }
    Ok(mutants)
}

fn check(mutant: &Mutant) -> Result<()> {
    let Mutant {
        name, fails, edits, ..
    } = mutant;
    if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') {
        bail!("a name has letters, digits and hyphens");
    }
    if fails.is_empty() || edits.is_empty() {
        bail!("it needs an edit, and a scenario that fails");
    }
    for Edit { file, old, new } in edits {
        if !file
            .components()
            .all(|part| matches!(part, Component::Normal(_)))
        {
            bail!("{} is no file of the checkout", file.display());
        }
        if old.is_empty() || old == new {
            bail!("an edit of {} changes nothing", file.display());
        }
    }
    Ok(())
}

/// Whether an entry of [`Mutant::fails`] means the scenario run of this name.
pub fn means(entry: &str, run: &str) -> bool {
    run.strip_prefix(entry)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
}

#[cfg(test)]
mod tests {
    use super::{means, parse};

    const GOOD: &str = "[[mutant]]\nname = 'no-kick'\nwhat = 'kicks'\nfails = ['vm/keep']\n\
        [[mutant.edit]]\nfile = 'src/a.h'\nold = '''\n\tkick();\n'''\nnew = ''\n";

    #[test]
    fn a_text_of_lines_is_taken_as_it_is() {
        let mutants = parse(GOOD).unwrap();
        assert_eq!(mutants[0].name, "no-kick");
        assert_eq!(mutants[0].edits[0].old, "\tkick();\n");
    }

    #[test]
    fn senseless_mutants_are_refused() {
        assert!(parse(&GOOD.repeat(2)).is_err());
        for (good, bad) in [
            ("no-kick", "no/kick"),
            ("'vm/keep'", ""),
            ("src/a.h", "../a.h"),
            ("src/a.h", "/a.h"),
            ("\tkick();\n", ""),
            ("what", "why"),
        ] {
            assert!(parse(&GOOD.replace(good, bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_entry_means_whole_words() {
        let run = "vm/fifo 6.18 flat 4";
        for entry in ["vm/fifo", "vm/fifo 6.18", run] {
            assert!(means(entry, run), "{entry}");
        }
        for entry in ["vm/fi", "fifo", "vm/fifo 6.1", "vm/fifo 6.18 flat 4 x"] {
            assert!(!means(entry, run), "{entry}");
        }
    }
}
