// SPDX-License-Identifier: GPL-2.0-only
//! The builds of the harness: with hints and without, along profiles, laid out or not.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use hallows_prof::profile::{self, Function, Profile};
use hallows_prof::profmap::{self, Profmap};

use crate::image::Image;
use crate::machine::Machine;

/// The clang that compiled the scheduler. The plugin takes it to be clang-22.
const CLANG: &str = env!("HALLOWS_TC_CLANG");
const PROFDATA: &str = "llvm-profdata-22";

/// Relative, since it is part of the names that profiles give to static functions.
const SOURCE: &str = "tools/tc/bpf/harness.bpf.c";

/// Mixes by their numbers in bpf/mix.bpf.h: two to train, one held out to test, and one
/// that has little in common with that.
pub const TRAIN: [u32; 2] = [0, 1];
pub const TEST: u32 = 2;
pub const WRONG: u32 = 3;

/// Runs of 64 visits after which a mix is what it stays.
pub const WARM: u32 = 20;
/// Those that are counted or timed.
pub const TIMED: u32 = 200;

/// One build.
pub struct Variant {
    pub name: &'static str,
    pub object: PathBuf,
}

/// Where builds are made.
pub struct Workshop<'a> {
    /// The checkout.
    pub root: &'a Path,
    /// For what is made.
    pub folder: &'a Path,
    /// The plugin hallows-llvm.
    pub plugin: &'a Path,
}

impl Workshop<'_> {
    /// Makes all of them, in the order of the table. The first is what others are compared to.
    ///
    /// # Errors
    /// When clang or llvm-profdata fails, or an instrumented build does not run.
    pub fn build(&self) -> Result<Vec<Variant>> {
        let (counting, map) = self.instrumented()?;
        let train = |mix: u32| {
            train(&counting, &map, mix).with_context(|| format!("training on mix {mix}"))
        };
        let trained = TRAIN.map(train).into_iter().collect::<Result<_>>()?;
        let right = profile::merge(trained, true)?;
        let plugin = self.plugin_flag();
        let base = self.compile("base", &["-D__builtin_expect(value,hint)=(value)"], &[])?;
        let hinted = self.compile("hinted", &[&plugin], &[("HALLOWS_PASS", "layout")])?;
        let mut variants = vec![
            variant("base", base.clone()),
            variant("base again (A/A)", base),
            variant("hints only", self.plain()?),
            variant("profile only", self.along("profile", &right, "fixup")?),
            variant("hints + layout", hinted),
        ];
        for (name, file, profile) in [
            ("profile + layout", "right", right.clone()),
            ("inverted profile + layout", "inverted", inverted(right)),
            ("half the training + layout", "half", train(TRAIN[0])?),
            ("wrong workload + layout", "wrong", train(WRONG)?),
            ("test's own profile + layout", "own", train(TEST)?),
        ] {
            let object = self.along(file, &profile, "fixup,layout")?;
            variants.push(variant(name, object));
        }
        Ok(variants)
    }

    /// As the scheduler is built by default.
    ///
    /// # Errors
    /// When clang fails.
    pub fn plain(&self) -> Result<PathBuf> {
        self.compile("plain", &[], &[])
    }

    /// Built along a profile.
    fn along(&self, name: &str, profile: &Profile, jobs: &str) -> Result<PathBuf> {
        let text = self.folder.join(format!("{name}.proftext"));
        fs::write(&text, profile.to_string()).context("cannot write a profile")?;
        let made = self.folder.join(format!("{name}.profdata"));
        let mut command = Command::new(PROFDATA);
        perform(command.args(["merge", "-o"]).arg(&made).arg(&text))?;
        let flag = format!("-fprofile-use={}", made.display());
        let flags = [&flag, &self.plugin_flag(), "-Wno-profile-instr-unprofiled"];
        self.compile(name, &flags, &[("HALLOWS_PASS", jobs)])
    }

    /// A build with counters, and what they count.
    fn instrumented(&self) -> Result<(PathBuf, Profmap)> {
        let map = self.folder.join("profmap");
        let map_text = map.to_str().context("the folder's name is no UTF-8")?;
        let plugin = self.plugin_flag();
        let flags = [
            "-fprofile-generate",
            "-fprofile-update=atomic",
            "-mllvm",
            "-disable-vp=true",
            &plugin,
        ];
        let settings = [("HALLOWS_PASS", "fixup"), ("HALLOWS_PROFMAP", map_text)];
        let object = self.compile("instrumented", &flags, &settings)?;
        let map = fs::read_to_string(&map).context("cannot read the profmap")?;
        Ok((object, Profmap::parse(&map)?))
    }

    fn compile(&self, name: &str, flags: &[&str], settings: &[(&str, &str)]) -> Result<PathBuf> {
        let object = self.folder.join(format!("{name}.bpf.o"));
        let mut clang = Command::new(CLANG);
        for (name, _) in env::vars_os() {
            // What the caller's environment asks of the plugin is not for here.
            if name.to_string_lossy().starts_with("HALLOWS_") {
                clang.env_remove(name);
            }
        }
        clang
            .current_dir(self.root)
            .envs(settings.iter().copied())
            .args([
                "-g",
                "-O2",
                "-Wall",
                "-Wno-compare-distinct-pointer-types",
                "-target",
                "bpf",
            ])
            .args(env!("HALLOWS_TC_FLAGS").split(' '))
            .args(flags)
            .args(["-c", SOURCE, "-o"])
            .arg(&object);
        perform(&mut clang)?;
        Ok(object)
    }

    fn plugin_flag(&self) -> String {
        format!("-fpass-plugin={}", self.plugin.display())
    }
}

/// The profile of a mix.
fn train(object: &Path, map: &Profmap, mix: u32) -> Result<Profile> {
    let mut machine = Machine::new(Image::read(object, mix)?)?;
    machine.run("tc_run", 1 + WARM + TIMED)?;
    map.profile(machine.section(profmap::SECTION)?)
}

fn variant(name: &'static str, object: PathBuf) -> Variant {
    Variant { name, object }
}

/// What ran most ran least: each counter as far below its function's highest as it was
/// above nothing.
fn inverted(profile: Profile) -> Profile {
    let function = |function: Function| {
        let most = function.counts.iter().copied().max().unwrap_or(0);
        Function {
            counts: function.counts.iter().map(|count| most - count).collect(),
            ..function
        }
    };
    Profile {
        functions: profile.functions.into_iter().map(function).collect(),
    }
}

fn perform(command: &mut Command) -> Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let done = command
        .output()
        .with_context(|| format!("cannot run {program}"))?;
    if !done.status.success() {
        let said = String::from_utf8_lossy(&done.stderr);
        bail!("{program} failed:\n{}", said.trim_end());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use hallows_prof::profile::{Function, Profile};

    use super::inverted;

    #[test]
    fn what_ran_most_ran_least() {
        let function = |counts: &[u64]| Function {
            name: "f".into(),
            hash: 7,
            counts: counts.to_vec(),
        };
        let profile = |counts: &[u64]| Profile {
            functions: vec![function(counts), function(&[])],
        };
        assert_eq!(inverted(profile(&[9, 0, 4])), profile(&[0, 9, 5]));
    }
}
