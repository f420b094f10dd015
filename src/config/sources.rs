// SPDX-License-Identifier: GPL-2.0-only
//! Where parameters come from: flags over the configuration file over defaults.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::file::{self, Entry};
use super::key::Key;
use super::value::Value;
use crate::agent::params::Params;
use crate::exit::Error;

/// A larger file is no configuration: one that explains every key has a hundredth of it.
const MAX_BYTES: u64 = 1 << 20;

/// The file to read, and what the command line says whatever the file does.
#[derive(Clone, Debug)]
pub struct Sources {
    path: PathBuf,
    required: bool,
    flags: Vec<(&'static Key, Value)>,
}

impl Sources {
    /// The file at `path`, which has to exist; without one that at
    /// [`file::PATH`], which need not. `flags` are accepted by their keys.
    pub fn new(path: Option<PathBuf>, flags: Vec<(&'static Key, Value)>) -> Sources {
        Sources {
            required: path.is_some(),
            path: path.unwrap_or_else(|| file::PATH.into()),
            flags,
        }
    }

    /// The file that is read, whether it exists or not.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Valid parameters from flags, file and defaults as they are now.
    ///
    /// # Errors
    /// [`Error::Usage`] when the file can't be read or used, with its path and
    /// a line, or when flags and file together make no sense;
    /// [`Error::Permission`] when it is closed to this user.
    pub fn load(&self) -> Result<Params, Error> {
        match self.read() {
            Ok(text) => self.merge(&text),
            Err(error) if error.kind() == io::ErrorKind::NotFound && !self.required => {
                self.merge("")
            }
            Err(error) => {
                let text = format!("cannot read {}: {error}", self.path.display());
                Err(match error.kind() {
                    io::ErrorKind::PermissionDenied => Error::Permission(text),
                    _ => Error::Usage(text),
                })
            }
        }
    }

    fn read(&self) -> io::Result<String> {
        let mut text = String::new();
        File::open(&self.path)?
            .take(MAX_BYTES + 1)
            .read_to_string(&mut text)?;
        if text.len() as u64 > MAX_BYTES {
            return Err(io::Error::other(format!("it has over {MAX_BYTES} bytes")));
        }
        Ok(text)
    }

    /// The parameters if the file had this text.
    fn merge(&self, text: &str) -> Result<Params, Error> {
        let entries =
            file::parse(text).map_err(|mistake| self.usage_at(mistake.line, &mistake.text))?;
        let mut params = Params::default();
        let file = entries.iter().map(|entry| (entry.key, &entry.value));
        let flags = self.flags.iter().map(|(key, value)| (*key, value));
        for (key, value) in file.chain(flags) {
            key.set(&mut params, value)
                .map_err(|text| Error::Usage(format!("{} {value}: {text}", key.name)))?;
        }
        match params.validate() {
            Ok(()) => Ok(params),
            Err(fault) => Err(self.blame(&fault, &entries)),
        }
    }

    /// Tells of values that don't go together by where they come from.
    fn blame(&self, fault: &super::check::Fault, entries: &[Entry]) -> Error {
        let is_flag = |key: &Key| self.flags.iter().any(|(flag, _)| flag.name == key.name);
        let keys = fault.keys();
        let from_file = entries.iter().rfind(|entry| {
            keys.iter().any(|key| key.name == entry.key.name) && !is_flag(entry.key)
        });
        let Some(entry) = from_file else {
            return Error::Usage(fault.to_string());
        };
        let text = fault.describe(|key| match is_flag(key) {
            true => format!("--{}", key.flag()),
            false => key.name.to_owned(),
        });
        self.usage_at(entry.line, &text)
    }

    fn usage_at(&self, line: usize, text: &str) -> Error {
        Error::Usage(format!("{}:{line}: {text}", self.path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::find;

    fn sources(flags: &[(&str, &str)]) -> Sources {
        let flag = |(name, text): &(&str, &str)| {
            let key = find(name).unwrap();
            (key, key.parse(text).unwrap())
        };
        Sources::new(Some("f.toml".into()), flags.iter().map(flag).collect())
    }

    #[test]
    fn flags_go_over_the_file_and_the_file_over_defaults() {
        let params = sources(&[("slice_us", "4000")]).merge("slice_us = 2000\ndwell = 7");
        let expected = Params {
            slice_ns: 4_000_000,
            dwell: 7,
            ..Params::default()
        };
        assert_eq!(params, Ok(expected));
        assert_eq!(sources(&[]).merge(""), Ok(Params::default()));
    }

    #[test]
    fn mistakes_have_path_and_line() {
        let error = sources(&[]).merge("\ndwel = 3").unwrap_err();
        assert_eq!(error.code(), 2);
        assert_eq!(
            error.to_string(),
            "f.toml:2: unknown key 'dwel', did you mean 'dwell'?"
        );
    }

    #[test]
    fn values_that_do_not_fit_are_named_by_their_origin() {
        let rule = "the shortest slice can't be longer than the slice";
        for (flags, file, told) in [
            (
                &[] as &[_],
                "dwell = 1\nslice_us = 400",
                "f.toml:2: min_slice_us 500 is above slice_us 400",
            ),
            (
                &[("min_slice_us", "600")],
                "slice_us = 550",
                "f.toml:1: --min-slice-us 600 is above slice_us 550",
            ),
            (
                &[("slice_us", "400")],
                "slice_us = 600",
                "--min-slice-us 500 is above --slice-us 400",
            ),
        ] {
            let error = sources(flags).merge(file).unwrap_err();
            assert_eq!(error, Error::Usage(format!("{told}: {rule}")));
        }
    }

    #[test]
    fn a_file_without_an_end_is_refused() {
        let error = Sources::new(Some("/dev/zero".into()), vec![]).load();
        let told = "cannot read /dev/zero: it has over 1048576 bytes";
        assert_eq!(error, Err(Error::Usage(told.into())));
    }

    #[test]
    fn only_a_file_that_was_asked_for_has_to_exist() {
        let missing = Some("/nonexistent/hallows.toml".into());
        let error = Sources::new(missing, vec![]).load().unwrap_err();
        assert_eq!(error.code(), 2);
        assert!(
            error
                .to_string()
                .starts_with("cannot read /nonexistent/hallows.toml: "),
            "{error}"
        );
        let optional = Sources {
            required: false,
            ..Sources::new(Some("/nonexistent/hallows.toml".into()), vec![])
        };
        assert_eq!(optional.load(), Ok(Params::default()));
    }
}
