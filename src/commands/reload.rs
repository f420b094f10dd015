// SPDX-License-Identifier: GPL-2.0-only
//! `scx_hallows reload`

use clap::Args;

use super::{print, steps};
use crate::exit::Error;
use crate::stats::SOCKET;
use crate::stats::tuning::Tuner;

/// Make a running scheduler read its configuration file again.
///
/// It prints what changed, which undoes what `set` did. A file with a mistake is
/// refused with its line, and the old values stay. SIGHUP does the same without an answer.
#[derive(Args, Clone, Debug)]
pub struct Reload {}

impl Reload {
    /// Asks the scheduler, and prints a line for each key whose value changed.
    ///
    /// # Errors
    /// Those of [`Tuner::reload`].
    pub fn run(&self) -> Result<(), Error> {
        let changes = Tuner::at(SOCKET).reload()?;
        match changes.as_slice() {
            [] => print(b"nothing changed\n"),
            _ => print(steps(&changes).as_bytes()),
        }
    }
}
