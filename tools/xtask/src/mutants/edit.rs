// SPDX-License-Identifier: GPL-2.0-only
//! What the edits of a mutant make of source files.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::table::{Edit, Mutant};

/// The files of the checkout at `root` that a mutant changes, and what they
/// hold then.
///
/// # Errors
/// When a file cannot be read, or does not have a text to replace exactly once.
pub fn apply(mutant: &Mutant, root: &Path) -> Result<BTreeMap<PathBuf, String>> {
    let mut changed: BTreeMap<PathBuf, String> = BTreeMap::new();
    for edit in &mutant.edits {
        let file = edit.file.display();
        let text = match changed.get(&edit.file) {
            Some(text) => text.clone(),
            None => fs::read_to_string(root.join(&edit.file))
                .with_context(|| format!("cannot read {file}"))?,
        };
        let text = replace(&text, edit).with_context(|| file.to_string())?;
        changed.insert(edit.file.clone(), text);
    }
    Ok(changed)
}

fn replace(text: &str, edit: &Edit) -> Result<String> {
    match text.matches(&edit.old).count() {
        1 => Ok(text.replacen(&edit.old, &edit.new, 1)),
        count => bail!("there {count} times, wanted once: {:?}", edit.old),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use super::apply;
    use crate::mutants::table::{self, Edit, Mutant, means};
    use crate::paths;
    use crate::test::scenario;

    fn mutant(edits: &[(&str, &str)]) -> Mutant {
        let edit = |&(old, new): &(&str, &str)| Edit {
            file: "a".into(),
            old: old.into(),
            new: new.into(),
        };
        Mutant {
            name: String::new(),
            what: String::new(),
            fails: Vec::new(),
            edits: edits.iter().map(edit).collect(),
        }
    }

    #[test]
    fn edits_build_on_each_other() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("a"), "one two two").unwrap();
        let text = |edits: &[_]| {
            Some(apply(&mutant(edits), root.path()).ok()?[&PathBuf::from("a")].clone())
        };
        assert_eq!(text(&[("one", "1"), ("1 t", "T")]).unwrap(), "Two two");
        assert_eq!(text(&[("two", "2")]), None);
        assert_eq!(text(&[("three", "3")]), None);
    }

    #[test]
    fn the_table_fits_the_source() {
        let root = paths::root();
        let stale = |mutant: &Mutant| Some((mutant.name.clone(), apply(mutant, &root).err()?));
        let mutants = table::read(&root).unwrap();
        let stale: Vec<_> = mutants.iter().filter_map(stale).collect();
        assert!(stale.is_empty(), "{stale:#?}");
    }

    #[test]
    fn the_table_names_every_scenario_and_no_other() {
        let mutants = table::read(&paths::root()).unwrap();
        let runs = scenario::all(None).unwrap();
        let entries: Vec<_> = mutants.iter().flat_map(|mutant| &mutant.fails).collect();
        for entry in &entries {
            assert!(runs.iter().any(|run| means(entry, &run.name())), "{entry}");
        }
        for run in runs.iter().filter(|run| !run.has_own_program()) {
            let scenario = format!("vm/{}", run.scenario.stem);
            assert!(
                entries.iter().any(|entry| means(&scenario, entry)),
                "{scenario}"
            );
        }
    }
}
