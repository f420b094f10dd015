// SPDX-License-Identifier: GPL-2.0-only
//! What was executed, by function, from the counts of `tools/vm/vtime/profile.c`.

use std::collections::BTreeMap;

use anyhow::{Context, Result};

use super::symbols::Symbols;

/// What a function did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Function {
    /// As its source calls it.
    pub name: String,
    /// Whether it is a BPF program's.
    pub is_bpf: bool,
    /// How often it was entered at its start.
    pub calls: u64,
    /// Of itself, without those it called.
    pub instructions: u64,
}

/// The functions that ran, by their addresses. A part of a function that lies
/// elsewhere is one of its own.
///
/// # Errors
/// When a line isn't `ADDRESS INSTRUCTIONS COUNT`.
pub fn functions(blocks: &str, symbols: &Symbols) -> Result<BTreeMap<u64, Function>> {
    let mut functions = BTreeMap::new();
    for line in blocks.lines() {
        let (address, instructions, count) =
            parse_line(line).with_context(|| format!("{line:?} is no block"))?;
        // Before the first symbol there is no code that belongs to anyone.
        let Some(symbol) = symbols.at(address) else {
            continue;
        };
        let function = functions.entry(symbol.address).or_insert_with(|| Function {
            name: symbol.name.clone(),
            is_bpf: symbol.is_bpf,
            ..Function::default()
        });
        function.instructions += instructions * count;
        if address == symbol.address && !symbol.is_cold {
            function.calls += count;
        }
    }
    Ok(functions)
}

fn parse_line(line: &str) -> Option<(u64, u64, u64)> {
    let mut words = line.split_ascii_whitespace();
    let address = u64::from_str_radix(words.next()?, 16).ok()?;
    let instructions = words.next()?.parse().ok()?;
    Some((address, instructions, words.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::super::symbols::Symbols;
    use super::functions;

    #[test]
    fn blocks_add_up_to_functions() {
        let symbols = Symbols::parse("100 T f\n200 T g\n300 t f.cold\n").unwrap();
        // The first block of f was translated twice, and g never entered at its start.
        let blocks = "100 4 10\n110 2 3\n100 4 1\n208 5 7\n300 1 2\n50 9 9\n";
        let found = functions(blocks, &symbols).unwrap();
        let found: Vec<_> = found
            .values()
            .map(|it| (it.name.as_str(), it.calls, it.instructions))
            .collect();
        assert_eq!(found, [("f", 11, 50), ("g", 0, 35), ("f", 0, 2)]);
    }

    #[test]
    fn nonsense_is_refused() {
        let symbols = Symbols::parse("100 T f\n200 T g\n").unwrap();
        for wrong in ["", "x 1 1", "100 1", "100 1 x"] {
            assert!(functions(&format!("{wrong}\n"), &symbols).is_err());
        }
    }
}
