// SPDX-License-Identifier: GPL-2.0-only
//! A tunable: its name, its range, and where it lies in [`Params`].

use super::table::KEYS;
use super::value::Value;
use crate::agent::params::Params;

/// A tunable.
#[derive(Debug)]
pub struct Key {
    /// Its name in the configuration file; the flag has dashes for the `_`.
    pub name: &'static str,
    /// Under which heading the help and the default file show it.
    pub group: &'static str,
    /// What the help calls its value.
    pub unit: &'static str,
    /// What it does, in full sentences without the range.
    pub doc: &'static str,
    /// Type, range and place.
    pub kind: Kind,
}

/// What a tunable may be, and its place in [`Params`]. Ranges include both
/// ends. Times are nanoseconds in [`Params`], and multiples of `unit_ns` to
/// the user.
#[derive(Debug)]
pub enum Kind {
    /// A number.
    Float {
        low: f64,
        high: f64,
        at: fn(&mut Params) -> &mut f64,
    },
    /// A whole number.
    Count {
        low: u32,
        high: u32,
        at: fn(&mut Params) -> &mut u32,
    },
    /// A time.
    Time {
        unit_ns: u64,
        low: u64,
        high: u64,
        at: fn(&mut Params) -> &mut u64,
    },
    /// `len` times, none below the one before, or `auto` for none of them.
    Times {
        unit_ns: u64,
        len: usize,
        high: u64,
        get: fn(&Params) -> Option<&[u64]>,
        set: fn(&mut Params, Option<&[u64]>),
    },
    /// One of `words`, which the place knows by its index.
    Choice {
        words: &'static [&'static str],
        get: fn(&Params) -> usize,
        set: fn(&mut Params, usize),
    },
}

/// The value of [`Kind::Times`] that leaves them to the scheduler.
const AUTO: &str = "auto";

/// How near a name must be to be offered: Jaro and Winkler's similarity.
const LIKELY: f64 = 0.8;

/// The tunable called `name`.
///
/// # Errors
/// One line that offers the nearest name, or says where all are when none is near.
pub fn find(name: &str) -> Result<&'static Key, String> {
    if let Some(key) = KEYS.iter().find(|key| key.name == name) {
        return Ok(key);
    }
    let nearness = |key: &Key| strsim::jaro_winkler(name, key.name);
    let nearest = KEYS
        .iter()
        .filter(|key| nearness(key) >= LIKELY)
        .max_by(|a, b| nearness(a).total_cmp(&nearness(b)));
    Err(match nearest {
        Some(key) => format!("unknown key '{name}', did you mean '{}'?", key.name),
        None => format!("unknown key '{name}': `scx_hallows config` prints all of them"),
    })
}

impl Key {
    /// Its name as a flag, without the leading dashes.
    pub fn flag(&self) -> String {
        self.name.replace('_', "-")
    }

    /// Its value in `params`.
    pub fn get(&self, params: &Params) -> Value {
        // The places are those of a mutable one: a copy keeps `params` as it is.
        let mut copy = *params;
        match &self.kind {
            Kind::Float { at, .. } => Value::Float(*at(&mut copy)),
            Kind::Count { at, .. } => Value::Integer((*at(&mut copy)).into()),
            Kind::Time { unit_ns, at, .. } => Value::Integer(*at(&mut copy) / unit_ns),
            Kind::Times { unit_ns, get, .. } => match get(params) {
                Some(times) => Value::List(times.iter().map(|time| time / unit_ns).collect()),
                None => Value::Word(AUTO.to_owned()),
            },
            Kind::Choice { words, get, .. } => Value::Word(words[get(params)].to_owned()),
        }
    }

    /// Its value when nobody sets it.
    pub fn default(&self) -> Value {
        self.get(&Params::default())
    }

