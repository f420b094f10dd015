// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask install` and `uninstall`: the program and what goes with it.

mod files;
pub mod layout;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::cli::InstallArgs;
use crate::cmd;
use crate::paths;
use crate::run;
use crate::setup;
use files::Files;
use layout::Layout;

/// Tells the user what is going on, on standard error.
fn say(text: &str) {
    eprintln!("install: {text}");
}

/// Builds and installs.
///
/// # Errors
/// When the build fails, or a file can't be made or put into its place.
pub fn command(args: &InstallArgs) -> Result<u8> {
    setup::for_build()?;
    run::build::release()?;
    let program = paths::target()?.join("release/scx_hallows");
    put_all(&program, args)?;
    if args.destdir.is_none() {
        say("for systemd to see the unit: systemctl daemon-reload");
    }
    Ok(0)
}

/// Lays `program` and what goes with it out below `destdir` for a package.
///
/// # Errors
/// When a file can't be made or put into its place.
pub fn tree(program: &Path, destdir: &Path) -> Result<()> {
    let args = InstallArgs {
        prefix: "/usr".into(),
        destdir: Some(destdir.to_path_buf()),
    };
    put_all(program, &args)
}

fn put_all(program: &Path, args: &InstallArgs) -> Result<()> {
    let stage = tempfile::tempdir().context("cannot make a folder for what is to be installed")?;
    let (layout, files) = (Layout::new(&args.prefix), place(args));
    for piece in layout.pieces(program, stage.path())? {
        if piece.is_config && files.has(&piece.to) {
            say(&format!("{} is there, and stays", piece.to.display()));
            continue;
        }
        files.put(&piece)?;
    }
    Ok(())
}

/// Ends the scheduler, unless below a destdir, and removes what [`command`] installs.
///
/// # Errors
/// When the scheduler can't be stopped, or a file can't be removed.
pub fn uninstall(args: &InstallArgs) -> Result<u8> {
    let (layout, files) = (Layout::new(&args.prefix), place(args));
    if args.destdir.is_none() {
        end(&layout.program())?;
    }
    // Asked before it is gone.
    let defaults = layout.default_config(&files.at(&layout.program()));
    let config = layout::config();
    if files.has(&config) {
        if defaults.is_ok_and(|text| files.reads(&config, &text)) {
            files.remove(&config)?;
        } else {
            say(&format!("{} was changed, and stays", config.display()));
        }
    }
    for file in layout.installed(&files)? {
        files.remove(&file)?;
    }
    if args.destdir.is_none() && has_systemd() {
        cmd::output(cmd::as_root()?.args(["systemctl", "daemon-reload"]))?;
    }
    Ok(0)
}

/// Ends the scheduler while there is a program that can: the service, and whatever of it
/// is pinned or was started by hand.
fn end(program: &Path) -> Result<()> {
    const SERVICE: &str = "scx_hallows.service";
    let is_known = || cmd::output(Command::new("systemctl").args(["cat", SERVICE])).is_ok();
    if has_systemd() && is_known() {
        say(&format!("disabling and stopping {SERVICE}"));
        cmd::output(cmd::as_root()?.args(["systemctl", "disable", "--now", SERVICE]))?;
    }
    if program.exists() {
        let told = cmd::output(cmd::as_root()?.arg(program).arg("stop"))
            .context("nothing was removed, for the scheduler can't be stopped")?;
        say(told.trim_end());
    }
    Ok(())
}

/// Whether systemd is this machine's first process.
fn has_systemd() -> bool {
    Path::new("/run/systemd/system").is_dir()
}

fn place(args: &InstallArgs) -> Files {
    Files::new(args.destdir.as_deref())
}

