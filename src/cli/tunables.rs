// SPDX-License-Identifier: GPL-2.0-only
//! A flag for each tunable, made from [`KEYS`].

use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};

use crate::config::change::Setting;
use crate::config::{KEYS, Key, Value};

/// The tunables that the command line sets.
#[derive(Clone, Debug, Default)]
pub struct Tunables {
    /// Those of them that were given, in the order of [`KEYS`].
    pub given: Vec<Setting>,
}

impl Args for Tunables {
    fn augment_args(command: Command) -> Command {
        command.args(KEYS.iter().map(argument))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Tunables {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let given = |key: &&Key| matches.value_source(key.name) == Some(ValueSource::CommandLine);
        let value = |key: &'static Key| {
            let value = matches.get_one::<Value>(key.name)?;
            Some((key, value.clone()))
        };
        Ok(Tunables {
            given: KEYS.iter().filter(given).filter_map(value).collect(),
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

fn argument(key: &'static Key) -> Arg {
    // The help shows doc and default as clap does those of other options: the
    // first without its full stop.
    let doc = key.doc.strip_suffix('.').unwrap_or(key.doc);
    Arg::new(key.name)
        .long(key.flag())
        .help_heading(key.group)
        .value_name(key.unit)
        .help(format!("{doc} [{}]", key.allowed()))
        .default_value(key.default().to_string())
        // A negative number is a value, so that the refusal names the option.
        .allow_negative_numbers(true)
        .value_parser(move |text: &str| key.parse(text))
}
