// SPDX-License-Identifier: GPL-2.0-only
//! LLVM's text format of profiles, of instrumented intermediate code, without
//! profiles of values: what `llvm-profdata merge -text` writes and reads.

use std::collections::BTreeMap;
use std::fmt::{self, Display};

use anyhow::{Context, Result, bail, ensure};

/// How often the edges of functions ran.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profile {
    /// In any order; one that was compiled in two ways is there twice.
    pub functions: Vec<Function>,
}

/// A function's counters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    /// Static functions as `file;function`.
    pub name: String,
    /// Of its control flow: counters of different hashes do not mean the same.
    pub hash: u64,
    /// Of edges, in an order that clang knows.
    pub counts: Vec<u64>,
}

impl Profile {
    /// Reads a profile.
    ///
    /// # Errors
    /// Text that is no such profile, with the function that is wrong.
    pub fn parse(text: &str) -> Result<Self> {
        let meaning = |line: &&str| !line.trim().is_empty() && !line.starts_with('#');
        let mut lines = text.lines().filter(meaning).peekable();
        let mut ir = false;
        while let Some(flag) = lines.next_if(|line| line.starts_with(':')) {
            match flag.trim() {
                ":ir" => ir = true,
                other => bail!("a profile of another kind: {other}"),
            }
        }
        // One of clang's source regions has the same form, and other counters.
        ensure!(ir, "no profile of instrumented code: ':ir' is missing");
        let mut profile = Self::default();
        while let Some(name) = lines.next() {
            let function = function(name, &mut lines);
            profile
                .functions
                .push(function.with_context(|| format!("the profile of {name}"))?);
        }
        Ok(profile)
    }

    /// The sum of all counters.
    pub fn total(&self) -> u128 {
        let counts = self.functions.iter().flat_map(|function| &function.counts);
        counts.map(|&count| u128::from(count)).sum()
    }

    /// Each counter so many times `to / from`. What ran stays above zero: a branch
    /// that is rare is not one that is never taken.
    ///
    /// # Panics
    /// When `from` is 0.
    #[must_use]
    pub fn scaled(mut self, to: u128, from: u128) -> Self {
        for count in self
            .functions
            .iter_mut()
            .flat_map(|function| &mut function.counts)
        {
            let scaled = (u128::from(*count) * to / from).max(u128::from(*count > 0));
            *count = u64::try_from(scaled).unwrap_or(u64::MAX);
        }
        self
    }
}

fn function<'a>(name: &str, lines: &mut impl Iterator<Item = &'a str>) -> Result<Function> {
    let mut number = |what: &str| -> Result<u64> {
        let line = lines
            .next()
            .with_context(|| format!("ends before {what}"))?;
        line.trim()
            .parse()
            .with_context(|| format!("'{line}' is no number for {what}"))
    };
    let hash = number("the hash")?;
    let count = number("how many counters there are")?;
    let counts = (0..count)
        .map(|_| number("a counter"))
        .collect::<Result<_>>()?;
    Ok(Function {
        name: name.to_owned(),
        hash,
        counts,
    })
}

/// Sums profiles up, of the same or of different code. With `even`, each counts
/// as much as the others however long it was taken.
///
/// # Errors
/// When two profiles have different counters for a function of one hash.
pub fn merge(profiles: Vec<Profile>, even: bool) -> Result<Profile> {
    let most = profiles.iter().map(Profile::total).max().unwrap_or(0);
    let mut sums: BTreeMap<(String, u64), Vec<u64>> = BTreeMap::new();
    for profile in profiles {
        let total = profile.total();
        let profile = if even && total > 0 {
            profile.scaled(most, total)
        } else {
            profile
        };
        for Function { name, hash, counts } in profile.functions {
            let sum = sums
                .entry((name.clone(), hash))
                .or_insert_with(|| vec![0; counts.len()]);
            ensure!(
                sum.len() == counts.len(),
                "{name} has {} counters and {}",
                sum.len(),
                counts.len()
            );
            for (sum, count) in sum.iter_mut().zip(counts) {
                *sum = sum.saturating_add(count);
            }
        }
    }
    let functions = sums
        .into_iter()
        .map(|((name, hash), counts)| Function { name, hash, counts });
    Ok(Profile {
        functions: functions.collect(),
    })
}

impl Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, ":ir")?;
        for Function { name, hash, counts } in &self.functions {
            writeln!(
                f,
                "{name}\n# Func Hash:\n{hash}\n# Num Counters:\n{}",
                counts.len()
            )?;
            writeln!(f, "# Counter Values:")?;
            for count in counts {
                writeln!(f, "{count}")?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

#[cfg(test)]
pub mod tests {
    use proptest::prelude::*;

    use super::{Function, Profile, merge};

    /// A profile of functions with these counters.
    pub fn profile(functions: &[(&str, &[u64])]) -> Profile {
        let functions = functions.iter().map(|(name, counts)| Function {
            name: (*name).to_owned(),
            hash: 7,
            counts: counts.to_vec(),
        });
        Profile {
            functions: functions.collect(),
        }
    }

    #[test]
    fn what_llvm_writes_is_read() {
        let text = "# IR level Instrumentation Flag\n:ir\nx.c;f\n# Func Hash:\n784007059655560962\n\
            # Num Counters:\n2\n# Counter Values:\n5\n0\n\n";
        let read = Profile::parse(text).unwrap();
        assert_eq!(read.functions[0].name, "x.c;f");
        assert_eq!(read.functions[0].hash, 784007059655560962);
        assert_eq!(read.functions[0].counts, [5, 0]);
    }

    #[test]
    fn mistakes_are_named() {
        let error = |text: &str| format!("{:#}", Profile::parse(text).unwrap_err());
        assert!(error("f\n7\n1\n5\n").contains("':ir' is missing"));
        assert!(error(":ir\nf\n7\n2\n5\n").contains("profile of f: ends before a counter"));
        assert!(error(":ir\nf\n7\n1\nx\n").contains("'x' is no number"));
        assert!(error(":ir\n:csir\n").contains(":csir"));
    }

    #[test]
    fn counters_of_one_hash_add_up() {
        let both = [
            profile(&[("f", &[1, 2]), ("g", &[3])]),
            profile(&[("f", &[10, u64::MAX])]),
        ];
        let merged = merge(both.to_vec(), false).unwrap();
        assert_eq!(merged, profile(&[("f", &[11, u64::MAX]), ("g", &[3])]));
        assert!(
            merge(
                vec![profile(&[("f", &[1])]), profile(&[("f", &[1, 2])])],
                false
            )
            .is_err()
        );
    }

    #[test]
    fn evenly_a_short_profile_counts_as_much_and_nothing_rare_is_lost() {
        let both = vec![profile(&[("f", &[1000, 1])]), profile(&[("f", &[1, 90])])];
        let merged = merge(both, true).unwrap();
        assert_eq!(merged.functions[0].counts, [1011, 991]);
        let down = profile(&[("f", &[1000, 1, 0])]).scaled(1, 1000);
        assert_eq!(down.functions[0].counts, [1, 1, 0]);
    }

    proptest! {
        #[test]
        fn text_and_back(counts in prop::collection::vec(any::<u64>(), 0..9), name in "[a-z;./_]{1,9}") {
            let profile = profile(&[(&name, &counts), ("g", &[1])]);
            prop_assert_eq!(Profile::parse(&profile.to_string()).unwrap(), profile);
        }
    }
}