/// A path from the root, as the unit names it.
///
/// # Errors
/// It is none.
pub fn absolute(text: &str) -> Result<PathBuf, String> {
    let path = Path::new(text);
    if path.is_absolute() && !text.contains(char::is_whitespace) {
        Ok(path.to_path_buf())
    } else {
        Err("must be a path from / without white space".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    /// Stands for the program, see there.
    const PROGRAM: &str = "tools/xtask/src/install/stand-in.sh";

    /// Installs without building; returns the paths below `root`.
    fn install(root: &Path, prefix: &str) -> Vec<String> {
        let stage = tempfile::tempdir().unwrap();
        let program = paths::root().join(PROGRAM);
        let files = Files::new(Some(root));
        let layout = Layout::new(Path::new(prefix));
        for piece in layout.pieces(&program, stage.path()).unwrap() {
            files.put(&piece).unwrap();
        }
        below(root)
    }

    fn below(root: &Path) -> Vec<String> {
        let mut found = Vec::new();
        let mut folders = vec![root.to_path_buf()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let path = path.strip_prefix(root).unwrap();
                    found.push(path.to_str().unwrap().to_owned());
                }
            }
        }
        found.sort();
        found
    }

    fn arguments(root: &Path, prefix: &str) -> InstallArgs {
        InstallArgs {
            prefix: prefix.into(),
            destdir: Some(root.into()),
        }
    }

    #[test]
    fn everything_has_its_place() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(
            install(root.path(), "/usr"),
            [
                "etc/scx_hallows/config.toml",
                "usr/bin/scx_hallows",
                "usr/lib/systemd/system/scx_hallows-failed.service",
                "usr/lib/systemd/system/scx_hallows.service",
                "usr/share/bash-completion/completions/scx_hallows",
                "usr/share/fish/vendor_completions.d/scx_hallows.fish",
                "usr/share/man/man8/scx_hallows-get.8",
                "usr/share/man/man8/scx_hallows.8",
                "usr/share/zsh/site-functions/_scx_hallows",
            ]
        );
        let mode = |path: &str| {
            let meta = root.path().join(path).metadata().unwrap();
            meta.permissions().mode() & 0o777
        };
        assert_eq!(mode("usr/bin/scx_hallows"), 0o755);
        assert_eq!(mode("etc/scx_hallows/config.toml"), 0o644);
    }

    #[test]
    fn the_unit_starts_what_was_installed() {
        let root = tempfile::tempdir().unwrap();
        install(root.path(), "/opt/hallows");
        let unit = root
            .path()
            .join("opt/hallows/lib/systemd/system/scx_hallows.service");
        let unit = fs::read_to_string(unit).unwrap();
        let starts: Vec<_> = unit
            .lines()
            .filter(|line| {
                ["ExecStart=", "ExecReload=", "ExecStopPost="]
                    .iter()
                    .any(|key| line.starts_with(key))
            })
            .collect();
        assert_eq!(
            starts,
            [
                "ExecStart=/opt/hallows/bin/scx_hallows --pin --replace",
                "ExecReload=/opt/hallows/bin/scx_hallows reload",
                "ExecStopPost=+/bin/sh -c '[ \"$$SERVICE_RESULT\" != timeout ] || \
                 exec /opt/hallows/bin/scx_hallows stop'"
            ]
        );
    }

    #[test]
    fn nothing_stays_but_what_the_user_wrote() {
        let root = tempfile::tempdir().unwrap();
        let args = arguments(root.path(), "/usr/local");
        let config = root.path().join("etc/scx_hallows/config.toml");
        install(root.path(), "/usr/local");
        fs::write(&config, "slice_us = 2000\n").unwrap();
        let other = root.path().join("usr/local/share/man/man8/other.8");
        fs::write(&other, "").unwrap();
        uninstall(&args).unwrap();
        assert_eq!(
            below(root.path()),
            [
                "etc/scx_hallows/config.toml",
                "usr/local/share/man/man8/other.8"
            ]
        );
        fs::remove_file(&other).unwrap();
        fs::remove_file(&config).unwrap();
        install(root.path(), "/usr/local");
        uninstall(&args).unwrap();
        assert_eq!(below(root.path()), [""; 0]);
        // Twice is no mistake.
        uninstall(&args).unwrap();
    }

    #[test]
    fn a_prefix_is_a_path_from_the_root() {
        assert!(absolute("/usr").is_ok());
        for bad in ["usr", "", "/opt/my programs"] {
            assert!(absolute(bad).is_err(), "{bad}");
        }
    }
}
