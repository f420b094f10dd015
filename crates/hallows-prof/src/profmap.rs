// SPDX-License-Identifier: GPL-2.0-only
//! What the counters of an instrumented build count: text, a line a function.
//!
//! ```text
//! # hallows profmap 1
//! 784007059655560962 0 2 hallows_enqueue
//! 112233 2 5 src/bpf/main.bpf.c;pick
//! ```
//!
//! The fields are the hash of the function's control flow, the index of its
//! first counter, how many it has, and its name as profiles know it.

use std::fmt::{self, Display};

use anyhow::{Context, Result, bail, ensure};

use crate::profile::{Function, Profile};

/// The section that the plugin puts counters into, and so the name of their map.
pub const SECTION: &str = ".data.prfc";

const HEAD: &str = "# hallows profmap 1";

/// The counters of all functions of an object file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profmap {
    /// By their first counter, which is where the one before ends.
    pub entries: Vec<Entry>,
}

/// The counters of a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// As profiles name it: static functions as `file;function`.
    pub name: String,
    /// Of its control flow, by which a profile of older code is told apart.
    pub hash: u64,
    /// The index of its first counter.
    pub first: usize,
    /// How many counters it has.
    pub count: usize,
}

impl Profmap {
    /// Reads one.
    ///
    /// # Errors
    /// Text that is no profmap, with the number of the line that is wrong.
    pub fn parse(text: &str) -> Result<Self> {
        ensure!(
            text.lines().next() == Some(HEAD),
            "no profmap: it does not begin with '{HEAD}'"
        );
        let mut map = Self::default();
        for (number, line) in text.lines().enumerate().skip(1) {
            let entry =
                entry(line).with_context(|| format!("line {} of the profmap", number + 1))?;
            if entry.first != map.counters() {
                bail!(
                    "line {} of the profmap: counters are missing before it",
                    number + 1
                );
            }
            map.entries.push(entry);
        }
        Ok(map)
    }

    /// How many counters there are.
    pub fn counters(&self) -> usize {
        self.entries
            .last()
            .map_or(0, |last| last.first + last.count)
    }

    /// A profile of these counters, as the kernel's map holds them: unsigned, of
    /// 64 bits, in the machine's order of bytes.
    ///
    /// # Errors
    /// When there are fewer than the functions have: it is another build's map.
    pub fn profile(&self, counters: &[u8]) -> Result<Profile> {
        let has = counters.len() / 8;
        ensure!(
            has >= self.counters(),
            "the map has {has} counters, the profmap {}: they are of different builds",
            self.counters()
        );
        let words = counters
            .as_chunks()
            .0
            .iter()
            .copied()
            .map(u64::from_ne_bytes);
        let words: Vec<u64> = words.collect();
        let functions = self.entries.iter().map(|entry| Function {
            name: entry.name.clone(),
            hash: entry.hash,
            counts: words[entry.first..entry.first + entry.count].to_vec(),
        });
        Ok(Profile {
            functions: functions.collect(),
        })
    }
}

fn entry(line: &str) -> Result<Entry> {
    let mut fields = line.splitn(4, ' ');
    let mut next = |what: &str| fields.next().with_context(|| format!("{what} is missing"));
    Ok(Entry {
        hash: next("the hash")?.parse().context("the hash is no number")?,
        first: next("the first counter")?
            .parse()
            .context("the first counter is no number")?,
        count: next("the count")?
            .parse()
            .context("the count is no number")?,
        name: next("the name")?.to_owned(),
    })
}

impl Display for Profmap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEAD}")?;
        for Entry {
            name,
            hash,
            first,
            count,
        } in &self.entries
        {
            writeln!(f, "{hash} {first} {count} {name}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Entry, Profmap};

    fn map() -> Profmap {
        let entry = |name: &str, first, count| Entry {
            name: name.into(),
            hash: 7,
            first,
            count,
        };
        Profmap {
            entries: vec![entry("f", 0, 2), entry("a b.c;g", 2, 1)],
        }
    }

    #[test]
    fn text_and_back() {
        assert_eq!(Profmap::parse(&map().to_string()).unwrap(), map());
    }

    #[test]
    fn counters_go_to_their_functions() {
        let bytes: Vec<u8> = [10u64, 1 << 40, 12, 0]
            .iter()
            .flat_map(|c| c.to_ne_bytes())
            .collect();
        let profile = map().profile(&bytes).unwrap();
        assert_eq!(profile.functions[0].counts, [10, 1 << 40]);
        assert_eq!(profile.functions[1].counts, [12]);
        let error = map().profile(&bytes[..16]).unwrap_err().to_string();
        assert!(error.contains("different builds"), "{error}");
    }

    #[test]
    fn mistakes_are_named() {
        let error = |text: &str| format!("{:#}", Profmap::parse(text).unwrap_err());
        assert!(error("x\n").contains("no profmap"));
        assert!(error("# hallows profmap 1\n7 0\n").contains("line 2"));
        assert!(error("# hallows profmap 1\n7 0 2 f\n7 3 1 g\n").contains("line 3"));
    }
}
