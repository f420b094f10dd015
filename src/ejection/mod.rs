// SPDX-License-Identifier: GPL-2.0-only
//! What is left behind when the kernel ejects the scheduler: a file that tells
//! what it knew.

pub mod dump;
pub mod history;
pub mod orphan;
mod store;

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process;
use std::time::SystemTime;

use anyhow::Result;
use scx_utils::build_id;
use serde_json::Value;

use crate::agent::params::Params;
use crate::agent::place::Map;
use crate::config::{KEYS, file};
use crate::stats::Metrics;
use history::History;
pub use store::default_folder;

/// All that a report tells.
#[derive(Debug)]
pub struct Report<'a> {
    /// The kernel's reason, in a line.
    pub reason: &'a str,
    /// The machine.
    pub map: &'a Map,
    /// The parameters that held, as far as they are known.
    pub params: Option<&'a Params>,
    /// The cells of late.
    pub history: &'a History,
    /// The CPUs that a higher class held for long, a line each.
    pub held: &'a [String],
    /// Everything counted since the scheduler was loaded.
    pub metrics: &'a Metrics,
    /// The kernel's dump of its queues; empty when there is none.
    pub dump: &'a str,
}

impl Report<'_> {
    /// Writes it into `folder`, where few are kept, and returns the file.
    ///
    /// # Errors
    /// The folder or the file can't be written.
    pub fn keep(&self, folder: &Path) -> Result<PathBuf> {
        let time = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
        let version = build_id::full_version(env!("CARGO_PKG_VERSION"));
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        let versions = [("scx_hallows", version.as_str()), ("kernel", kernel.trim())];
        let stamp = format!("{}-{}", time.replace(':', ""), process::id());
        store::keep(folder, &stamp, &self.text(&time, versions))
    }

    /// The report of `time`, section by section. The dump, which may be long, comes last.
    fn text(&self, time: &str, versions: [(&str, &str); 2]) -> String {
        let mut text = format!(
            "scx_hallows was ejected by the kernel\n\ntime: {time}\nreason: {}\n",
            self.reason
        );
        for (what, version) in versions {
            let _ = writeln!(text, "{what}: {version}");
        }
        section(&mut text, "topology", &topology(self.map));
        if let Some(table) = self.history.table() {
            section(
                &mut text,
                "cells: state and queue length, busy percent   \
                 . hungry  + balanced  # saturated  ? unknown",
                &table,
            );
        }
        if !self.held.is_empty() {
            let lines = self.held.join("\n");
            section(&mut text, "CPUs that a higher class held for long", &lines);
        }
        section(&mut text, "counters since loading", &counters(self.metrics));
        if let Some(params) = self.params {
            section(&mut text, "parameters", &file::settings(params, KEYS));
        }
        let dump = match self.dump {
            "" => "the kernel left none\n",
            dump => dump,
        };
        section(&mut text, "kernel dump", dump);
        text
    }
}

fn section(text: &mut String, title: &str, content: &str) {
    let _ = write!(text, "\n=== {title}\n\n{}\n", content.trim_end());
}

/// A line for each LLC: its node and CPUs.
fn topology(map: &Map) -> String {
    let mut text = String::new();
    for (index, llc) in map.llcs().iter().enumerate() {
        let places = &map.cells()[llc.cells.clone()];
        let cpus: Vec<_> = places.iter().map(|place| place.cpu.to_string()).collect();
        let _ = writeln!(
            text,
            "LLC {index} on node {}: CPUs {}",
            llc.node,
            cpus.join(" ")
        );
    }
    text
}

/// A line of name and value for each counter, but those of each CPU.
fn counters(metrics: &Metrics) -> String {
    let mut text = String::new();
    if let Ok(Value::Object(mut fields)) = serde_json::to_value(metrics) {
        fields.remove("cells");
        for (name, value) in fields {
            flat(&mut text, &name, &value);
        }
    }
    text
}

fn flat(text: &mut String, name: &str, value: &Value) {
    match value {
        Value::Object(fields) => {
            for (inner, value) in fields {
                flat(text, &format!("{name}.{inner}"), value);
            }
        }
        value => {
            let _ = writeln!(text, "{name} {value}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::testing::Machine;
    use crate::stats::CellView;
    use std::time::Duration;

    #[test]
    fn a_report_tells_everything_and_the_dump_last() {
        let machine = Machine {
            nodes: 1,
            llcs: 2,
            cores: 2,
            smt: 1,
        };
        let map = machine.map();
        let mut history = History::default();
        for second in 0..2 {
            let cell = CellView {
                cpu: 1,
                llc: 0,
                state: None,
                queued: 5,
                busy_ns: 0,
            };
            history.keep(Duration::from_secs(second), [cell].into_iter());
        }
        let metrics = Metrics {
            dispatch_own: 17,
            ..Metrics::default()
        };
        let mut report = Report {
            reason: "runnable task stall",
            map: &map,
            params: Some(&Params::default()),
            history: &history,
            held: &["CPU 1 is held by task hog (pid 7) for 8.0 s".into()],
            metrics: &metrics,
            dump: "CPU states\n",
        };
        let versions = [("scx_hallows", "0.1.0"), ("kernel", "6.18.1")];
        let text = report.text("today", versions);
        for line in [
            "time: today",
            "reason: runnable task stall",
            "kernel: 6.18.1",
            "LLC 1 on node 0: CPUs 2 3",
            "   1    0  ?   5   0",
            "CPU 1 is held by task hog (pid 7) for 8.0 s",
            "dispatch_own 17",
            "slice_us = 3000",
        ] {
            assert!(text.lines().any(|it| it == line), "{line} in {text}");
        }
        assert!(text.ends_with("\n=== kernel dump\n\nCPU states\n"));
        (report.dump, report.params) = ("", None);
        let text = report.text("today", versions);
        assert!(text.ends_with("the kernel left none\n") && !text.contains("slice_us"));
    }
}
