// SPDX-License-Identifier: GPL-2.0-only
//! Checks that need what only a nightly toolchain has. rustup installs it; where it can't
//! they are skipped, which is said and counted neither as passed nor as failed.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;

use super::host::{self, Check, Checked};
use crate::cmd::{self, Waited};
use crate::paths;
use crate::setup::say;

/// A check by nightly's cargo.
pub struct Nightly {
    /// Its name, what it tells, and its arguments to cargo.
    pub check: Check,
    /// Components that it needs, and the file of the toolchain that shows each.
    needs: &'static [Component],
    env: &'static [(&'static str, &'static str)],
}

/// A component by rustup's name, and a file of it.
type Component = (&'static str, &'static str);

/// The source of the standard library.
const SOURCE: Component = ("rust-src", "lib/rustlib/src/rust/library/std/Cargo.toml");
const MIRI: Component = ("miri", "bin/cargo-miri");

/// A download that is not done by then is given up, and no other is tried.
const PATIENCE: Duration = Duration::from_secs(180);
static GAVE_UP: AtomicBool = AtomicBool::new(false);

/// All of them, the quick one first.
pub const CHECKS: [Nightly; 3] = [
    Nightly {
        check: Check {
            name: "host/misuse",
            needs: None,
            what: "what must not compile fails for the reason that is given",
            args: &[
                "test",
                "--doc",
                "--package",
                "hallows-lockfree",
                "--target-dir",
                "target/misuse",
            ],
        },
        // Only there rustdoc looks at the error's number.
        needs: &[],
        env: &[],
    },
    Nightly {
        check: Check {
            name: "host/tsan",
            needs: None,
            what: "ThreadSanitizer on the lock-free primitives under load",
            args: &[
                "-Zbuild-std",
                "test",
                "--package",
                "hallows-lockfree",
                "--test",
                "stress",
                "--target",
                "x86_64-unknown-linux-gnu",
                "--target-dir",
                "target/tsan",
            ],
        },
        // The standard library is built anew, as its fences are nothing that
        // ThreadSanitizer knows.
        needs: &[SOURCE],
        env: &[("RUSTFLAGS", "-Zsanitizer=thread")],
    },
    Nightly {
        check: Check {
            name: "host/miri",
            needs: None,
            what: "unit tests of the lock-free primitives in Miri, strict provenance, 4 seeds",
            args: &[
                "miri",
                "test",
                "--package",
                "hallows-lockfree",
                "--lib",
                "--target-dir",
                "target/miri",
            ],
        },
        needs: &[SOURCE, MIRI],
        env: &[(
            "MIRIFLAGS",
            "-Zmiri-strict-provenance -Zmiri-many-seeds=0..4",
        )],
    },
];

/// Runs it, keeping what it says. Err: what to install first.
///
/// # Errors
/// When cargo cannot be started.
pub fn run(nightly: &Nightly) -> Result<Result<Checked, String>> {
    let lacks = lacks(nightly);
    if lacks.is_some_and(|components| install(&components).is_none()) {
        let components = nightly.needs.iter().map(|(name, _)| *name);
        let components: Vec<_> = components.collect();
        return Ok(Err(format!(
            "rustup toolchain install nightly --component {}",
            components.join(",")
        )));
    }
    let mut command = cargo();
    command.args(nightly.check.args);
    command.envs(nightly.env.iter().copied());
    host::capture(command).map(Ok)
}

/// The components that the nightly toolchain lacks, all of them where there is none;
/// `None`: nothing is missing.
fn lacks(nightly: &Nightly) -> Option<Vec<&'static str>> {
    let names = |missing: &dyn Fn(&Component) -> bool| {
        let needs = nightly.needs.iter().filter(|it| missing(it));
        needs.map(|(name, _)| *name).collect::<Vec<_>>()
    };
    let mut probe = Command::new("rustup");
    probe.args(["run", "nightly", "rustc", "--print", "sysroot"]);
    let output = probe.stdin(Stdio::null()).stderr(Stdio::null()).output();
    let Some(output) = output.ok().filter(|output| output.status.success()) else {
        return Some(names(&|_| true));
    };
    let sysroot = String::from_utf8_lossy(&output.stdout);
    let missing = names(&|(_, file)| !Path::new(sysroot.trim()).join(file).exists());
    (!missing.is_empty()).then_some(missing)
}

/// Has rustup install the toolchain, if there is none, and these; `None` where it can't.
fn install(components: &[&str]) -> Option<()> {
    if GAVE_UP.load(Ordering::Relaxed) {
        return None;
    }
    let done = download(components);
    GAVE_UP.store(done.is_none(), Ordering::Relaxed);
    done
}

fn download(components: &[&str]) -> Option<()> {
    say(&format!("rustup: nightly {}", components.join(" ")));
    let mut command = Command::new("rustup");
    command.args(["toolchain", "install", "nightly"]);
    command.args(["--profile", "minimal", "--no-self-update"]);
    for component in components {
        command.args(["--component", component]);
    }
    command.stdin(Stdio::null()).stdout(Stdio::null());
    let mut child = command.stderr(Stdio::null()).spawn().ok()?;
    let waited = cmd::wait(&mut child, Some(Instant::now() + PATIENCE)).ok()?;
    matches!(waited, Waited::Ended(status) if status.success()).then_some(())
}

/// Nightly's cargo, whichever cargo runs this.
fn cargo() -> Command {
    let mut command = Command::new("rustup");
    command
        .args(["run", "nightly", "cargo"])
        .current_dir(paths::root())
        .env("CARGO_TERM_COLOR", "never");
    for name in [
        "CARGO",
        "RUSTC",
        "RUSTDOC",
        "CARGO_TARGET_DIR",
        "LD_LIBRARY_PATH",
    ] {
        command.env_remove(name);
    }
    command
}