    /// Puts `value` into `params`.
    ///
    /// # Errors
    /// What [`accepts`](Self::accepts) says, and `params` is as it was.
    pub fn set(&self, params: &mut Params, value: &Value) -> Result<(), String> {
        self.accepts(value)?;
        match (&self.kind, value) {
            (Kind::Float { at, .. }, Value::Float(value)) => *at(params) = *value,
            (Kind::Float { at, .. }, Value::Integer(value)) => *at(params) = *value as f64,
            // In range, so it fits.
            (Kind::Count { at, .. }, Value::Integer(value)) => *at(params) = *value as u32,
            (Kind::Time { unit_ns, at, .. }, Value::Integer(value)) => {
                *at(params) = value * unit_ns;
            }
            (Kind::Times { unit_ns, set, .. }, Value::List(values)) => {
                let times: Vec<u64> = values.iter().map(|value| value * unit_ns).collect();
                set(params, Some(&times));
            }
            (Kind::Times { set, .. }, Value::Word(_)) => set(params, None),
            (Kind::Choice { words, set, .. }, Value::Word(word)) => {
                if let Some(index) = words.iter().position(|known| known == word) {
                    set(params, index);
                }
            }
            _ => unreachable!("accepts() refuses other types"),
        }
        Ok(())
    }

    /// Whether `value` has the right type and is in range.
    ///
    /// # Errors
    /// What is allowed, beginning with "must be".
    pub fn accepts(&self, value: &Value) -> Result<(), String> {
        let fits = match (&self.kind, value) {
            (Kind::Float { low, high, .. }, Value::Float(value)) => (low..=high).contains(&value),
            (Kind::Float { low, high, .. }, Value::Integer(value)) => {
                (*low..=*high).contains(&(*value as f64))
            }
            (Kind::Count { low, high, .. }, Value::Integer(value)) => {
                (u64::from(*low)..=u64::from(*high)).contains(value)
            }
            (Kind::Time { low, high, .. }, Value::Integer(value)) => (low..=high).contains(&value),
            (Kind::Times { len, high, .. }, Value::List(values)) => {
                values.len() == *len
                    && values.is_sorted()
                    && values.iter().all(|value| value <= high)
            }
            (Kind::Times { .. }, Value::Word(word)) => word == AUTO,
            (Kind::Choice { words, .. }, Value::Word(word)) => words.contains(&word.as_str()),
            _ => false,
        };
        if fits { Ok(()) } else { Err(self.must_be()) }
    }

    /// Reads a value as a flag or `set` has it. A list has commas, and may be
    /// in brackets; a word may be in quotes.
    ///
    /// # Errors
    /// As [`accepts`](Self::accepts).
    pub fn parse(&self, text: &str) -> Result<Value, String> {
        let text = text.trim();
        let value = match &self.kind {
            Kind::Float { .. } => text.parse().ok().map(Value::Float),
            Kind::Count { .. } | Kind::Time { .. } => text.parse().ok().map(Value::Integer),
            Kind::Times { .. } if text.trim_matches('"') == AUTO => {
                Some(Value::Word(AUTO.to_owned()))
            }
            Kind::Times { .. } => {
                let inner = text.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
                let numbers = inner.unwrap_or(text).split(',');
                let numbers: Option<_> = numbers.map(|it| it.trim().parse().ok()).collect();
                numbers.map(Value::List)
            }
            Kind::Choice { .. } => Some(Value::Word(text.trim_matches('"').to_owned())),
        };
        let value = value.ok_or_else(|| self.must_be())?;
        self.accepts(&value)?;
        Ok(value)
    }

    /// What is allowed: "a whole number from 1 to 100".
    pub fn allowed(&self) -> String {
        match &self.kind {
            Kind::Float { low, high, .. } => format!("a number from {low} to {high}"),
            Kind::Count { low, high, .. } => format!("a whole number from {low} to {high}"),
            Kind::Time { low, high, .. } => format!("a whole number from {low} to {high}"),
            Kind::Times { len, high, .. } => format!(
                "{AUTO}, or {len} whole numbers from 0 to {high}, none below the one before"
            ),
            Kind::Choice { words, .. } => words.join(" or "),
        }
    }

