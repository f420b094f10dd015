// SPDX-License-Identifier: GPL-2.0-only
//! The guest's files: a base archive of this machine's programs, cached, and
//! what one VM adds to it.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::str::FromStr;

use anyhow::{Context, Error, Result, bail};

use super::VmSpec;
use super::cpio::Tree;
use super::libs;
use super::systemd;
use crate::cmd;
use crate::paths;

/// The guest's first program.
const INIT: &str = include_str!("../../../vm/init");

/// What the guest has beside busybox. busybox's awk reads numbers that start
/// with 0 as octal, as cyclictest prints them, and its chrt and taskset know
/// fewer options.
const PROGRAMS: [&str; 6] = [
    "hackbench",
    "cyclictest",
    "stress-ng",
    "taskset",
    "chrt",
    "awk",
];

/// Counts changes of what [`base_tree`] makes of the same inputs.
const FORMAT: u32 = 1;

/// Libraries lie in one folder, whichever of these a loader looks into.
const LIBRARY_FOLDERS: [(&str, &str); 4] = [
    ("lib", "usr/lib"),
    ("lib64", "usr/lib"),
    ("usr/lib64", "lib"),
    ("usr/lib/x86_64-linux-gnu", "."),
];

/// A file or folder of the host, and where the guest has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuestFile {
    /// On the host.
    pub host: PathBuf,
    /// In the guest, without the leading slash.
    pub guest: String,
}

impl FromStr for GuestFile {
    type Err = Error;

    /// `HOST:GUEST`, or `HOST` for a program: `/vm/bin/NAME`.
    fn from_str(text: &str) -> Result<Self> {
        let (host, guest) = match text.split_once(':') {
            Some((host, guest)) => (host, Some(guest.trim_matches('/'))),
            None => (text, None),
        };
        let name = Path::new(host)
            .file_name()
            .with_context(|| format!("{host:?} names no file"))?;
        let guest = guest.map_or_else(
            || format!("vm/bin/{}", name.to_string_lossy()),
            str::to_owned,
        );
        if guest.is_empty() || guest.split('/').any(|part| matches!(part, "" | "." | "..")) {
            bail!("the guest's path must name a file: {text:?}");
        }
        Ok(Self {
            host: host.into(),
            guest: real(&guest),
        })
    }
}

/// The path without the base archive's links: an archive that had a folder in
/// the place of one of them would take the libraries away from the guest.
fn real(guest: &str) -> String {
    let linked = [
        "usr/lib/x86_64-linux-gnu/",
        "usr/lib64/",
        "lib64/",
        "lib/x86_64-linux-gnu/",
        "lib/",
    ];
    let rest = linked.iter().find_map(|folder| guest.strip_prefix(folder));
    rest.map_or_else(|| guest.to_owned(), |rest| format!("usr/lib/{rest}"))
}

/// Writes the initramfs of one VM to `path`.
///
/// # Errors
/// When a file of the host is missing or cannot be read, or `path` cannot be written.
pub fn write(spec: &VmSpec, path: &Path) -> Result<()> {
    let mut base = Base::open()?;
    let overlay = overlay(spec, &base.libraries)?;
    let mut out = File::create(path).with_context(|| format!("cannot make {}", path.display()))?;
    io::copy(&mut base.archive, &mut out)
        .and_then(|_| out.write_all(&overlay))
        .with_context(|| format!("cannot write {}", path.display()))
}

fn overlay(spec: &VmSpec, there: &HashSet<PathBuf>) -> Result<Vec<u8>> {
    let mut tree = Tree::default();
    tree.file(
        "vm/script",
        0o644,
        format!("{}\n", spec.script).into_bytes(),
    );
    let quoted = |value: &str| format!("'{}'", value.replace('\'', r"'\''"));
    let env: String = spec
        .env
        .iter()
        .map(|(name, value)| format!("export {name}={}\n", quoted(value)))
        .collect();
    tree.file("vm/env", 0o644, env.into_bytes());
    if let Some(config) = &spec.kernel.config {
        tree.file("boot/config", 0o644, read(config)?);
    }
    let mut files = spec.files.clone();
    if spec.systemd {
        tree.file(systemd::UNIT_PATH, 0o644, systemd::UNIT.into());
        files.extend(systemd::files()?);
    }
    for GuestFile { host, guest } in &files {
        add(&mut tree, host, guest, there)?;
    }
    Ok(tree.archive())
}

fn add(tree: &mut Tree, host: &Path, guest: &str, there: &HashSet<PathBuf>) -> Result<()> {
    if host.is_dir() {
        tree.folder(guest);
        for entry in
            fs::read_dir(host).with_context(|| format!("cannot list {}", host.display()))?
        {
            let entry = entry?;
            add(
                tree,
                &entry.path(),
                &format!("{guest}/{}", entry.file_name().to_string_lossy()),
                there,
            )?;
        }
        return Ok(());
    }
    let mode = host
        .metadata()
        .with_context(|| format!("cannot read {}", host.display()))?
        .permissions()
        .mode();
    tree.file(guest, mode & 0o777, read(host)?);
    for library in libs::needed(host)?
        .iter()
        .filter(|library| !there.contains(*library))
    {
        add_library(tree, library)?;
    }
    Ok(())
}

