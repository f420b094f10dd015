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
    folder: TempDir,
}

impl Compiler {
    /// For BPF, with the plugin loaded and no job.
    pub fn new() -> Self {
        let folder = TempDir::new().expect("make a folder");
        Self {
            jobs: "",
            target: "bpf",
            folder,
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

    /// What it compiles to.
    pub fn assembly(&self) -> String {
        let output = self.run();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "clang failed: {said}");
        String::from_utf8(output.stdout).expect("assembly is text")
    }

    /// What it says as it fails.
    pub fn failure(&self) -> String {
        let output = self.run();
        assert!(!output.status.success(), "clang did not fail");
        String::from_utf8_lossy(&output.stderr).into_owned()
    }

    /// The lines that the plugin reported so far.
    pub fn report(&self) -> Vec<serde_json::Value> {
        let text = fs::read_to_string(self.file("report")).expect("a report");
        text.lines()
            .map(|line| serde_json::from_str(line).expect("a line of JSON"))
            .collect()
    }

    fn run(&self) -> Output {
        let plugin = format!("-fpass-plugin={}", plugin().display());
        Command::new("clang-22")
            .args(["-target", self.target, "-O2", "-S", "-o", "-", &plugin])
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/guard.bpf.c"))
            .env("HALLOWS_PASS", self.jobs)
            .env("HALLOWS_REPORT", self.file("report"))
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
