// SPDX-License-Identifier: GPL-2.0-only
//! `cargo xtask owners`: who writes which cache line of the BPF half's memory.

use std::env;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::cmd;
use crate::paths;
use crate::setup;

/// Builds the scheduler and prints the registry of its object. Returns the exit status:
/// 1 if two owners share a line.
///
/// # Errors
/// When something that the build needs cannot be set up, or it does not build.
pub fn command() -> Result<u8> {
    setup::for_build()?;
    let build = ["build", "--release", "--package", "scx_hallows"];
    let built = cmd::output(cargo().args(build).arg("--message-format=json"))?;
    let object = object(&built).context("cargo does not say where the BPF object is")?;
    let prof = ["run", "--quiet", "--release", "--package", "hallows-prof"];
    let prof = |task: &str| {
        let mut command = cargo();
        command.args(prof).args(["--", task]).arg(&object);
        command
    };
    let owners = cmd::output(&mut prof("owners"))?;
    // A reader that has seen enough still wants the verdict.
    let _ = io::stdout().write_all(owners.as_bytes());
    let verdict = prof("layout-check").status();
    Ok(u8::from(!verdict.context("cannot run cargo")?.success()))
}

fn cargo() -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(paths::root());
    command
}

/// The scheduler's BPF object, from what cargo says of a build: a JSON object a line.
fn object(built: &str) -> Option<PathBuf> {
    let is_ours = |message: &Value| {
        message["reason"] == "build-script-executed"
            && message["package_id"].as_str().and_then(package) == Some("scx_hallows")
    };
    let mut messages = built
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok());
    let message: Value = messages.find(is_ours)?;
    Some(PathBuf::from(message["out_dir"].as_str()?).join("bpf.bpf.o"))
}

/// The package's name in an id of cargo's, `SOURCE#NAME@VERSION`, or `FOLDER#VERSION`
/// where the folder is called like the package.
fn package(id: &str) -> Option<&str> {
    let (source, rest) = id.rsplit_once('#')?;
    match rest.split_once('@') {
        Some((name, _)) => Some(name),
        None => source.rsplit('/').next(),
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::{object, package};

    #[test]
    fn cargo_says_where_the_object_is() {
        let other = r#"{"reason":"build-script-executed","package_id":"registry+x#libc@0.2","out_dir":"/l"}"#;
        let ours = r#"{"reason":"build-script-executed","package_id":"path+file:///x#scx_hallows@0.1.0","out_dir":"/o"}"#;
        let built = format!("no JSON\n{other}\n{ours}\n");
        assert_eq!(object(&built), Some(PathBuf::from("/o/bpf.bpf.o")));
        assert_eq!(object(other), None);
    }

    #[test]
    fn a_checkout_may_be_called_like_the_package() {
        assert_eq!(
            package("path+file:///home/u/scx_hallows#0.1.0"),
            Some("scx_hallows")
        );
        assert_eq!(
            package("path+file:///work#scx_hallows@0.1.0"),
            Some("scx_hallows")
        );
        assert_eq!(
            package("path+file:///u/scx_hallows#hallows-load@0.1.0"),
            Some("hallows-load")
        );
    }
}
