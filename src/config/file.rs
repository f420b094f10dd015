// SPDX-License-Identifier: GPL-2.0-only
//! The configuration file as text: one `key = value` for each tunable, in TOML.

use std::fmt::Write;

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::key::{Key, find};
use super::table::KEYS;
use super::value::Value;
use crate::agent::params::Params;

/// Where the file is looked for when no flag names one.
pub const PATH: &str = "/etc/scx_hallows/config.toml";

/// Comments in the default file are no wider, in characters.
const WIDTH: usize = 78;

/// One setting of a file.
#[derive(Debug)]
pub struct Entry {
    /// What is set.
    pub key: &'static Key,
    /// To what; accepted by the key.
    pub value: Value,
    /// In which line, from 1.
    pub line: usize,
}

/// Why a file can't be used.
#[derive(Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The line of it, from 1.
    pub line: usize,
    /// What it is.
    pub text: String,
}

/// Reads `text`, and returns the settings in their order.
///
/// # Errors
/// The first mistake: what is no TOML, no key, of the wrong type or out of range.
pub fn parse(text: &str) -> Result<Vec<Entry>, Mistake> {
    let table = DeTable::parse(text).map_err(|error| Mistake {
        line: line_of(text, error.span().map_or(0, |span| span.start)),
        text: error.message().to_owned(),
    })?;
    let mut settings: Vec<_> = table.get_ref().iter().collect();
    // The parser sorts by name.
    settings.sort_by_key(|(name, _)| name.span().start);
    let read = settings
        .iter()
        .map(|(name, value)| entry(text, name, value));
    read.collect()
}

/// One setting of `text`.
fn entry(
    text: &str,
    name: &Spanned<DeString<'_>>,
    value: &Spanned<DeValue<'_>>,
) -> Result<Entry, Mistake> {
    let line = line_of(text, name.span().start);
    let key = find(name.get_ref()).map_err(|text| Mistake { line, text })?;
    let read = value_of(value.get_ref()).ok_or_else(|| format!("must be {}", key.allowed()));
    let value = read
        .and_then(|value| key.accepts(&value).map(|()| value))
        .map_err(|must_be| Mistake {
            line,
            text: format!("{} {}: {must_be}", key.name, shown(text, value)),
        })?;
    Ok(Entry { key, value, line })
}

/// `None` for what no key takes: other types, and negative numbers.
fn value_of(value: &DeValue<'_>) -> Option<Value> {
    let integer = |value: &DeValue<'_>| match value {
        DeValue::Integer(it) => u64::from_str_radix(it.as_str(), it.radix()).ok(),
        _ => None,
    };
    match value {
        DeValue::String(word) => Some(Value::Word(word.to_string())),
        DeValue::Integer(_) => integer(value).map(Value::Integer),
        DeValue::Float(it) => it.as_str().parse().ok().map(Value::Float),
        DeValue::Array(items) => {
            let items = items.iter().map(|item| integer(item.get_ref()));
            items.collect::<Option<_>>().map(Value::List)
        }
        DeValue::Boolean(_) | DeValue::Datetime(_) | DeValue::Table(_) => None,
    }
}

/// The value as the file has it, as far as it fits in a message.
fn shown<T>(text: &str, value: &Spanned<T>) -> String {
    const ENOUGH: usize = 40;
    let raw = text.get(value.span()).unwrap_or_default();
    match raw.char_indices().nth(ENOUGH) {
        Some((end, _)) => format!("{}...", &raw[..end]),
        None => raw.to_owned(),
    }
}

/// The line of byte `at`, from 1.
fn line_of(text: &str, at: usize) -> usize {
    let before = text.bytes().take(at);
    1 + before.filter(|byte| *byte == b'\n').count()
}

/// A file that sets `keys` to what they are in `params`.
pub fn settings<'a>(params: &Params, keys: impl IntoIterator<Item = &'a Key>) -> String {
    let line = |key: &Key| format!("{} = {}\n", key.name, key.get(params).to_toml());
    keys.into_iter().map(line).collect()
}

/// A file that tells of every key, and sets none: defaults stay those of the
/// program, also of a later version.
pub fn default_text() -> String {
    let mut text = String::new();
    comment(
        &mut text,
        &format!(
            "The configuration of scx_hallows. Its place is {PATH}, or any other that --config \
             names."
        ),
    );
    text.push_str("#\n");
    comment(
        &mut text,
        "Each key stands here with its default. To change one, take away its leading # and \
         write another value. Flags override this file. The signal SIGHUP makes a running \
         scheduler read it again; `scx_hallows get` prints the values that it uses.",
    );
    let mut group = "";
    for key in KEYS {
        if key.group != group {
            group = key.group;
            // Writing into a string doesn't fail.
            let _ = write!(text, "\n# --- {group} ---\n");
        }
        text.push('\n');
        comment(&mut text, key.doc);
        comment(&mut text, &format!("Must be {}.", key.allowed()));
        let _ = writeln!(text, "#{} = {}", key.name, key.default().to_toml());
    }
    text
}

