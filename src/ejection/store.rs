// SPDX-License-Identifier: GPL-2.0-only
//! Reports as files: few, small, and never half of one.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::whole_file;

/// Reports that are kept; the oldest goes first.
const MAX_FILES: usize = 10;

/// A longer report is cut.
const MAX_BYTES: usize = 1 << 20;

const PREFIX: &str = "ejection-";

/// Where reports go that no `--report-dir` says otherwise of: systemd's
/// `StateDirectory`, or its place without systemd.
pub fn default_folder() -> PathBuf {
    let given = std::env::var_os("STATE_DIRECTORY").filter(|it| !it.is_empty());
    // systemd separates several by colons.
    let first = given.and_then(|all| std::env::split_paths(&all).next());
    first.unwrap_or_else(|| "/var/lib/scx_hallows".into())
}

/// Writes a report into `folder`, which is made if need be. `stamp` is unique,
/// and later ones sort after earlier ones. Returns the file.
///
/// # Errors
/// The folder or the file can't be written; then no part of the file stays.
pub fn keep(folder: &Path, stamp: &str, text: &str) -> Result<PathBuf> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    make_room(folder);
    let file = folder.join(format!("{PREFIX}{stamp}.txt"));
    // Only root or the service's user reads it: it names tasks.
    whole_file::write(&file, cut(text).as_bytes(), 0o600)
        .with_context(|| format!("cannot write {}", file.display()))?;
    Ok(file)
}

/// The text, or its first [`MAX_BYTES`] and a word about the rest.
fn cut(text: &str) -> String {
    if text.len() <= MAX_BYTES {
        return text.to_owned();
    }
    let note = "\n[the rest is cut off]\n";
    let end = text.floor_char_boundary(MAX_BYTES - note.len());
    text[..end].to_owned() + note
}

/// Removes the oldest reports, so that one more is not too many. What can't be
/// removed is no reason to lose the new one.
fn make_room(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    let mut reports: Vec<_> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.starts_with(PREFIX) && name.ends_with(".txt")
        })
        .collect();
    reports.sort();
    for oldest in reports
        .iter()
        .take((reports.len() + 1).saturating_sub(MAX_FILES))
    {
        let _ = fs::remove_file(oldest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    struct Folder(PathBuf);

    impl Folder {
        fn new(test: &str) -> Folder {
            let name = format!("hallows-ejection-{}-{test}", std::process::id());
            Folder(std::env::temp_dir().join(name))
        }

        fn names(&self) -> Vec<String> {
            let mut names: Vec<_> = fs::read_dir(&self.0)
                .unwrap()
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect();
            names.sort();
            names
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn the_latest_few_are_kept() {
        let folder = Folder::new("few");
        for number in 10..35 {
            keep(&folder.0.join("deep"), &number.to_string(), "x").unwrap();
        }
        let deep = Folder(folder.0.join("deep"));
        fs::write(deep.0.join("notes.txt"), "not ours").unwrap();
        let last = keep(&deep.0, "35", "the last").unwrap();
        let names = deep.names();
        assert_eq!(names.len(), MAX_FILES + 1);
        assert_eq!(names[0], "ejection-26.txt");
        assert!(names.contains(&"notes.txt".to_owned()));
        assert_eq!(fs::read_to_string(&last).unwrap(), "the last");
        assert_eq!(last.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_long_one_is_cut_between_characters() {
        let text = "\u{e9}".repeat(MAX_BYTES);
        let short = cut(&text);
        assert!(short.len() <= MAX_BYTES && short.len() > MAX_BYTES - 40);
        assert!(short.ends_with("\u{e9}\n[the rest is cut off]\n"));
        assert_eq!(cut("short"), "short");
    }

    #[test]
    fn what_cannot_be_written_leaves_nothing() {
        let folder = Folder::new("nothing");
        fs::create_dir_all(folder.0.join("ejection-1.txt")).unwrap();
        fs::write(folder.0.join("ejection-1.txt/x"), "").unwrap();
        let error = keep(&folder.0, "1", "x").unwrap_err();
        assert!(format!("{error:#}").contains("cannot write"), "{error:#}");
        assert_eq!(folder.names(), ["ejection-1.txt"]);
        assert!(keep(Path::new("/dev/null/x"), "1", "x").is_err());
    }
}
