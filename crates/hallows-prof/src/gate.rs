// SPDX-License-Identifier: GPL-2.0-only
//! What the verifier walks in two builds. The order of blocks decides which path
//! it walks first, and so which others it may skip: a build that runs faster can
//! take it much further, up to its refusal.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};

/// How much further than in the plain build the verifier may walk, times.
pub const FACTOR: f64 = 1.25;
/// So few instructions are a small program's, which may grow up to them: factors say
/// little of it, and the verifier is done with it at once.
pub const SMALL: f64 = 10_000.0;
/// Instructions that no program may take it; the kernel refuses at a million.
pub const MOST: u64 = 200_000;

/// Instructions that the verifier walked, by program.
pub type Walked = BTreeMap<String, u64>;

/// A program that the gate does not let through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Its name.
    pub program: String,
    /// Instructions in the plain build; absent where that has no such program.
    pub plain: Option<u64>,
    /// Instructions in the other.
    pub other: u64,
}

/// Reads lines of a program's name and a number.
///
/// # Errors
/// A line that is something else, or no line at all.
pub fn parse(text: &str) -> Result<Walked> {
    let mut walked = Walked::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let read = line
            .split_once(char::is_whitespace)
            .and_then(|(name, number)| Some((name.to_owned(), number.trim().parse().ok()?)));
        walked.extend([read.with_context(|| format!("'{line}' is no name and number"))?]);
    }
    ensure!(!walked.is_empty(), "no programs");
    Ok(walked)
}

/// The programs that take the verifier too far.
///
/// # Errors
/// A program of the plain build that the other lacks: it was not loaded.
pub fn refused(plain: &Walked, other: &Walked) -> Result<Vec<Refused>> {
    for program in plain.keys() {
        ensure!(other.contains_key(program), "{program} was not loaded");
    }
    let too_far = |&(program, &walked): &(&String, &u64)| {
        let limit = plain
            .get(program)
            .map_or(0.0, |&plain| (FACTOR * plain as f64).max(SMALL));
        walked as f64 > limit || walked >= MOST
    };
    let refused = other
        .iter()
        .filter(too_far)
        .map(|(program, &other)| Refused {
            program: program.clone(),
            plain: plain.get(program).copied(),
            other,
        });
    Ok(refused.collect())
}

/// A line for each program: its name, how far the verifier walked in the plain
/// build, and in the other.
pub fn table(plain: &Walked, other: &Walked) -> String {
    let line = |(program, other): (&String, &u64)| {
        let plain = plain.get(program).map_or("-".to_owned(), u64::to_string);
        format!("{program:<26} {plain:>8} {other:>8}\n")
    };
    other.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::{parse, refused};

    #[test]
    fn growth_and_size_are_refused() {
        let plain = parse("small 4\ngrown 20000\nlarge 199999\nfine 20000\n").unwrap();
        let other = parse("small 10000\ngrown 25001\nlarge 200000\nfine 25000\n").unwrap();
        let names: Vec<_> = refused(&plain, &other)
            .unwrap()
            .into_iter()
            .map(|r| r.program)
            .collect();
        assert_eq!(names, ["grown", "large"]);
    }

    #[test]
    fn a_program_that_was_not_loaded_is_an_error() {
        let plain = parse("f 1\ng 2\n").unwrap();
        let error = refused(&plain, &parse("f 1\n").unwrap()).unwrap_err();
        assert_eq!(error.to_string(), "g was not loaded");
    }

    #[test]
    fn a_program_of_its_own_is_refused_for_nobody_knows_better() {
        let other = parse("f 1\ng 2\n").unwrap();
        assert_eq!(refused(&parse("f 1\n").unwrap(), &other).unwrap().len(), 1);
    }

    #[test]
    fn the_table_has_both() {
        let (plain, other) = (parse("f 10\n").unwrap(), parse("f 20\ng 5\n").unwrap());
        let text = super::table(&plain, &other);
        let rows: Vec<Vec<_>> = text
            .lines()
            .map(|line| line.split_whitespace().collect())
            .collect();
        assert_eq!(rows, [["f", "10", "20"], ["g", "-", "5"]]);
    }

    #[test]
    fn other_text_is_refused() {
        assert!(parse("f x\n").is_err() && parse("f\n").is_err() && parse("\n").is_err());
    }
}
