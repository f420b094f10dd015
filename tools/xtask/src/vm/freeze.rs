// SPDX-License-Identifier: GPL-2.0-only
//! Freezes a guest when its script prints `vm: freeze`: QEMU's process is stopped
//! and continued, as if the host had slept for so long as [`VmSpec`] says.
//!
//! The guest's clocks, CLOCK_MONOTONIC among them, jump by as much: the real ones
//! follow the host's, and the virtual one (`tools/vm/vtime/clock.c`) does so on
//! SIGCONT, at once. QEMU's own `stop` and `cont` would stop them, and the guest would not
//! notice anything.
//!
//! [`VmSpec`]: super::VmSpec

use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::accel::{Accel, Mode};

const MARK: &[u8] = b"vm: freeze";

/// For how long, where nothing else is said, in seconds.
pub const USUAL_S: u32 = 10;

/// Listens to what a guest prints.
pub struct Freezer {
    qemu: Option<Pid>,
    stop_for: Duration,
    /// The line that is not complete yet.
    line: Vec<u8>,
}

impl Freezer {
    /// For the process `id`, whose clock is that of `accel`, to stop for `freeze_s`.
    pub fn new(id: u32, accel: Accel, freeze_s: u32) -> Self {
        let stop_for = match accel {
            Accel::Tcg(Mode::Vtime { .. }) => Duration::ZERO,
            _ => Duration::from_secs(freeze_s.into()),
        };
        Self {
            qemu: i32::try_from(id).ok().and_then(Pid::from_raw),
            stop_for,
            line: Vec::new(),
        }
    }

    /// Takes what the guest printed next; returns when a freeze that it asked for
    /// is over.
    pub fn hear(&mut self, bytes: &[u8]) {
        if self.has_asked(bytes)
            && let Some(qemu) = self.qemu
            // A QEMU that has gone needs no freeze.
            && kill_process(qemu, Signal::STOP).is_ok()
        {
            thread::sleep(self.stop_for);
            let _ = kill_process(qemu, Signal::CONT);
        }
    }

    /// Whether one of the lines that end with these bytes asks for a freeze.
    fn has_asked(&mut self, bytes: &[u8]) -> bool {
        let mut asked = false;
        for byte in bytes {
            if *byte == b'\n' {
                asked |= self.line == MARK;
                self.line.clear();
            } else {
                self.line.push(*byte);
            }
        }
        asked
    }
}

#[cfg(test)]
mod tests {
    use super::{Accel, Freezer};

    #[test]
    fn a_line_of_its_own_asks_for_a_freeze() {
        let mut freezer = Freezer::new(0, Accel::Kvm, 10);
        assert!(!freezer.has_asked(b"ok\nvm: fre"));
        assert!(freezer.has_asked(b"eze\nok"));
        for other in ["\n", "vm: freeze!\n", "ok: vm: freeze\n", "vm: freeze"] {
            assert!(!freezer.has_asked(other.as_bytes()), "{other}");
        }
    }
}
