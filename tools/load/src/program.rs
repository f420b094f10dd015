// SPDX-License-Identifier: GPL-2.0-only
//! Programs, found as a shell finds them.

use std::env;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Where in `PATH` the program `name` is.
pub fn which(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|file| is_program(file))
}

/// Whether `path` is a file that somebody may execute.
pub fn is_program(path: &Path) -> bool {
    path.metadata()
        .is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_program_is_a_file_that_can_be_executed() {
        assert!(which("sh").is_some_and(|path| is_program(&path)));
        assert!(which("no-such-program").is_none() && !is_program(Path::new("/bin")));
        let file = env::temp_dir().join(format!("hallows-program-{}", std::process::id()));
        fs::write(&file, "#!/bin/sh\n").unwrap();
        let mode = |mode| fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
        let found = [0o644, 0o755].map(|bits| {
            mode(bits);
            is_program(&file)
        });
        fs::remove_file(&file).unwrap();
        assert_eq!(found, [false, true]);
    }
}
