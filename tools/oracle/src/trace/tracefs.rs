// SPDX-License-Identifier: GPL-2.0-only
//! What a recording sets up in tracefs, and removes again.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process;

use anyhow::{Context, Result};

use super::decode::{ALLOWED_PROBE, Decoder, NEW_PROBE, TRACEPOINTS};
use super::format::Format;
use super::page::Layout;
use crate::mask::CpuMask;

const ROOT: &str = "/sys/kernel/tracing";
const INSTANCE_PREFIX: &str = "hallows-oracle-";
const GROUP_PREFIX: &str = "hallows_oracle_";

/// A trace instance of our own with all events enabled, not recording yet.
/// Dropping it leaves tracefs as it was.
#[derive(Debug)]
pub struct Instance {
    dir: PathBuf,
    group: String,
    possible: CpuMask,
}

impl Instance {
    /// Sets everything up. `possible`: the CPUs that may ever exist;
    /// `buffer_kib`: size of each CPU's buffer.
    ///
    /// # Errors
    /// Without root, tracefs, kprobe events, or memory for the buffers.
    pub fn create(possible: CpuMask, buffer_kib: u64) -> Result<Self> {
        fs::read_dir(ROOT).with_context(|| format!("open {ROOT} (needs root)"))?;
        if !Path::new(ROOT).join("events").exists() {
            anyhow::bail!("tracefs is not mounted: mount -t tracefs tracefs {ROOT}");
        }
        remove_stale();
        let own = process::id();
        let instance = Self {
            dir: Path::new(ROOT).join(format!("instances/{INSTANCE_PREFIX}{own}")),
            group: format!("{GROUP_PREFIX}{own}"),
            possible,
        };
        fs::create_dir(&instance.dir).context("make a trace instance (needs root)")?;
        instance.set_up(buffer_kib)?;
        Ok(instance)
    }

    fn set_up(&self, buffer_kib: u64) -> Result<()> {
        self.write("tracing_on", "0")?;
        self.write("trace_clock", "global")?;
        // When a buffer is full, keep what it has: the trace is complete up to there.
        self.write("options/overwrite", "0")?;
        self.write("buffer_size_kb", &buffer_kib.to_string())
            .with_context(|| format!("get buffers of {buffer_kib} KiB for each CPU"))?;
        let cpus = self.possible.iter().last().unwrap_or(0) + 1;
        for probe in [&ALLOWED_PROBE, &NEW_PROBE] {
            let line = probe.line(&self.group, cpus);
            append(&Path::new(ROOT).join("kprobe_events"), &line).with_context(|| {
                format!(
                    "probe '{line}': the kernel needs CONFIG_KPROBE_EVENTS and \
                     CONFIG_PROBE_EVENTS_BTF_ARGS"
                )
            })?;
            self.enable(&format!("{}/{}", self.group, probe.event))?;
        }
        TRACEPOINTS.iter().try_for_each(|event| self.enable(event))
    }

    fn enable(&self, event: &str) -> Result<()> {
        self.write(&format!("events/{event}/enable"), "1")
    }

    fn write(&self, file: &str, value: &str) -> Result<()> {
        let path = self.dir.join(file);
        fs::write(&path, value).with_context(|| format!("write '{value}' to {}", path.display()))
    }

    /// The CPUs that may ever exist.
    pub fn possible(&self) -> &CpuMask {
        &self.possible
    }