    fn must_be(&self) -> String {
        format!("must be {}", self.allowed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(key: &Key, text: &str) -> Result<Params, String> {
        let mut params = Params::default();
        key.set(&mut params, &key.parse(text)?)?;
        Ok(params)
    }

    #[test]
    fn unknown_names_get_the_nearest_one() {
        for (wrong, right) in [
            ("slise_us", "slice_us"),
            ("slice-us", "slice_us"),
            ("hysteresis", "hysteresis_us"),
            ("satturate_enter", "saturate_enter"),
            ("Kappa", "kappa"),
        ] {
            assert_eq!(
                find(wrong).unwrap_err(),
                format!("unknown key '{wrong}', did you mean '{right}'?")
            );
        }
        for strange in ["", "x", "pin", "watchdog_ms"] {
            assert_eq!(
                find(strange).unwrap_err(),
                format!("unknown key '{strange}': `scx_hallows config` prints all of them")
            );
        }
    }

    #[test]
    fn each_key_takes_its_bounds_and_nothing_beyond() {
        for key in KEYS {
            let (low, high) = match &key.kind {
                Kind::Float { low, high, .. } => (*low, *high),
                Kind::Count { low, high, .. } => (f64::from(*low), f64::from(*high)),
                Kind::Time { low, high, .. } => (*low as f64, *high as f64),
                Kind::Times { len, high, .. } => {
                    let list = |number: u64| vec![number.to_string(); *len].join(",");
                    for text in [list(0), list(*high), AUTO.to_owned()] {
                        let params = set(key, &text).unwrap();
                        assert_eq!(key.get(&params).to_string(), text, "{}", key.name);
                    }
                    assert!(set(key, &list(high + 1)).is_err(), "{}", key.name);
                    continue;
                }
                Kind::Choice { words, .. } => {
                    for word in *words {
                        let params = set(key, word).unwrap();
                        assert_eq!(key.get(&params).to_string(), *word, "{}", key.name);
                    }
                    assert!(set(key, "").is_err(), "{}", key.name);
                    continue;
                }
            };
            for text in [low, high].map(|bound| bound.to_string()) {
                let params = set(key, &text).unwrap();
                assert_eq!(key.get(&params).to_string(), text, "{}", key.name);
            }
            for text in [low - 1.0, high + 1.0, f64::NAN].map(|beyond| beyond.to_string()) {
                let error = set(key, &text).unwrap_err();
                assert_eq!(error, format!("must be {}", key.allowed()));
            }
        }
    }

    #[test]
    fn a_list_has_its_length_and_its_order() {
        let key = find("price_us").unwrap();
        for text in ["1,2,3,4", "[1, 2, 3, 4]", " [ 1,2,3,4 ] "] {
            let params = set(key, text).unwrap();
            assert_eq!(params.prices_ns, Some([1000, 2000, 3000, 4000]), "{text}");
            assert_eq!(key.get(&params), Value::List(vec![1, 2, 3, 4]));
        }
        for text in [
            "",
            "[]",
            "1,2,3",
            "1,2,3,4,5",
            "[1,2,3,4",
            "1,2,4,3",
            "1.0,2,3,4",
            "x",
        ] {
            let error = set(key, text).unwrap_err();
            assert_eq!(error, format!("must be {}", key.allowed()), "{text}");
        }
        for text in ["auto", "\"auto\""] {
            assert_eq!(set(key, text).unwrap().prices_ns, None);
        }
    }

    #[test]
    fn a_word_is_one_of_its_own() {
        let key = find("price").unwrap();
        for text in ["static", "\"static\""] {
            assert!(!set(key, text).unwrap().price_learn);
        }
        assert_eq!(set(key, "free").unwrap_err(), "must be learn or static");
    }

    #[test]
    fn a_value_of_another_type_changes_nothing() {
        let mut params = Params::default();
        for key in KEYS {
            let wrong = match key.default() {
                Value::Word(_) => Value::Float(1.0),
                _ => Value::Word("1".into()),
            };
            assert!(key.set(&mut params, &wrong).is_err(), "{}", key.name);
        }
        assert_eq!(params, Params::default());
    }
}