/// Appends `sentences` as comment lines.
fn comment(text: &mut String, sentences: &str) {
    let mut line = String::from("#");
    for word in sentences.split_whitespace() {
        if line.chars().count() + 1 + word.chars().count() > WIDTH {
            text.push_str(&line);
            text.push('\n');
            line.truncate(1);
        }
        line.push(' ');
        line.push_str(word);
    }
    text.push_str(&line);
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::key::Kind;
    use crate::config::table::PAIRS;
    use proptest::prelude::*;

    fn mistake(text: &str) -> (usize, String) {
        let mistake = parse(text).unwrap_err();
        (mistake.line, mistake.text)
    }

    fn read(text: &str) -> Params {
        let mut params = Params::default();
        for entry in parse(text).unwrap() {
            entry.key.set(&mut params, &entry.value).unwrap();
        }
        params
    }

    #[test]
    fn the_default_text_sets_nothing_and_tells_everything() {
        let text = default_text();
        assert!(parse(&text).unwrap().is_empty());
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH));
        let active: String = text
            .lines()
            .filter_map(|line| line.strip_prefix('#'))
            .filter(|line| !line.is_empty() && !line.starts_with(' '))
            .map(|line| format!("{line}\n"))
            .collect();
        let entries = parse(&active).unwrap();
        assert_eq!(entries.len(), KEYS.len());
        for (entry, key) in entries.iter().zip(KEYS) {
            assert_eq!((entry.key.name, &entry.value), (key.name, &key.default()));
        }
    }

    #[test]
    fn settings_keep_their_order_and_lines() {
        let entries = parse("# first\nslice_us = 2_000\n\nkappa=2 # twice\n").unwrap();
        let seen: Vec<_> = entries.iter().map(|it| (it.key.name, it.line)).collect();
        assert_eq!(seen, [("slice_us", 2), ("kappa", 4)]);
        let params = read("slice_us = 0x7d0\nkappa = 2");
        assert_eq!((params.slice_ns, params.kappa), (2_000_000, 2.0));
    }

    #[test]
    fn an_unknown_key_has_its_line_and_the_nearest_name() {
        for (text, line, wrong, right) in [
            ("\nslise_us = 1", 2, "slise_us", "slice_us"),
            ("slice-us = 1", 1, "slice-us", "slice_us"),
            (
                "dwell = 3\n[hysteresis]\nus = 1",
                2,
                "hysteresis",
                "hysteresis_us",
            ),
        ] {
            let text = mistake(text);
            let told = format!("unknown key '{wrong}', did you mean '{right}'?");
            assert_eq!(text, (line, told));
        }
    }

    #[test]
    fn the_first_mistake_is_told() {
        assert_eq!(mistake("slise_us = 1\ndwell = 0").0, 1);
        assert_eq!(mistake("slice_us = 1\ndwel = 0").0, 1);
    }

    #[test]
    fn wrong_types_and_ranges_say_what_is_allowed() {
        let time = "must be a whole number from 100 to 100000";
        for (value, told) in [
            ("99", time),
            ("-5", time),
            ("1e3", time),
            ("\"3000\"", time),
            ("true", time),
            ("[3000]", time),
            ("99999999999999999999", time),
        ] {
            let (line, text) = mistake(&format!("\nslice_us = {value}"));
            assert_eq!((line, text), (2, format!("slice_us {value}: {told}")));
        }
        let share = "must be a number from 0.01 to 1";
        for value in ["0", "nan", "inf", "\"1\"", "1979-05-27"] {
            let (_, text) = mistake(&format!("hungry_enter = {value}"));
            assert_eq!(text, format!("hungry_enter {value}: {share}"));
        }
        let long = format!("kappa = \"{}\"", "x".repeat(500));
        assert!(mistake(&long).1.len() < 100);
    }

    #[test]
    fn what_is_no_toml_has_its_line() {
        assert_eq!(mistake("dwell = 3\nkappa 2\n").0, 2);
        assert_eq!(mistake("dwell = 3\nkappa =\n").0, 2);
        let (line, text) = mistake("dwell = 3\ndwell = 4\n");
        assert_eq!((line, text.contains("duplicate")), (2, true), "{text}");
    }

    /// Valid parameters in the units of their keys.
    fn valid() -> impl Strategy<Value = Params> {
        let numbers = prop::collection::vec(0.0..=1.0f64, KEYS.len());
        numbers.prop_map(|numbers| {
            let mut params = Params::default();
            for (key, at) in KEYS.iter().zip(numbers) {
                let between = |low: u64, high: u64| low + ((high - low) as f64 * at) as u64;
                let value = match &key.kind {
                    Kind::Float { low, high, .. } => {
                        Value::Float((low + (high - low) * at).min(*high))
                    }
                    Kind::Count { low, high, .. } => {
                        Value::Integer(between((*low).into(), (*high).into()))
                    }
                    Kind::Time { low, high, .. } => Value::Integer(between(*low, *high)),
                    Kind::Times { len, high, .. } => Value::List(vec![between(0, *high); *len]),
                    Kind::Choice { words, .. } => {
                        Value::Word(words[(at * (words.len() - 1) as f64) as usize].into())
                    }
                };
                key.set(&mut params, &value).unwrap();
            }
            for pair in PAIRS {
                let [low, high] = [pair.low, pair.high].map(|name| find(name).unwrap());
                if params.validate().is_err() {
                    low.set(&mut params, &low.default()).unwrap();
                    high.set(&mut params, &high.default()).unwrap();
                }
            }
            params
        })
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read_back(params in valid()) {
            prop_assert!(params.validate().is_ok());
            prop_assert_eq!(read(&settings(&params, KEYS)), params);
        }

        #[test]
        fn any_text_is_read_or_refused_with_a_line_of_it(text in "[a-z_=0-9.\n\"\\[\\]# -]{0,80}") {
            if let Err(mistake) = parse(&text) {
                prop_assert!((1..=text.lines().count() + 1).contains(&mistake.line));
            }
        }
    }
}
