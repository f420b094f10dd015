// SPDX-License-Identifier: GPL-2.0-only
//! A scheduler to be measured: started, watched, and ended whatever happens.

#![allow(unsafe_code)]

use std::collections::BTreeSet;
use std::env;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail, ensure};
use hallows_load::program::{is_program, which};
use rustix::process::{Pid, Signal, kill_process_group, set_parent_process_death_signal};

use super::kernel;

/// What the default scheduler is called.
pub const DEFAULT: &str = "eevdf";
/// What this scheduler is called.
pub const OURS: &str = "scx_hallows";

/// Programs that are called as schedulers are.
const NO_SCHEDULERS: [&str; 2] = ["scx_loader", "scx_loader_ctl"];

/// The verifier may need that long for large programs on slow machines.
const LOADING: Duration = Duration::from_secs(120);
/// To detach after SIGINT, and again to be gone after SIGKILL.
pub(super) const ENDING: Duration = Duration::from_secs(10);
/// To say why it was ejected.
const PARTING: Duration = Duration::from_secs(3);
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// A scheduler to be measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// What the report calls it.
    pub name: String,
    /// Its program and arguments, none for the default scheduler.
    pub command: Option<(PathBuf, Vec<String>)>,
}

impl Candidate {
    /// The default scheduler under a name.
    pub fn default_as(name: &str) -> Candidate {
        Candidate {
            name: name.into(),
            command: None,
        }
    }

    /// The scheduler that `text` means: `eevdf`, or a program with its arguments
    /// by name, found in `PATH`, or by path. `scx_hallows` is `ours`, and
    /// `bpfland` is short for `scx_bpfland`.
    ///
    /// # Errors
    /// There is no such program.
    pub fn parse(text: &str, ours: &Path) -> Result<Candidate> {
        let mut words = text.split_whitespace();
        let program = words.next().context("a scheduler has an empty name")?;
        let arguments: Vec<String> = words.map(str::to_owned).collect();
        if program == DEFAULT {
            ensure!(arguments.is_empty(), "{DEFAULT} takes no arguments");
            return Ok(Candidate::default_as(DEFAULT));
        }
        let (name, path) = match program {
            OURS => (OURS.to_owned(), ours.to_owned()),
            path if path.contains('/') => (path.to_owned(), path.into()),
            name => {
                let full = match name.starts_with("scx_") {
                    true => name.to_owned(),
                    false => format!("scx_{name}"),
                };
                let path = which(&full).with_context(|| format!("no program {full} in PATH"))?;
                (full, path)
            }
        };
        ensure!(is_program(&path), "no program {}", path.display());
        let words: Vec<&str> = [name.as_str()]
            .into_iter()
            .chain(arguments.iter().map(String::as_str))
            .collect();
        Ok(Candidate {
            name: words.join(" "),
            command: Some((path, arguments)),
        })
    }

    /// Its command line, for the report.
    pub fn shown(&self) -> String {
        match &self.command {
            None => "the kernel's default scheduler".into(),
            Some((path, arguments)) => {
                let path = path.display().to_string();
                [vec![path], arguments.clone()].concat().join(" ")
            }
        }
    }

    /// Starts it, with its output at the end of `log`, and waits until the kernel
    /// schedules by it, or `stop` says so.
    ///
    /// # Errors
    /// It did not come to schedule; says why as far as it said so itself.
    pub fn start(&self, log: &Path, stop: impl Fn() -> bool) -> Result<Running> {
        ensure!(
            kernel::is_default(),
            "another scheduler, {}, is loaded",
            kernel::loaded().unwrap_or_else(|| "nameless".into())
        );
        let Some((path, arguments)) = &self.command else {
            return Ok(Running {
                child: None,
                ops: None,
                starts: kernel::starts(),
                log: log.to_owned(),
                begun: 0,
            });
        };
        let output = open_log(log)?;
        let begun = output.metadata().map_or(0, |it| it.len());
        let mut command = Command::new(path);
        command
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(output.try_clone().context("share the log")?)
            .stderr(output);
        let mut running = Running {
            child: Some(spawn(&mut command, Signal::INT)?),
            ops: None,
            starts: None,
            log: log.to_owned(),
            begun,
        };
        running.await_loading(stop)?;
        Ok(running)
    }
}

/// Starts a program outside the terminal's foreground group, whose Ctrl-C is for
/// this process alone; it gets `last` when this process dies.
pub(super) fn spawn(command: &mut Command, last: Signal) -> Result<Child> {
    command.process_group(0);
    let die_with_parent =
        move || set_parent_process_death_signal(Some(last)).map_err(io::Error::from);
    // SAFETY: one system call, which takes no lock and allocates nothing.
    unsafe { command.pre_exec(die_with_parent) };
    let name = command.get_program().to_string_lossy().into_owned();
    command.spawn().with_context(|| format!("start {name}"))
}

fn open_log(log: &Path) -> Result<File> {
    let file = OpenOptions::new().create(true).append(true).open(log);
    file.with_context(|| format!("write {}", log.display()))
}

/// The schedulers in `PATH`, by name: programs that begin with `scx_`, but for those that
/// start or load others.
pub fn installed() -> Vec<String> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).filter_map(|folder| fs::read_dir(folder).ok());
    let names: BTreeSet<String> = folders
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.starts_with("scx_") && !NO_SCHEDULERS.contains(&name.as_str()))
        .collect();
    names.into_iter().collect()
}

