// SPDX-License-Identifier: GPL-2.0-only
//! What the service manager hears: that the scheduler schedules, that the agent
//! is alive, that it ends. Where there is none, nothing happens.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use sd_notify::NotifyState;
use tracing::warn;

/// Name of the scheduler's operations; a version may follow it.
pub const NAME: &str = "hallows";

/// The connection to the service manager that started this process, if one did.
#[derive(Debug)]
pub struct Service {
    /// Whether to talk at all.
    listens: bool,
    /// Whether it knows that the kernel schedules by us.
    ready: bool,
    /// Time between signs of life; `None` when it waits for none.
    every: Option<Duration>,
    next: Instant,
}

impl Service {
    /// As the environment tells: `NOTIFY_SOCKET`, `WATCHDOG_USEC` and `WATCHDOG_PID`.
    pub fn from_environment() -> Service {
        let socket = std::env::var_os("NOTIFY_SOCKET");
        Service {
            listens: socket.is_some_and(|socket| !socket.is_empty()),
            ready: false,
            // Twice as often as it has to be, as systemd advises.
            every: sd_notify::watchdog_enabled().map(|limit| limit / 2),
            next: Instant::now(),
        }
    }

    /// Called by the loop of the agent at each turn: says once that the scheduler
    /// is ready, when the kernel says so too, and from time to time that the loop
    /// still turns.
    pub fn beat(&mut self) {
        if !self.listens {
            return;
        }
        if !self.ready && schedules(Path::new("/")) {
            self.ready = true;
            self.tell(&[NotifyState::Ready, NotifyState::Status("scheduling")]);
        }
        let now = Instant::now();
        if let Some(every) = self.every
            && now >= self.next
        {
            self.next = now + every;
            self.tell(&[NotifyState::Watchdog]);
        }
    }

    /// Says that the end has begun.
    pub fn stopping(&mut self) {
        if self.listens {
            self.tell(&[NotifyState::Stopping]);
        }
    }

    /// A manager that does not listen any more is told nothing more.
    fn tell(&mut self, states: &[NotifyState<'_>]) {
        if let Err(error) = sd_notify::notify(states) {
            warn!("can't tell the service manager: {error}");
            self.listens = false;
        }
    }
}

/// Whether the kernel under `root` says that it schedules, and by our name: an
/// attachment that returned tells only that it had begun.
pub fn schedules(root: &Path) -> bool {
    let name = || fs::read_to_string(root.join("sys/kernel/sched_ext/root/ops"));
    state(root).is_some_and(|state| state == "enabled")
        && name().is_ok_and(|name| name.starts_with(NAME))
}

/// What the kernel under `root` says of any scheduler: `enabled`, `disabling` and so
/// on. `None` if it has no sched_ext.
pub fn state(root: &Path) -> Option<String> {
    let text = fs::read_to_string(root.join("sys/kernel/sched_ext/state")).ok()?;
    Some(text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_has_to_name_us() {
        let name = format!("hallows-service-{}", std::process::id());
        let root = std::env::temp_dir().join(name);
        let files = root.join("sys/kernel/sched_ext");
        fs::create_dir_all(files.join("root")).unwrap();
        assert!(!schedules(&root));
        for (state, ops, expected) in [
            ("enabled\n", "hallows_0.1.0_x86_64\n", true),
            ("enabled\n", "bpfland_1.1.4\n", false),
            ("enabling\n", "hallows\n", false),
            ("disabled\n", "hallows\n", false),
        ] {
            fs::write(files.join("state"), state).unwrap();
            fs::write(files.join("root/ops"), ops).unwrap();
            assert_eq!(schedules(&root), expected, "{state} {ops}");
        }
        fs::remove_dir_all(&root).unwrap();
    }
}
