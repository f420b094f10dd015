// SPDX-License-Identifier: GPL-2.0-only
//! Shared libraries of programs, as the dynamic loader finds them.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

/// The libraries that `file` loads when it starts, the loader among them; none
/// for a file that is no program or a static one.
///
/// # Errors
/// When the file cannot be read, or one of its libraries is not there.
pub fn needed(file: &Path) -> Result<Vec<PathBuf>> {
    if !is_elf(file)? {
        return Ok(Vec::new());
    }
    // cargo's own library folders are no part of what an installed program sees.
    let mut ldd = Command::new("ldd");
    let done = ldd
        .arg(file)
        .env_remove("LD_LIBRARY_PATH")
        .env("LC_ALL", "C")
        .output();
    let done = done.context("cannot run ldd")?;
    if !done.status.success() {
        // ldd has one exit status for static programs and for broken ones.
        return Ok(Vec::new());
    }
    parse(&String::from_utf8_lossy(&done.stdout)).with_context(|| file.display().to_string())
}

fn is_elf(file: &Path) -> Result<bool> {
    let mut magic = Vec::new();
    File::open(file)
        .and_then(|file| file.take(4).read_to_end(&mut magic))
        .with_context(|| format!("cannot read {}", file.display()))?;
    Ok(magic == b"\x7fELF")
}

/// Lines are `NAME => PATH (ADDRESS)`, `PATH (ADDRESS)` for the loader,
/// `NAME (ADDRESS)` for the kernel's own, or `NAME => not found`.
fn parse(ldd: &str) -> Result<Vec<PathBuf>> {
    let mut libraries = Vec::new();
    for line in ldd.lines().map(str::trim) {
        let found = line.split_once(" => ").map_or(line, |(_, found)| found);
        if found == "not found" {
            bail!("library missing: {line}");
        }
        if found.starts_with('/') {
            let end = found.rfind(" (").unwrap_or(found.len());
            libraries.push(found[..end].into());
        }
    }
    Ok(libraries)
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn lines_of_ldd() {
        let text = "\tlinux-vdso.so.1 (0x7ffc)\n\tlibelf.so.1 => /lib/x/libelf.so.1 (0x7f)\n\
                    \t/lib64/ld-linux-x86-64.so.2 (0x7f12)\n";
        let found = parse(text).unwrap();
        assert_eq!(
            found,
            ["/lib/x/libelf.so.1", "/lib64/ld-linux-x86-64.so.2"].map(Into::into)
                as [std::path::PathBuf; 2]
        );
        assert!(parse("\tlibx.so => not found\n").is_err());
        assert!(parse("\tstatically linked\n").unwrap().is_empty());
    }
}
