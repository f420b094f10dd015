// SPDX-License-Identifier: GPL-2.0-only
//! `scx_hallows set`

use clap::Args;

use super::print;
use crate::config::change::{Setting, setting};
use crate::exit::Error;
use crate::stats::SOCKET;
use crate::stats::tuning::Tuner;

/// Change values of a running scheduler: all that are given, or none.
///
/// It prints what they were and are. A restart, or `reload`, takes up those of the
/// configuration file and the flags again.
#[derive(Args, Clone, Debug)]
pub struct Set {
    /// What to change, such as slice_us=2000.
    #[arg(value_name = "KEY=VALUE", required = true)]
    pub settings: Vec<String>,
}

impl Set {
    /// Asks the scheduler, and prints a line for each key.
    ///
    /// # Errors
    /// [`Error::Usage`] for what can't be, else those of [`Tuner::set`].
    pub fn run(&self) -> Result<(), Error> {
        let settings = settings(&self.settings).map_err(Error::Usage)?;
        let mut steps = Tuner::at(SOCKET).set(&settings)?;
        steps.sort_by_key(|step| settings.iter().position(|(key, _)| key.name == step.key));
        print(super::steps(&steps).as_bytes())
    }
}

/// Reads `KEY=VALUE` arguments.
///
/// # Errors
/// One line: what is not KEY=VALUE, no key, no value of it, or given twice.
pub(super) fn settings(texts: &[String]) -> Result<Vec<Setting>, String> {
    let mut settings: Vec<Setting> = Vec::new();
    for text in texts {
        let Some((name, value)) = text.split_once('=') else {
            return Err(format!("'{text}' is not KEY=VALUE"));
        };
        let new = setting(name.trim(), value)?;
        if settings.iter().any(|(key, _)| key.name == new.0.name) {
            return Err(format!("{} is given twice", new.0.name));
        }
        settings.push(new);
    }
    Ok(settings)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(texts: &[&str]) -> Result<Vec<String>, String> {
        let texts: Vec<_> = texts.iter().map(|&text| text.to_owned()).collect();
        let told = |(key, value): &Setting| format!("{} {value}", key.name);
        Ok(settings(&texts)?.iter().map(told).collect())
    }

    #[test]
    fn a_setting_is_a_key_and_a_value() {
        assert_eq!(
            read(&["slice_us=2000", "kappa = 0.5"]).unwrap(),
            ["slice_us 2000", "kappa 0.5"]
        );
        for (texts, told) in [
            (&["slice_us"] as &[_], "'slice_us' is not KEY=VALUE"),
            (
                &["slise_us=1"],
                "unknown key 'slise_us', did you mean 'slice_us'?",
            ),
            (
                &["slice_us="],
                "slice_us : must be a whole number from 100 to 100000",
            ),
            (&["dwell=3", "dwell=4"], "dwell is given twice"),
        ] {
            assert_eq!(read(texts).unwrap_err(), told);
        }
    }
}