/// A scheduler that schedules; ended when this is dropped.
#[derive(Debug)]
pub struct Running {
    child: Option<Child>,
    ops: Option<String>,
    /// Starts of schedulers until it had the tasks.
    starts: Option<u64>,
    log: PathBuf,
    /// Where its output begins in the log.
    begun: u64,
}

impl Running {
    /// What the kernel calls it, none for the default scheduler.
    pub fn ops(&self) -> Option<&str> {
        self.ops.as_deref()
    }

    /// Its process, none for the default scheduler.
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    fn await_loading(&mut self, stop: impl Fn() -> bool) -> Result<()> {
        let end = Instant::now() + LOADING;
        loop {
            if let Some(status) = self.ended()? {
                bail!("{}", self.last_words(status));
            }
            self.ops = kernel::loaded();
            if self.ops.is_some() {
                self.starts = kernel::starts();
                ensure!(
                    !kernel::is_partial(),
                    "it leaves ordinary tasks to the default scheduler"
                );
                return Ok(());
            }
            ensure!(!stop(), "interrupted");
            ensure!(
                Instant::now() < end,
                "not loaded after {} s",
                LOADING.as_secs()
            );
            sleep(LOOK_EVERY);
        }
    }

    /// Whether it still schedules, as far as the kernel tells.
    ///
    /// # Errors
    /// It does not: why, in one line.
    pub fn check(&mut self) -> Result<()> {
        if self.child.is_none() {
            ensure!(
                kernel::is_default(),
                "another scheduler was loaded meanwhile"
            );
            ensure!(
                kernel::starts() == self.starts,
                "another scheduler came and went meanwhile"
            );
            return Ok(());
        }
        let unloaded = kernel::loaded() != self.ops;
        if unloaded {
            within(PARTING, || !matches!(self.ended(), Ok(None)));
        }
        if let Some(status) = self.ended()? {
            bail!("{}", self.last_words(status));
        }
        ensure!(!unloaded, "it was unloaded");
        ensure!(
            kernel::starts() == self.starts,
            "it was loaded again meanwhile: the default scheduler had the tasks in between"
        );
        Ok(())
    }

    fn ended(&mut self) -> Result<Option<ExitStatus>> {
        match &mut self.child {
            Some(child) => child.try_wait().context("watch the scheduler"),
            None => Ok(None),
        }
    }

    /// Why it ended, by the last line it printed.
    fn last_words(&self, status: ExitStatus) -> String {
        let text = fs::read(&self.log).unwrap_or_default();
        let own = text.get(self.begun as usize..).unwrap_or_default();
        let own = String::from_utf8_lossy(own);
        match own.lines().rev().find(|line| !line.trim().is_empty()) {
            Some(line) => format!("{}, {status}", line.trim()),
            None => format!("it ended without a word, {status}"),
        }
    }

    /// Ends it, and waits until the default scheduler has all tasks again.
    ///
    /// # Errors
    /// It can't be ended, or another scheduler took its place.
    pub fn stop(mut self) -> Result<()> {
        self.end()
    }

    fn end(&mut self) -> Result<()> {
        let Some(mut child) = self.child.take() else {
            return Ok(());
        };
        let ends = |child: &mut Child| within(ENDING, || !matches!(child.try_wait(), Ok(None)));
        let pid = Pid::from_child(&child);
        // Its group, for it may be a script; none of that is left is no failure.
        let _ = kill_process_group(pid, Signal::INT);
        if !ends(&mut child) {
            let _ = kill_process_group(pid, Signal::KILL);
            ensure!(ends(&mut child), "process {} does not end", child.id());
        }
        match within(ENDING, kernel::is_default) {
            true => Ok(()),
            false => Err(anyhow!("the default scheduler is not back")),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Err(error) = self.end() {
            tracing::warn!("{error:#}");
        }
    }
}

/// Whether `is_so` comes true in time.
pub(super) fn within(time: Duration, mut is_so: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + time;
    loop {
        if is_so() {
            return true;
        }
        if Instant::now() >= end {
            return false;
        }
        sleep(LOOK_EVERY);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<Candidate, String> {
        Candidate::parse(text, Path::new("/bin/sh")).map_err(|error| error.to_string())
    }

    #[test]
    fn names_find_their_programs() {
        assert_eq!(parsed("eevdf"), Ok(Candidate::default_as("eevdf")));
        let ours = parsed("scx_hallows --no-agent").unwrap();
        assert_eq!(ours.name, "scx_hallows --no-agent");
        assert_eq!(ours.shown(), "/bin/sh --no-agent");
        assert_eq!(parsed("/bin/sh").unwrap().name, "/bin/sh");
    }

    #[test]
    fn unknown_names_are_refused() {
        for (text, words) in [
            ("", "empty name"),
            ("eevdf -x", "no arguments"),
            ("nothing", "no program scx_nothing in PATH"),
            ("scx_nothing", "no program scx_nothing in PATH"),
            ("/no/program", "no program /no/program"),
            ("/etc/passwd", "no program /etc/passwd"),
        ] {
            let error = parsed(text).unwrap_err();
            assert!(error.contains(words), "{text}: {error}");
        }
    }
}
