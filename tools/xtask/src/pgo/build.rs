// SPDX-License-Identifier: GPL-2.0-only
//! The builds, in an output folder of their own: cargo's keeps the plain one.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use hallows_prof::profile::Profile;

use crate::built;
use crate::cmd;
use crate::paths;
use crate::setup::profiles as tools;
use crate::test::host;

/// Lines of cargo's that are shown when a build fails.
const SHOWN_LINES: usize = 20;

/// Where scx_hallows is built in its three ways.
pub struct Workshop {
    folder: PathBuf,
}

impl Workshop {
    /// Builds what the others need: the plugin, and the programs for the guest.
    ///
    /// # Errors
    /// When they do not build.
    pub fn open() -> Result<Self> {
        let workshop = Self {
            folder: paths::target()?.join("pgo"),
        };
        paths::make(&workshop.folder)?;
        let packages = [
            "-p",
            "hallows-llvm",
            "-p",
            "hallows-prof",
            "-p",
            "hallows-load",
        ];
        workshop.cargo(&packages, &[])?;
        Ok(workshop)
    }

    /// The scheduler as `cargo build` makes it.
    ///
    /// # Errors
    /// When it does not build.
    pub fn plain(&self) -> Result<()> {
        self.scheduler(&[], "plain")
    }

    /// The scheduler with counters, whose profmap is [`Workshop::profmap`].
    ///
    /// # Errors
    /// When it does not build.
    pub fn instrumented(&self) -> Result<()> {
        // Each CPU counts, and none must lose the other's; profiles of values
        // would need calls into clang's run-time library.
        let flags =
            self.flags("-fprofile-generate -fprofile-update=atomic -mllvm -disable-vp=true");
        let profmap = self.profmap();
        let settings = [
            ("HALLOWS_BPF_CFLAGS", flags.as_str()),
            ("HALLOWS_PASS", "fixup"),
            ("HALLOWS_PROFMAP", text(&profmap)?),
        ];
        self.scheduler(&settings, "instrumented")
    }

    /// The scheduler along the merged profile, except for the functions `keep`.
    ///
    /// # Errors
    /// When it does not build.
    pub fn optimised(&self, keep: &BTreeSet<String>) -> Result<()> {
        let report = self.report();
        if report.exists() {
            fs::remove_file(&report).context("cannot remove the last report")?;
        }
        let flags = self.flags(&format!(
            "-fprofile-use={}",
            text(&self.file("merged.profdata"))?
        ));
        let keep = keep
            .iter()
            .map(String::as_str)
            .collect::<Vec<_>>()
            .join(",");
        let settings = [
            ("HALLOWS_BPF_CFLAGS", flags.as_str()),
            ("HALLOWS_PASS", "fixup,layout,report"),
            ("HALLOWS_REPORT", text(&report)?),
            ("HALLOWS_KEEP", &keep),
        ];
        self.scheduler(&settings, "optimised")
    }

    /// The scheduler with both BPF halves, the plain one and that of
    /// [`Workshop::optimised`].
    ///
    /// # Errors
    /// When it does not build, or the halves are of different sources.
    pub fn both(&self) -> Result<PathBuf> {
        let object = self.optimised_object();
        let settings = [("HALLOWS_BPF_LAID_OUT", text(&object)?)];
        self.scheduler(&settings, "both")?;
        Ok(self.file("both"))
    }

    /// Makes of a profile what clang reads in [`Workshop::optimised`].
    ///
    /// # Errors
    /// When llvm-profdata fails.
    pub fn profile(&self, profile: &Profile) -> Result<()> {
        let file = self.file("merged.proftext");
        fs::write(&file, profile.to_string()).context("cannot write the merged profile")?;
        let mut command = Command::new(tools::PROFDATA);
        command
            .args(["merge", "-o"])
            .arg(self.file("merged.profdata"))
            .arg(&file);
        cmd::output(&mut command).map(drop)
    }

    fn scheduler(&self, settings: &[(&str, &str)], name: &str) -> Result<()> {
        let built = self.cargo(&["-p", "scx_hallows"], settings)?;
        let object = built::object(&built).context("cargo does not say where the BPF object is")?;
        for (from, to) in [
            (self.release("scx_hallows"), self.file(name)),
            (object, self.object(name)),
        ] {
            fs::copy(&from, to).with_context(|| format!("cannot copy {}", from.display()))?;
        }
        Ok(())
    }

    /// Returns what cargo said.
    fn cargo(&self, packages: &[&str], settings: &[(&str, &str)]) -> Result<String> {
        let mut cargo = host::cargo(&paths::root());
        cargo
            .args(["build", "--release"])
            .args(["--message-format", "json-render-diagnostics"])
            .args(packages);
        cargo
            .env("CARGO_TARGET_DIR", &self.folder)
            .envs(settings.iter().copied());
        // Its profile and its plugin are of this version.
        cargo.env("BPF_CLANG", tools::CLANG);
        let built = host::capture(cargo)?;
        let said = String::from_utf8_lossy(&built.output);
        if built.ok {
            return Ok(said.into_owned());
        }
        let lines: Vec<&str> = said.lines().filter(|line| !line.starts_with('{')).collect();
        bail!(
            "cargo failed:\n{}",
            lines[lines.len().saturating_sub(SHOWN_LINES)..].join("\n")
        )
    }

    fn flags(&self, flags: &str) -> String {
        format!(
            "{flags} -fpass-plugin={}",
            self.release("libhallows_llvm.so").display()
        )
    }

    /// A file of the release build.
    pub fn release(&self, name: &str) -> PathBuf {
        self.folder.join("release").join(name)
    }

    /// A file beside the builds.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The BPF object of a build.
    fn object(&self, name: &str) -> PathBuf {
        self.file(&format!("{name}.bpf.o"))
    }

    /// That of [`Workshop::optimised`].
    pub fn optimised_object(&self) -> PathBuf {
        self.object("optimised")
    }

    /// What the counters of the instrumented build count.
    pub fn profmap(&self) -> PathBuf {
        self.file("profmap")
    }

    /// The plugin's report of the optimised build.
    pub fn report(&self) -> PathBuf {
        self.file("report.jsonl")
    }

    /// What it is all for.
    pub fn optimised_program(&self) -> PathBuf {
        self.file("optimised")
    }
}

fn text(path: &Path) -> Result<&str> {
    path.to_str()
        .with_context(|| format!("{} is no UTF-8", path.display()))
}
