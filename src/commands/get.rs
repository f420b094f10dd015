// SPDX-License-Identifier: GPL-2.0-only
//! `scx_hallows get`

use clap::Args;
use scx_stats::serde_json::{Map, Value as Json};

use super::print;
use crate::agent::params::Params;
use crate::config::{KEYS, Key, file, find};
use crate::exit::Error;
use crate::stats::SOCKET;
use crate::stats::tuning::{Tuner, json};

/// Print the values that a running scheduler uses, as a configuration file.
#[derive(Args, Clone, Debug)]
pub struct Get {
    /// Only the values of these keys, such as slice_us.
    #[arg(value_name = "KEY")]
    pub keys: Vec<String>,

    /// Print them as JSON.
    #[arg(long)]
    pub json: bool,
}

impl Get {
    /// Asks the scheduler, and prints.
    ///
    /// # Errors
    /// [`Error::Usage`] for what is no key, else those of [`Tuner::get`].
    pub fn run(&self) -> Result<(), Error> {
        let keys = self.keys()?;
        let params = Tuner::at(SOCKET).get()?;
        print(self.text(&keys, &params).as_bytes())
    }

    fn keys(&self) -> Result<Vec<&'static Key>, Error> {
        if self.keys.is_empty() {
            return Ok(KEYS.iter().collect());
        }
        let keys = self.keys.iter().map(|name| find(name));
        keys.collect::<Result<_, _>>().map_err(Error::Usage)
    }

    fn text(&self, keys: &[&'static Key], params: &Params) -> String {
        if !self.json {
            return file::settings(params, keys.iter().copied());
        }
        let values = keys
            .iter()
            .map(|key| (key.name.to_owned(), json(&key.get(params))));
        format!("{:#}\n", Json::Object(values.collect::<Map<_, _>>()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(keys: &[&str], json: bool) -> Get {
        Get {
            keys: keys.iter().map(|&key| key.to_owned()).collect(),
            json,
        }
    }

    #[test]
    fn what_is_printed_is_a_configuration_file() {
        let get = get(&[], false);
        let text = get.text(&get.keys().unwrap(), &Params::default());
        assert_eq!(file::parse(&text).unwrap().len(), KEYS.len());
    }

    #[test]
    fn keys_come_in_the_order_asked_for() {
        let get = get(&["slice_us", "kappa"], false);
        let text = get.text(&get.keys().unwrap(), &Params::default());
        assert_eq!(text, "slice_us = 3000\nkappa = 1.0\n");
    }

    #[test]
    fn json_has_the_same_values() {
        let get = get(&["slice_us", "kappa"], true);
        let text = get.text(&get.keys().unwrap(), &Params::default());
        assert_eq!(text, "{\n  \"kappa\": 1.0,\n  \"slice_us\": 3000\n}\n");
    }

    #[test]
    fn what_is_no_key_is_refused() {
        assert_eq!(
            get(&["slise_us"], false).keys().unwrap_err(),
            Error::Usage("unknown key 'slise_us', did you mean 'slice_us'?".into())
        );
    }
}
