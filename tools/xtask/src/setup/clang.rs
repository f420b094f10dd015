// SPDX-License-Identifier: GPL-2.0-only
//! The clang that compiles BPF: `$BPF_CLANG` where that runs (cargo sets it to
//! clang-22), else the newest from 19 on.

use std::env;
use std::ops::RangeInclusive;

use anyhow::{Result, bail};

use super::{apt, say};
use crate::cmd;

/// What is asked for in messages.
pub const WANTED: &str = "clang-22 (19 at least)";

/// Versions that are tried by name, `clang-NN`.
const VERSIONS: RangeInclusive<u32> = 19..=40;

/// The name of a clang on this machine for `BPF_CLANG`.
pub fn find() -> Option<String> {
    let set = env::var("BPF_CLANG")
        .ok()
        .filter(|name| cmd::find(name).is_some());
    set.or_else(|| {
        VERSIONS
            .rev()
            .map(name)
            .find(|name| cmd::find(name).is_some())
    })
}

/// Installs a clang where there is none, and says so when builds outside xtask
/// need to be told its name.
///
/// # Errors
/// When there is none and apt offers none or cannot install it.
pub fn ensure() -> Result<()> {
    if find().is_none() {
        install()?;
    }
    let Some(clang) = find() else {
        bail!("no clang for BPF: install {WANTED}")
    };
    if env::var("BPF_CLANG").ok().as_ref() != Some(&clang) {
        say(&format!(
            "using {clang}; for your own builds: export BPF_CLANG={clang}"
        ));
    }
    Ok(())
}

fn install() -> Result<()> {
    if !apt::available() {
        bail!("this system has no apt; install {WANTED}");
    }
    apt::update()?;
    let offered = apt::offered("^clang-[0-9]+$")?;
    let Some(version) = best(&offered) else {
        bail!("apt offers no clang from 19 on; install {WANTED} from elsewhere")
    };
    apt::install(&[name(version).as_str()].into())
}

fn name(version: u32) -> String {
    format!("clang-{version}")
}

/// 22 where it is offered, being what the project is tested with; else the newest.
fn best(offered: &[String]) -> Option<u32> {
    let version = |name: &String| name.strip_prefix("clang-")?.parse().ok();
    let usable = || {
        offered
            .iter()
            .filter_map(version)
            .filter(|v| VERSIONS.contains(v))
    };
    usable().find(|&v| v == 22).or_else(|| usable().max())
}

#[cfg(test)]
mod tests {
    use super::best;

    #[test]
    fn best_prefers_22_then_the_newest() {
        let offer = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
        assert_eq!(
            best(&offer(&["clang-19", "clang-22", "clang-23"])),
            Some(22)
        );
        assert_eq!(
            best(&offer(&["clang-14", "clang-19", "clang-18"])),
            Some(19)
        );
        assert_eq!(best(&offer(&["clang-14", "clang-format-19"])), None);
    }
}