    /// Starts or stops recording.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn record(&self, on: bool) -> Result<()> {
        self.write("tracing_on", if on { "1" } else { "0" })
    }

    /// Puts a text into the trace.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn mark(&self, text: &str) -> Result<()> {
        append(&self.dir.join("trace_marker"), text).context("put a marker into the trace")
    }

    /// A decoder for this kernel's records.
    ///
    /// # Errors
    /// When the kernel lacks an event, a field or CPU hotplug.
    pub fn decoder(&self) -> Result<Decoder> {
        let format = |event: &str| Format::parse(&read(&format!("events/{event}/format"))?);
        Decoder::new(format, &self.group, self.possible, active_step()?)
    }

    /// The layout of this kernel's ring buffer pages.
    ///
    /// # Errors
    /// When it can't be read.
    pub fn layout(&self) -> Result<Layout> {
        Layout::parse(&read("events/header_page")?)
    }

    /// One CPU's recorded pages; reading ends when there are no more.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn open_pages(&self, cpu: u32) -> Result<File> {
        let path = self.dir.join(format!("per_cpu/cpu{cpu}/trace_pipe_raw"));
        OpenOptions::new()
            .read(true)
            .custom_flags(libc::O_NONBLOCK)
            .open(&path)
            .with_context(|| format!("open {}", path.display()))
    }

    /// Events that a CPU could not record.
    ///
    /// # Errors
    /// When the statistics can't be read.
    pub fn lost_events(&self, cpu: u32) -> Result<u64> {
        let path = self.dir.join(format!("per_cpu/cpu{cpu}/stats"));
        let text = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
        Ok(sum_losses(&text))
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        // Nothing sensible can be done about an error here, and the next
        // recording removes what a failed one left behind.
        let _ = fs::write(self.dir.join("events/enable"), "0");
        remove(&self.dir, &self.group);
    }
}

fn remove(instance: &Path, group: &str) {
    let _ = fs::remove_dir(instance);
    for probe in [&ALLOWED_PROBE, &NEW_PROBE] {
        let line = format!("-:{group}/{}", probe.event);
        let _ = append(&Path::new(ROOT).join("kprobe_events"), &line);
    }
}

/// Removes what recordings left behind that were killed.
fn remove_stale() {
    let Ok(instances) = fs::read_dir(Path::new(ROOT).join("instances")) else {
        return;
    };
    for entry in instances.flatten() {
        let name = entry.file_name();
        let owner = name.to_str().and_then(|n| n.strip_prefix(INSTANCE_PREFIX));
        if let Some(owner) = owner
            && !Path::new("/proc").join(owner).exists()
        {
            let _ = fs::write(entry.path().join("events/enable"), "0");
            remove(&entry.path(), &format!("{GROUP_PREFIX}{owner}"));
        }
    }
}

fn append(path: &Path, line: &str) -> Result<()> {
    let mut file = OpenOptions::new().append(true).open(path)?;
    file.write_all(format!("{line}\n").as_bytes())?;
    Ok(())
}

fn read(file: &str) -> Result<String> {
    let path = Path::new(ROOT).join(file);
    // In one call: `header_page` ends at the first read, however short that was.
    let mut text = vec![0; 64 << 10];
    let length = File::open(&path)
        .and_then(|mut file| file.read(&mut text))
        .with_context(|| format!("read {}", path.display()))?;
    text.truncate(length);
    String::from_utf8(text).with_context(|| format!("read {}", path.display()))
}

/// The number of the hotplug step called `sched:active`.
fn active_step() -> Result<i64> {
    let path = "/sys/devices/system/cpu/hotplug/states";
    let text = fs::read_to_string(path).with_context(|| format!("read {path}"))?;
    let steps = text.lines().filter_map(|line| line.split_once(':'));
    let mut active = steps.filter(|(_, name)| name.trim() == "sched:active");
    let (number, _) = active
        .next()
        .with_context(|| format!("no step 'sched:active' in {path}"))?;
    number
        .trim()
        .parse()
        .with_context(|| format!("parse {path}"))
}

/// Adds up the lines of a `stats` file that count events not recorded.
fn sum_losses(stats: &str) -> u64 {
    let kinds = ["overrun", "commit overrun", "dropped events"];
    let lines = stats.lines().filter_map(|line| line.split_once(": "));
    lines
        .filter(|(name, _)| kinds.contains(name))
        .filter_map(|(_, count)| count.trim().parse::<u64>().ok())
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_loss_counts() {
        let stats = "entries: 87\noverrun: 1\ncommit overrun: 20\nbytes: 2808\n\
                     oldest event ts:    16.666497\nnow ts:    17.478845\n\
                     dropped events: 300\nread events: 5\n";
        assert_eq!(sum_losses(stats), 321);
    }
}
