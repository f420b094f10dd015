// SPDX-License-Identifier: GPL-2.0-only
//! Signals become flags that the main loop looks at.
//!
//! `ctrlc` catches SIGINT; it could catch SIGTERM only together with SIGHUP, and
//! could not tell them apart.

use std::fmt;
use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGHUP, SIGTERM, SIGUSR2};
use signal_hook::flag;

use crate::exit::Error;

/// What signals have asked for.
#[derive(Clone, Debug)]
pub struct Signals {
    shutdown: Arc<AtomicBool>,
    reload: Arc<AtomicBool>,
    leave: Arc<AtomicBool>,
    terminal: bool,
}

impl Signals {
    /// From now on SIGINT, SIGTERM and SIGHUP ask for the end.
    ///
    /// # Errors
    /// [`Error::Failed`] when the system refuses the handlers.
    pub fn ending() -> Result<Signals, Error> {
        let signals = Signals::interrupting()?;
        catch(SIGHUP, &signals.shutdown)?;
        Ok(signals)
    }

    /// From now on SIGINT and SIGTERM ask for the end, SIGHUP for the configuration file
    /// to be read again, SIGUSR2 for the process to leave the scheduler to another.
    ///
    /// # Errors
    /// As [`ending`](Self::ending).
    pub fn reloading() -> Result<Signals, Error> {
        let signals = Signals::interrupting()?;
        catch(SIGHUP, &signals.reload)?;
        // In this order: the second is what the main loop looks at.
        catch(SIGUSR2, &signals.leave)?;
        catch(SIGUSR2, &signals.shutdown)?;
        Ok(signals)
    }

    fn interrupting() -> Result<Signals, Error> {
        let signals = Signals {
            shutdown: Arc::default(),
            reload: Arc::default(),
            leave: Arc::default(),
            terminal: has_terminal(),
        };
        let shutdown = signals.shared_shutdown();
        ctrlc::set_handler(move || shutdown.store(true, Ordering::Relaxed)).map_err(refused)?;
        catch(SIGTERM, &signals.shutdown)?;
        Ok(signals)
    }

    /// A flag that is set when the process should end.
    pub fn shutdown(&self) -> &AtomicBool {
        &self.shutdown
    }

    /// The same flag, for a thread of its own.
    pub fn shared_shutdown(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.shutdown)
    }

    /// Whether the process should end.
    pub fn is_shutdown(&self) -> bool {
        // Who sees this flag set by SIGUSR2 sees the other one set, too.
        self.shutdown.load(Ordering::Acquire)
    }

    /// Whether the process should end, and its scheduler go on if it can.
    pub fn is_leaving(&self) -> bool {
        self.leave.load(Ordering::Relaxed)
    }

    /// Whether SIGHUP came since this was asked last. When it came because the
    /// terminal was closed from which the process was started, that is the end
    /// instead: nobody could see or stop it any more.
    pub fn take_reload(&self) -> bool {
        if !self.reload.swap(false, Ordering::Relaxed) {
            return false;
        }
        if self.terminal && !has_terminal() {
            self.shutdown.store(true, Ordering::Relaxed);
            return false;
        }
        true
    }
}

fn catch(signal: i32, flag: &Arc<AtomicBool>) -> Result<(), Error> {
    let registered = flag::register(signal, Arc::clone(flag));
    registered.map(|_| ()).map_err(refused)
}

fn refused(error: impl fmt::Display) -> Error {
    Error::Failed(format!("cannot handle signals: {error}"))
}

/// Whether the process has a controlling terminal.
fn has_terminal() -> bool {
    File::open("/dev/tty").is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reload_is_asked_for_once() {
        let signals = Signals {
            shutdown: Arc::default(),
            leave: Arc::default(),
            reload: Arc::new(true.into()),
            terminal: false,
        };
        assert!(signals.take_reload());
        assert!(!signals.take_reload() && !signals.is_shutdown());
    }

    #[test]
    fn without_its_terminal_a_reload_is_the_end() {
        let signals = Signals {
            shutdown: Arc::default(),
            leave: Arc::default(),
            reload: Arc::new(true.into()),
            terminal: true,
        };
        assert_eq!(signals.take_reload(), has_terminal());
        assert_eq!(signals.is_shutdown(), !has_terminal());
    }
}
