// SPDX-License-Identifier: GPL-2.0-only
//! The service whose scheduler is loaded: stopped while schedulers are measured, and
//! started again.

use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::geteuid;
use tracing::{info, warn};

use super::candidate::{ENDING, within};
use super::kernel;

/// Units that load schedulers.
const UNITS: [&str; 3] = ["scx_hallows.service", "scx.service", "scx_loader.service"];

/// A unit that is to be started again: dropping this does it.
#[derive(Debug)]
pub struct Paused(&'static str);

impl Paused {
    /// Stops the unit whose scheduler is loaded. `None`, and nothing has changed, if none
    /// is loaded, or it is no unit's, or this user may not stop it.
    ///
    /// # Errors
    /// systemd can't stop it, or the default scheduler is not back after that.
    pub fn stop() -> Result<Option<Paused>> {
        let is_active = |unit: &&&str| systemctl(&["is-active", "--quiet", unit]).is_ok();
        if kernel::is_default() || !geteuid().is_root() {
            return Ok(None);
        }
        let Some(unit) = UNITS.iter().find(is_active) else {
            return Ok(None);
        };
        info!("stopping {unit} until the end");
        systemctl(&["stop", unit])?;
        let paused = Paused(unit);
        ensure!(
            within(ENDING, kernel::is_default),
            "{unit} is stopped, and the default scheduler is not back"
        );
        Ok(Some(paused))
    }
}

impl Drop for Paused {
    fn drop(&mut self) {
        match systemctl(&["start", self.0]) {
            Ok(()) => info!("{} is started again", self.0),
            Err(error) => warn!("{error:#}: start it with systemctl start {}", self.0),
        }
    }
}

fn systemctl(words: &[&str]) -> Result<()> {
    run("systemctl", words)
}

/// Runs a program outside the terminal's foreground group: Ctrl-C is for this process
/// alone, and no half of the work is left undone.
fn run(program: &str, words: &[&str]) -> Result<()> {
    let done = Command::new(program)
        .args(words)
        .stdin(Stdio::null())
        .process_group(0)
        .output()
        .with_context(|| format!("run {program}"))?;
    if !done.status.success() {
        let said = String::from_utf8_lossy(&done.stderr).trim().to_owned();
        bail!("{program} {}: {}, {said}", words.join(" "), done.status);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_terminal_does_not_interrupt_it() {
        // Field 5 of the line is the process group.
        let leads = "read -r pid name state parent group rest </proc/$$/stat; test $group = $$";
        run("sh", &["-c", leads]).unwrap();
        let error = run("sh", &["-c", "echo bad luck >&2; exit 3"]).unwrap_err();
        assert!(error.to_string().ends_with("exit status: 3, bad luck"));
    }
}
