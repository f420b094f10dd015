// SPDX-License-Identifier: GPL-2.0-only
//! The kernel's functions by their addresses, from `/proc/kallsyms`.

use anyhow::{Context, Result, ensure};

/// A function of the kernel or of a BPF program, or the part of one that compilers
/// put elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Symbol {
    /// Where it begins.
    pub address: u64,
    /// As its source calls it.
    pub name: String,
    /// Whether it is a BPF program's.
    pub is_bpf: bool,
    /// Whether it is a function's rarely executed part.
    pub is_cold: bool,
}

/// All of them.
#[derive(Debug)]
pub struct Symbols(Vec<Symbol>);

impl Symbols {
    /// From lines `ADDRESS TYPE NAME [MODULE]`. Of several names of one address the
    /// first one holds, which is the one that the kernel itself prefers.
    ///
    /// # Errors
    /// When a line is none, or there are no addresses.
    pub fn parse(text: &str) -> Result<Self> {
        let symbols = text.lines().map(|line| {
            let parsed = parse_line(line);
            parsed.with_context(|| format!("{line:?} is no symbol"))
        });
        let mut symbols: Vec<Symbol> = symbols.collect::<Result<_>>()?;
        symbols.sort_by_key(|it| it.address);
        symbols.dedup_by_key(|it| it.address);
        ensure!(symbols.len() > 1, "the kernel hides its addresses");
        Ok(Self(symbols))
    }

    /// The function that an address lies in.
    pub fn at(&self, address: u64) -> Option<&Symbol> {
        let next = self.0.partition_point(|it| it.address <= address);
        self.0.get(next.checked_sub(1)?)
    }
}

fn parse_line(line: &str) -> Option<Symbol> {
    let mut words = line.split_ascii_whitespace();
    let address = u64::from_str_radix(words.next()?, 16).ok()?;
    let full = words.nth(1)?;
    let bpf = bpf_name(full);
    // gcc's copies and parts of a function are called NAME.constprop.0 and the like.
    let (name, suffix) = match full.split_once('.') {
        Some((name, suffix)) if !name.is_empty() => (name, suffix),
        _ => (full, ""),
    };
    Some(Symbol {
        address,
        name: bpf.unwrap_or(name).to_owned(),
        is_bpf: bpf.is_some(),
        is_cold: suffix.split('.').any(|part| part == "cold"),
    })
}

/// A BPF function's own name: the kernel's is `bpf_prog_TAG_NAME`.
fn bpf_name(symbol: &str) -> Option<&str> {
    let (tag, name) = symbol.strip_prefix("bpf_prog_")?.split_once('_')?;
    let is_tag = tag.len() == 16 && tag.chars().all(|c| c.is_ascii_hexdigit());
    is_tag.then_some(name)
}

#[cfg(test)]
mod tests {
    use super::Symbols;

    #[test]
    fn an_address_lies_in_the_last_function_that_begins_before_it() {
        let text = "ffffffff81000100 T b\nffffffff81000000 T a\nffffffff81000000 t alias\n";
        let symbols = Symbols::parse(text).unwrap();
        let at = |address| symbols.at(address).map(|it| it.name.as_str());
        assert_eq!(at(0xffff_ffff_80ff_ffff), None);
        assert_eq!(at(0xffff_ffff_8100_0000), Some("a"));
        assert_eq!(at(0xffff_ffff_8100_00ff), Some("a"));
        assert_eq!(at(0xffff_ffff_8100_0100), Some("b"));
    }

    #[test]
    fn names_are_those_of_the_source() {
        let text = "1 t f.isra.0\n2 t f.part.0.cold\n3 t bpf_prog_0123456789abcdef_x_enqueue\t[bpf]\n\
                    4 t bpf_prog_put\n5 t .hidden\n";
        let symbols = Symbols::parse(text).unwrap();
        let found = |address| {
            let it = symbols.at(address).unwrap();
            (it.name.as_str(), it.is_bpf, it.is_cold)
        };
        assert_eq!(found(1), ("f", false, false));
        assert_eq!(found(2), ("f", false, true));
        assert_eq!(found(3), ("x_enqueue", true, false));
        assert_eq!(found(4), ("bpf_prog_put", false, false));
        assert_eq!(found(5), (".hidden", false, false));
    }

    #[test]
    fn hidden_addresses_are_told_of() {
        assert!(Symbols::parse("0 T a\n0 T b\n").is_err());
        assert!(Symbols::parse("x T a\n").is_err());
        assert!(Symbols::parse("1 T\n").is_err());
    }
}