fn add_library(tree: &mut Tree, library: &Path) -> Result<()> {
    let name = library
        .file_name()
        .map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let guest = format!("usr/lib/{name}");
    if !tree.has(&guest) {
        tree.file(&guest, 0o755, read(library)?);
    }
    Ok(())
}

fn read(file: &Path) -> Result<Vec<u8>> {
    fs::read(file).with_context(|| format!("cannot read {}", file.display()))
}

/// The part that every VM shares.
struct Base {
    archive: File,
    /// Of the host; the archive has them in `/usr/lib`.
    libraries: HashSet<PathBuf>,
}

impl Base {
    /// Opens the cached archive; makes it first when there is none, or one of
    /// the files that went into it has changed since.
    fn open() -> Result<Self> {
        let _lock = paths::lock_cache()?;
        let (archive, inputs) = (
            paths::cache()?.join("base.cpio"),
            paths::cache()?.join("base.inputs"),
        );
        let known = fs::read_to_string(&inputs).unwrap_or_default();
        let files: Vec<_> = known
            .lines()
            .skip(1)
            .filter_map(|line| Some(line.split_once('\t')?.1.into()))
            .collect();
        if !archive.exists() || list(&files).ok().as_ref() != Some(&known) {
            let (tree, files) = base_tree()?;
            let partial = archive.with_extension("partial");
            fs::write(&partial, tree.archive())
                .and_then(|()| fs::rename(&partial, &archive))
                .and_then(|()| fs::write(&inputs, list(&files)?))
                .with_context(|| format!("cannot write {}", archive.display()))?;
            return Self::new(&archive, files);
        }
        Self::new(&archive, files)
    }

    fn new(archive: &Path, files: Vec<PathBuf>) -> Result<Self> {
        let file =
            File::open(archive).with_context(|| format!("cannot open {}", archive.display()))?;
        Ok(Self {
            archive: file,
            libraries: files.into_iter().collect(),
        })
    }
}

/// What the archive was made of: a line for this program's share, then a line
/// of size, time and path for each file.
fn list(files: &[PathBuf]) -> io::Result<String> {
    let mut list = format!("{FORMAT} {:016x}\n", super::hash(INIT));
    for file in files {
        let meta = file.metadata()?;
        list += &format!(
            "{} {}.{:09}\t{}\n",
            meta.size(),
            meta.mtime(),
            meta.mtime_nsec(),
            file.display()
        );
    }
    Ok(list)
}

fn base_tree() -> Result<(Tree, Vec<PathBuf>)> {
    let mut tree = Tree::default();
    for folder in [
        "dev", "proc", "sys", "tmp", "root", "run", "usr/lib", "vm/bin", "boot",
    ] {
        tree.folder(folder);
    }
    for (link, target) in LIBRARY_FOLDERS {
        tree.symlink(link, target);
    }
    tree.file("init", 0o755, INIT.into());
    tree.file(
        "etc/passwd",
        0o644,
        "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n".into(),
    );
    tree.file("etc/group", 0o644, "root:x:0:\nnogroup:x:65534:\n".into());
    let mut files = Vec::new();
    let busybox = find("busybox")?;
    for applet in cmd::output(Command::new(&busybox).arg("--list"))?.lines() {
        tree.symlink(&format!("bin/{applet}"), "busybox");
    }
    add_program(&mut tree, &busybox, "bin/busybox", &mut files)?;
    for name in PROGRAMS {
        add_program(
            &mut tree,
            &find(name)?,
            &format!("usr/bin/{name}"),
            &mut files,
        )?;
    }
    Ok((tree, files))
}

fn add_program(tree: &mut Tree, host: &Path, guest: &str, files: &mut Vec<PathBuf>) -> Result<()> {
    tree.file(guest, 0o755, read(host)?);
    files.push(host.into());
    for library in libs::needed(host)? {
        if !files.contains(&library) {
            add_library(tree, &library)?;
            files.push(library);
        }
    }
    Ok(())
}

fn find(program: &str) -> Result<PathBuf> {
    cmd::find(program)
        .with_context(|| format!("no {program} for the guest: run `cargo xtask setup`"))
}

#[cfg(test)]
mod tests {
    use super::GuestFile;

    #[test]
    fn guest_paths_have_a_default_and_keep_off_links() {
        let guest = |text: &str| text.parse::<GuestFile>().unwrap().guest;
        assert_eq!(guest("target/release/x"), "vm/bin/x");
        assert_eq!(guest("x:/vm/lib.sh"), "vm/lib.sh");
        assert_eq!(guest("x:/lib/x86_64-linux-gnu/y.so"), "usr/lib/y.so");
        for wrong in ["", "/", "x:", "x:/a/../b", ".."] {
            assert!(wrong.parse::<GuestFile>().is_err(), "{wrong}");
        }
    }
}
