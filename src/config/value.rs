// SPDX-License-Identifier: GPL-2.0-only
//! The value of a tunable as users read and write it.

use std::fmt;

/// A value in the unit that its key's name ends with.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A share, a factor, a mean.
    Float(f64),
    /// A count or a time.
    Integer(u64),
    /// Several times.
    List(Vec<u64>),
    /// One of a few words.
    Word(String),
}

impl Value {
    /// The value as TOML has it; JSON has it the same way.
    pub fn to_toml(&self) -> String {
        match self {
            // Unlike Display's, Debug's 1.0 is no integer.
            Value::Float(value) => format!("{value:?}"),
            Value::Integer(value) => value.to_string(),
            Value::List(values) => format!("{values:?}"),
            Value::Word(word) => format!("\"{word}\""),
        }
    }
}

impl fmt::Display for Value {
    /// Writes the value as a flag takes it: `0.75`, `3000`, `2,20`, `auto`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Float(value) => value.fmt(f),
            Value::Integer(value) => value.fmt(f),
            Value::List(values) => {
                let texts: Vec<String> = values.iter().map(u64::to_string).collect();
                f.write_str(&texts.join(","))
            }
            Value::Word(word) => f.write_str(word),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_and_toml_have_their_spellings() {
        for (value, flag, toml) in [
            (Value::Float(0.75), "0.75", "0.75"),
            (Value::Float(1.0), "1", "1.0"),
            (Value::Integer(3000), "3000", "3000"),
            (Value::List(vec![2, 20]), "2,20", "[2, 20]"),
            (Value::Word("learn".into()), "learn", "\"learn\""),
        ] {
            assert_eq!(value.to_string(), flag);
            assert_eq!(value.to_toml(), toml);
        }
    }
}
