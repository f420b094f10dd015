// SPDX-License-Identifier: GPL-2.0-only
//! Files that are whole, old or new, whatever happens while they are written.

use std::fs::{self, OpenOptions};
use std::io::{Error, ErrorKind, Result, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Writes `bytes` to the disk as `file`, in place of what was there; a new file gets
/// `mode`, less the umask.
///
/// # Errors
/// Those of the system; then what was there is there still, and nothing else.
pub fn write(file: &Path, bytes: &[u8], mode: u32) -> Result<()> {
    let name = file
        .file_name()
        .ok_or(Error::from(ErrorKind::IsADirectory))?;
    let partial = file.with_file_name(format!(".{}.partial", name.display()));
    // Left by a process that was killed, or not there.
    let _ = fs::remove_file(&partial);
    let written = create(&partial, bytes, mode).and_then(|()| fs::rename(&partial, file));
    if written.is_err() {
        // It may not even be there.
        let _ = fs::remove_file(&partial);
    }
    written
}

fn create(path: &Path, bytes: &[u8], mode: u32) -> Result<()> {
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create_new(true).mode(mode).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    struct Folder(PathBuf);

    impl Folder {
        fn new(test: &str) -> Folder {
            let name = format!("hallows-whole-{}-{test}", std::process::id());
            let folder = Folder(std::env::temp_dir().join(name));
            fs::create_dir_all(&folder.0).unwrap();
            folder
        }

        fn names(&self) -> Vec<String> {
            let entries = fs::read_dir(&self.0).unwrap();
            entries
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect()
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn the_new_one_takes_the_place_of_the_old() {
        let folder = Folder::new("new");
        let file = folder.0.join("report");
        fs::write(folder.0.join(".report.partial"), "left behind").unwrap();
        for text in ["the old one, which is longer", "new"] {
            write(&file, text.as_bytes(), 0o600).unwrap();
            assert_eq!(fs::read_to_string(&file).unwrap(), text);
        }
        assert_eq!(folder.names(), ["report"]);
    }

    /// As on a full disk: the name that a report is written under can't be had.
    #[test]
    fn the_old_one_outlives_a_failure() {
        let folder = Folder::new("old");
        let file = folder.0.join("report");
        fs::write(&file, "old").unwrap();
        fs::create_dir_all(folder.0.join(".report.partial")).unwrap();
        assert!(write(&file, b"new", 0o600).is_err());
        assert_eq!(fs::read_to_string(&file).unwrap(), "old");
        assert!(write(Path::new("/"), b"new", 0o600).is_err());
    }
}
