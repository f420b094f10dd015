// SPDX-License-Identifier: GPL-2.0-only
//! What functions wait for: chains of dependent accesses.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

/// What a function waits for at the least.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Chain {
    /// Its name in the object file.
    pub function: String,
    /// How many of its instructions wait for memory.
    pub accesses: usize,
    /// The longest chain of those, each of which needs what the one before it brought.
    pub steps: Vec<Step>,
}

/// An access.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Step {
    /// `load`, `atomic`, or `call` and whom.
    pub what: String,
    /// Where the source has it, as `file:line`; empty where it doesn't say.
    pub at: String,
}

/// Functions by the length of their chains, and each chain.
pub(crate) fn table(mut rows: Vec<&Chain>) -> String {
    rows.sort_by(|a, b| (b.steps.len(), &a.function).cmp(&(a.steps.len(), &b.function)));
    let mut text = format!("{:>8} {:>6}  function\n", "accesses", "chain");
    // Writing to a string cannot fail.
    for chain in rows {
        let Chain {
            function,
            accesses,
            steps,
        } = chain;
        let _ = writeln!(text, "{accesses:>8} {:>6}  {function}", steps.len());
        for Step { what, at } in steps {
            let _ = writeln!(text, "{:>17} {what} {at}", "");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{Chain, Step, table};

    #[test]
    fn the_longest_chain_comes_first() {
        let chain = |function: &str, length: usize| {
            let step = |number| Step {
                what: "load".into(),
                at: format!("x.bpf.c:{number}"),
            };
            Chain {
                function: function.into(),
                accesses: 7,
                steps: (0..length).map(step).collect(),
            }
        };
        let (short, long, none) = (chain("short", 1), chain("long", 2), chain("none", 0));
        let text = table(vec![&short, &long, &none]);
        let words = |line: &str| line.split_whitespace().map(str::to_owned).collect();
        let lines: Vec<Vec<String>> = text.lines().map(words).collect();
        assert_eq!(lines[1], ["7", "2", "long"]);
        assert_eq!(lines[3], ["load", "x.bpf.c:1"]);
        assert_eq!(lines[6], ["7", "0", "none"]);
    }
}
