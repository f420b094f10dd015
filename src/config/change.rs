// SPDX-License-Identifier: GPL-2.0-only
//! Changes of parameters while the scheduler runs: all of them, or none.

use std::fmt;

use super::key::{Key, find};
use super::table::KEYS;
use super::value::Value;
use crate::agent::params::Params;

/// A key with the value that it is to have, or has got.
pub type Setting = (&'static Key, Value);

/// What happened to one key.
#[derive(Clone, Debug)]
pub struct Change {
    /// The key.
    pub key: &'static Key,
    /// What it was.
    pub old: Value,
    /// What it is.
    pub new: Value,
}

impl Change {
    fn of(key: &'static Key, old: &Params, new: &Params) -> Change {
        Change {
            key,
            old: key.get(old),
            new: key.get(new),
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} -> {}", self.key.name, self.old, self.new)
    }
}

/// Reads one setting.
///
/// # Errors
/// One line: no such key, or not a value of it.
pub fn setting(name: &str, value: &str) -> Result<Setting, String> {
    let key = find(name)?;
    match key.parse(value) {
        Ok(value) => Ok((key, value)),
        Err(must_be) => Err(format!("{name} {value}: {must_be}")),
    }
}

/// `params` with `settings`, and what each of these changes.
///
/// # Errors
/// One line that says what would do, when the result makes no sense as a whole.
pub fn change(params: &Params, settings: &[Setting]) -> Result<(Params, Vec<Change>), String> {
    let mut changed = *params;
    for (key, value) in settings {
        key.set(&mut changed, value)
            .map_err(|must_be| format!("{} {value}: {must_be}", key.name))?;
    }
    match changed.validate() {
        Ok(()) => {
            let changes = settings
                .iter()
                .map(|(key, _)| Change::of(key, params, &changed));
            Ok((changed, changes.collect()))
        }
        Err(fault) => Err(fault.describe(|key| key.name.to_owned())),
    }
}

/// What differs from `old` to `new`, in the order of [`KEYS`].
pub fn changes(old: &Params, new: &Params) -> Vec<Change> {
    let changes = KEYS.iter().map(|key| Change::of(key, old, new));
    changes.filter(|change| change.old != change.new).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::params::MS;

    fn settings(texts: &[(&str, &str)]) -> Vec<Setting> {
        let read = |(name, value): &(&str, &str)| setting(name, value).unwrap();
        texts.iter().map(read).collect()
    }

    #[test]
    fn settings_name_their_key() {
        assert_eq!(
            setting("dwel", "3").unwrap_err(),
            "unknown key 'dwel', did you mean 'dwell'?"
        );
        assert_eq!(
            setting("dwell", "x").unwrap_err(),
            "dwell x: must be a whole number from 1 to 100"
        );
    }

    #[test]
    fn a_change_is_checked_as_a_whole() {
        let old = Params::default();
        // Either alone would be refused by the other's default.
        let both = settings(&[("min_slice_us", "4000"), ("slice_us", "5000")]);
        let (new, _) = change(&old, &both).unwrap();
        assert_eq!((new.min_slice_ns, new.slice_ns), (4 * MS, 5 * MS));
        assert_eq!(
            change(&old, &both[..1]).unwrap_err(),
            "min_slice_us 4000 is above slice_us 3000: \
             the shortest slice can't be longer than the slice"
        );
    }

    #[test]
    fn changes_list_what_differs() {
        let old = Params::default();
        let both = settings(&[("kappa", "2"), ("dwell", "2")]);
        let (new, told) = change(&old, &both).unwrap();
        let text = |told: &[Change]| told.iter().map(Change::to_string).collect::<Vec<_>>();
        assert_eq!(text(&told), ["kappa 1 -> 2", "dwell 2 -> 2"]);
        assert_eq!(text(&changes(&old, &new)), ["kappa 1 -> 2"]);
    }
}
