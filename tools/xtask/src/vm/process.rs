// SPDX-License-Identifier: GPL-2.0-only
//! One boot: QEMU's process from its start to its end, and what comes out of it.

use std::fs;
use std::io::{self, Read, Write, pipe};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::Instant;

use anyhow::{Context, Result};

use super::accel::{Accel, Mode};
use super::freeze::Freezer;
use super::qemu::{self, Qemu};
use super::{End, Outcome, VmSpec, initramfs, vtime};
use crate::cmd::{self, Waited};

/// Lines of the console that are shown when a script did not end.
const TAIL_LINES: usize = 40;

/// Where the script's outputs go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// To xtask's own, as they come.
    Stream,
    /// To [`Outcome::output`], in the order of their coming.
    Capture,
}

/// Boots once.
///
/// # Errors
/// As [`super::run`].
pub fn boot(spec: &VmSpec, output: Output) -> Result<Outcome> {
    let work = tempfile::tempdir().context("cannot make a temporary folder")?;
    let mut command = command(spec, work.path())?;
    let (errors, errors_in) = pipe().context("cannot make a pipe")?;
    // A process hands on three files; this one's input is a pipe's writing end,
    // which QEMU opens anew as the guest's standard error.
    command
        .stdin(errors_in)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let start = Instant::now();
    let mut child = command.spawn().context("cannot start QEMU")?;
    // Closes this process's writing end, or the pipe would never end.
    drop(command);
    let (out, said) = (child.stdout.take(), child.stderr.take());
    let mut freezer = Freezer::new(child.id(), spec.accel, spec.freeze_s);
    let (captured, complaints) = (Mutex::new(Vec::new()), Mutex::new(Vec::new()));
    let waited = thread::scope(|scope| {
        scope.spawn(|| {
            let mut sink = sink(output, io::stdout(), &captured);
            pump(out, &mut |bytes| {
                sink(bytes);
                freezer.hear(bytes);
            });
        });
        scope.spawn(|| pump(Some(errors), &mut sink(output, io::stderr(), &captured)));
        scope.spawn(|| pump(said, &mut |bytes| append(&complaints, bytes)));
        cmd::wait(&mut child, start.checked_add(spec.timeout))
    })
    .context("cannot wait for QEMU")?;
    let end = end(waited, &work.path().join("status"));
    let tail = match end {
        End::TimedOut | End::Died => tail(&work.path().join("console"), &taken(complaints)),
        End::Exited(_) | End::Interrupted => String::new(),
    };
    if let Some(dmesg) = &spec.dmesg {
        fs::copy(work.path().join("dmesg"), dmesg)
            .with_context(|| format!("cannot write {}", dmesg.display()))?;
    }
    Ok(Outcome {
        end,
        output: taken(captured),
        tail,
        wall: start.elapsed(),
    })
}

fn command(spec: &VmSpec, work: &Path) -> Result<Command> {
    spec.accel.check_cpus(spec.topology.cpus())?;
    let initrd = work.join("initrd");
    initramfs::write(spec, &initrd)?;
    let qemu = Qemu::find()?;
    let plugin = match spec.accel {
        Accel::Tcg(Mode::Vtime { .. }) => Some(vtime::plugin(&qemu)?),
        _ => None,
    };
    let mut command = qemu.command();
    command
        .args(
            spec.accel
                .args(plugin.as_deref(), spec.freeze_s, spec.profile.as_deref()),
        )
        .args(spec.topology.args(spec.mem_mib));
    command
        .arg("-kernel")
        .arg(&spec.kernel.image)
        .arg("-initrd")
        .arg(initrd);
    command
        .arg("-serial")
        .arg(format!("file:{}", work.join("console").display()));
    qemu::add_port(&mut command, "out", Path::new("/dev/fd/1"));
    qemu::add_port(&mut command, "err", Path::new("/dev/fd/0"));
    qemu::add_port(&mut command, "status", &work.join("status"));
    if spec.dmesg.is_some() {
        qemu::add_port(&mut command, "dmesg", &work.join("dmesg"));
    }
    if let Some(plugin) = plugin {
        command.env("LD_PRELOAD", plugin);
    }
    Ok(command)
}

/// Hands on what comes out of a pipe until its last writer has gone.
fn pump(from: Option<impl Read>, to: &mut dyn FnMut(&[u8])) {
    let Some(mut from) = from else { return };
    let mut buffer = [0; 1 << 16];
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return,
            Ok(n) => to(&buffer[..n]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return,
        }
    }
}

fn sink(output: Output, mut to: impl Write, captured: &Mutex<Vec<u8>>) -> impl FnMut(&[u8]) {
    move |bytes| match output {
        Output::Capture => append(captured, bytes),
        // A reader that has gone, as `| head` does, is no reason to stop the script.
        Output::Stream => drop(to.write_all(bytes).and_then(|()| to.flush())),
    }
}

fn append(to: &Mutex<Vec<u8>>, bytes: &[u8]) {
    // No thread panics while it holds the lock, and the bytes stay good if one did.
    to.lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
        .extend(bytes);
}

fn taken(from: Mutex<Vec<u8>>) -> Vec<u8> {
    from.into_inner()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// The script's exit status goes first: what happens to the VM after the script
/// has ended is no matter.
fn end(waited: Waited, status: &Path) -> End {
    let status = fs::read_to_string(status).unwrap_or_default();
    match (status.trim().parse(), waited) {
        (Ok(status), _) => End::Exited(status),
        (Err(_), Waited::TimedOut) => End::TimedOut,
        (Err(_), Waited::Interrupted) => End::Interrupted,
        (Err(_), Waited::Ended(_)) => End::Died,
    }
}

/// The last lines, without what a firmware tells a terminal to do.
fn tail(console: &Path, complaints: &[u8]) -> String {
    let console = fs::read(console).unwrap_or_default();
    let text = [
        String::from_utf8_lossy(&console),
        String::from_utf8_lossy(complaints),
    ]
    .concat();
    let plain = |line: &str| {
        line.chars()
            .filter(|c| !c.is_control() || *c == '\t')
            .collect::<String>()
    };
    let lines: Vec<_> = text.lines().map(plain).collect();
    lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::process::ExitStatusExt;
    use std::process::ExitStatus;

    use super::{End, TAIL_LINES, Waited, end, tail};

    #[test]
    fn a_status_counts_even_if_the_vm_hangs_after_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("status");
        assert_eq!(end(Waited::TimedOut, &file), End::TimedOut);
        fs::write(&file, "7\n").unwrap();
        assert_eq!(end(Waited::TimedOut, &file), End::Exited(7));
        fs::write(&file, "").unwrap();
        assert_eq!(
            end(Waited::Ended(ExitStatus::from_raw(0)), &file),
            End::Died
        );
    }

    #[test]
    fn the_tail_ends_with_qemus_own_words() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("console");
        fs::write(&file, "\x1bcline\r\n".repeat(100)).unwrap();
        let tail = tail(&file, b"qemu: no\n");
        assert_eq!(tail.lines().count(), TAIL_LINES);
        assert!(tail.ends_with("\ncline\nqemu: no"));
    }
}
