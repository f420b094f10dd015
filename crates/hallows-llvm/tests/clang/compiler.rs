// SPDX-License-Identifier: GPL-2.0-only
//! clang with the plugin.

use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use tempfile::TempDir;

/// A run of clang over `guard.bpf.c`.
pub struct Compiler {
    jobs: &'static str,
    target: &'static str,
    flags: Vec<String>,
    env: Vec<(&'static str, &'static str)>,
    folder: TempDir,
}

impl Compiler {
    /// For BPF, with the plugin loaded and no job.
    pub fn new() -> Self {
        Self {
            jobs: "",
            target: "bpf",
            flags: Vec::new(),
            env: Vec::new(),
            folder: TempDir::new().expect("make a folder"),
        }
    }

    pub fn jobs(mut self, jobs: &'static str) -> Self {
        self.jobs = jobs;
        self
    }

    pub fn target(mut self, target: &'static str) -> Self {
        self.target = target;
        self
    }

    pub fn env(mut self, name: &'static str, value: &'static str) -> Self {
        self.env.push((name, value));
        self
    }

    /// With lines of the source.
    pub fn debug(mut self) -> Self {
        self.flags.push("-g".into());
        self
    }

    /// Before any pass.
    pub fn raw(mut self) -> Self {
        self.flags
            .extend(["-Xclang", "-disable-llvm-passes"].map(str::to_owned));
        self
    }

    /// With counters.
    pub fn instrumented(mut self) -> Self {
        let flags = "-fprofile-generate -fprofile-update=atomic -mllvm -disable-vp=true";
        self.flags.extend(flags.split(' ').map(str::to_owned));
        self
    }

    /// With a profile, as text.
    pub fn profile(mut self, text: &str) -> Self {
        let (from, to) = (self.file("proftext"), self.file("profdata"));
        fs::write(&from, text).expect("write a profile");
        let mut command = Command::new("llvm-profdata-22");
        command.arg("merge").arg("-o").arg(&to).arg(&from);
        assert!(command.status().expect("run llvm-profdata-22").success());
        self.flags.push(format!("-fprofile-use={}", to.display()));
        self
    }

    /// What it compiles to.
    pub fn assembly(&self) -> String {
        let output = self.run(&["-S", "-o", "-"]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "clang failed: {said}");
        String::from_utf8(output.stdout).expect("assembly is text")
    }

    /// What it says as it fails.
    pub fn failure(&self) -> String {
        self.fails(&["-S", "-o", "-"])
    }

    /// What it says as it fails to make an object file.
    pub fn object_failure(&self) -> String {
        self.fails(&["-c", "-o", "/dev/null"])
    }

    /// The sections of its object file that have code, by their names.
    pub fn object_sections(&self) -> String {
        let file = self.file("o");
        let output = self.run(&["-c", "-o", file.to_str().expect("a path")]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "clang failed: {said}");
        let sections = Command::new("readelf")
            .arg("-SW")
            .arg(file)
            .output()
            .expect("run readelf");
        let text = String::from_utf8_lossy(&sections.stdout);
        text.lines().filter(|line| line.contains(" AX ")).collect()
    }

    /// The lines that the plugin reported so far.
    pub fn report(&self) -> Vec<serde_json::Value> {
        let text = fs::read_to_string(self.file("report")).expect("a report");
        let parse = |line| serde_json::from_str(line).expect("a line of JSON");
        text.lines().map(parse).collect()
    }

    /// What the plugin wrote of counters.
    pub fn profmap(&self) -> String {
        fs::read_to_string(self.file("profmap")).expect("a profmap")
    }

    fn fails(&self, output: &[&str]) -> String {
        let output = self.run(output);
        assert!(!output.status.success(), "clang did not fail");
        String::from_utf8_lossy(&output.stderr).into_owned()
    }

    fn run(&self, output: &[&str]) -> Output {
        Command::new("clang-22")
            .args(["-target", self.target, "-O2"])
            .args(output)
            .args(&self.flags)
            .arg(format!("-fpass-plugin={}", plugin().display()))
            .arg(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/tests/clang/guard.bpf.c"
            ))
            .env("HALLOWS_PASS", self.jobs)
            .env("HALLOWS_REPORT", self.file("report"))
            .env("HALLOWS_PROFMAP", self.file("profmap"))
            .envs(self.env.iter().copied())
            .output()
            .expect("run clang-22")
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

/// The plugin that cargo built beside this program.
fn plugin() -> PathBuf {
    let program = env::current_exe().expect("this program's path");
    program
        .parent()
        .expect("its folder")
        .join("libhallows_llvm.so")
}

/// The numbers that a function stores, in the order of its code.
pub fn numbers(assembly: &str, function: &str) -> Vec<u32> {
    let label = format!("{function}:");
    let body = assembly
        .lines()
        .skip_while(|line| !line.starts_with(&label))
        .skip(1);
    body.take_while(|line| !line.starts_with(".Lfunc_end"))
        .filter_map(|line| line.rsplit_once(" = ")?.1.trim().parse().ok())
        .filter(|number| *number > 1000)
        .collect()
}
