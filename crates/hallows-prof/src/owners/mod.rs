// SPDX-License-Identifier: GPL-2.0-only
//! Who writes which cache line of a BPF program's memory.
//!
//! A variable, a struct or a field of it bears the tag `owner:NAME`
//! (`__attribute__((btf_decl_tag("owner:NAME")))`), which clang leaves in the object's
//! BTF; a field goes by its own tag, then by its struct's, then by the variable's. A line
//! with two owners goes to and fro between their CPUs whenever one of them writes, so
//! there must be none ([`Registry::shared`]); what has no tag is in
//! [`Registry::unowned`], and shares with anybody. What counts is the place that the
//! kernel gives it, not the one that the compiler thinks of:
//!
//! * `.data` and `.bss` are maps that user space can map, and begin at a line;
//! * the values of task and cgroup storage begin 8 bytes into a line
//!   (`struct bpf_local_storage_elem`);
//! * those of a hash begin anywhere, and those of an array at 56 bytes; the elements of
//!   either lie behind one another, so only one owner of all of it is safe.
//!
//! The owner [`EACH_CPU`] is a different one for each element of an array.

mod btf;
pub mod writers;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Display};

use anyhow::Result;

/// Bytes of a cache line.
pub const LINE: usize = 64;

/// Of an array, each element is written by the CPU of its number alone.
pub const EACH_CPU: &str = "each-cpu";

/// A part of an element that has one owner: a field, or all of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The field's name; empty for all of it.
    pub name: String,
    /// Bytes from the element's start.
    pub start: usize,
    /// Bytes.
    pub size: usize,
    /// Who writes it, if a tag says so.
    pub owner: Option<String>,
}

/// Where memory begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// So many bytes into a section, which begins at a line. Others are beside it.
    Section(usize),
    /// So many bytes into a line of its own.
    Line(usize),
    /// Nobody knows.
    Anywhere,
}

/// A variable, or a value of a map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its name.
    pub name: String,
    /// The struct that an element is; empty if it is none.
    pub kind: String,
    /// The section that it is in, or the kind of map.
    pub section: String,
    /// Where it begins.
    pub start: Start,
    /// Bytes from an element to the next.
    pub stride: usize,
    /// Elements: 1 for what is no array.
    pub count: usize,
    /// What an element is made of, in order.
    pub parts: Vec<Part>,
}

/// All that a program writes or has written for it.
#[derive(Debug, Default)]
pub struct Registry {
    /// By section and address.
    pub places: Vec<Place>,
}

impl Registry {
    /// Reads an object file's BTF.
    ///
    /// # Errors
    /// When it is no object of a BPF program with BTF.
    pub fn read(object: &[u8]) -> Result<Self> {
        btf::read(object)
    }

    /// Variables, or fields of them, that no tag names an owner of.
    #[must_use]
    pub fn unowned(&self) -> Vec<String> {
        let unowned = |place: &Place| {
            let parts = place.parts.iter().filter(|part| part.owner.is_none());
            parts.map(|part| place.path(part)).collect::<Vec<_>>()
        };
        self.places.iter().flat_map(unowned).collect()
    }

    /// What shares a line with another owner's: a line each, in order.
    #[must_use]
    pub fn shared(&self) -> Vec<String> {
        let mut found = Vec::new();
        let mut claims: Vec<Claim> = self.places.iter().flat_map(Place::claims).collect();
        claims.sort();
        for pair in claims.windows(2) {
            let [one, other] = pair else { continue };
            if one.room == other.room && one.line == other.line && one.owner != other.owner {
                found.push(format!(
                    "{} of {} and {} of {} share a line",
                    one.path, one.owner, other.path, other.owner
                ));
            }
        }
        found.dedup();
        found
    }
}

/// A part's claim to a line.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Claim {
    /// A section, or a map.
    room: String,
    line: usize,
    owner: String,
    path: String,
}

impl Place {
    fn path(&self, part: &Part) -> String {
        match part.name.as_str() {
            "" => self.name.clone(),
            field => format!("{}.{field}", self.name),
        }
    }

    /// Where its first element begins in its room.
    fn base(&self) -> usize {
        match self.start {
            Start::Section(base) | Start::Line(base) => base,
            Start::Anywhere => 0,
        }
    }

    /// The lines that its elements claim. Those of an array whose elements fill lines are
    /// all like the first, so one stands for all.
    fn claims(&self) -> Vec<Claim> {
        let room = match self.start {
            Start::Section(_) => self.section.clone(),
            _ => self.name.clone(),
        };
        let base = self.base();
        let fills = base.is_multiple_of(LINE) && self.stride.is_multiple_of(LINE);
        let mut claims = Vec::new();
        let elements = match self.start {
            // A map has more than one, and two of them may meet on a line.
            Start::Anywhere => 2,
            _ if fills => 1,
            _ => self.count,
        };
        for element in 0..elements {
            for part in &self.parts {
                let Some(owner) = &part.owner else { continue };
                let owner = match owner.as_str() {
                    EACH_CPU if elements > 1 => format!("{EACH_CPU} {element}"),
                    owner => owner.to_owned(),
                };
                let start = base + element * self.stride + part.start;
                let lines = match self.start {
                    // Any two of its parts may be on one.
                    Start::Anywhere => 0..=0,
                    _ => start / LINE..=(start + part.size.max(1) - 1) / LINE,
                };
                claims.extend(lines.map(|line| Claim {
                    room: room.clone(),
                    line,
                    owner: owner.clone(),
                    path: self.path(part),
                }));
            }
        }
        claims
    }

    /// The parts of its first element by line, counted from the one where that begins.
    fn lines(&self) -> BTreeMap<usize, Vec<&Part>> {
        let mut lines: BTreeMap<usize, Vec<&Part>> = BTreeMap::new();
        for part in &self.parts {
            let line = (self.base() % LINE + part.start) / LINE;
            lines.entry(line).or_default().push(part);
        }
        lines
    }
}

impl Display for Registry {
    /// A line for each line of each variable's first element: its owner and its fields.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for place in &self.places {
            let array = match place.count {
                1 => String::new(),
                count => format!("[{count}]"),
            };
            let head = format!("{} {}{array}", place.section, place.name);
            for (line, parts) in place.lines() {
                let owners: BTreeSet<&str> = parts
                    .iter()
                    .map(|part| part.owner.as_deref().unwrap_or("-"))
                    .collect();
                let owners: Vec<&str> = owners.into_iter().collect();
                let names: Vec<&str> = parts.iter().map(|part| part.name.as_str()).collect();
                let text = format!(
                    "{head:<28} {line:>2} {:<10} {}",
                    owners.join(","),
                    names.join(" ")
                );
                writeln!(f, "{}", text.trim_end())?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Part, Place, Registry, Start};

    fn part(name: &str, start: usize, size: usize, owner: &str) -> Part {
        Part {
            name: name.into(),
            start,
            size,
            owner: (!owner.is_empty()).then(|| owner.into()),
        }
    }

    fn place(name: &str, base: usize, stride: usize, count: usize, parts: Vec<Part>) -> Place {
        Place {
            name: name.into(),
            kind: String::new(),
            section: ".bss".into(),
            start: Start::Section(base),
            stride,
            count,
            parts,
        }
    }

    fn shared(places: Vec<Place>) -> Vec<String> {
        Registry { places }.shared()
    }

    #[test]
    fn two_owners_need_two_lines() {
        let of = |start| vec![part("a", 0, 8, "agent"), part("b", start, 8, "task")];
        assert_eq!(
            shared(vec![place("x", 0, 128, 4, of(8))]),
            ["x.a of agent and x.b of task share a line"]
        );
        assert!(shared(vec![place("x", 0, 128, 4, of(64))]).is_empty());
        // The same struct, by where it begins.
        let value = |base| Place {
            start: Start::Line(base),
            ..place("x", 0, 72, 1, of(56))
        };
        assert!(shared(vec![value(8)]).is_empty());
        assert_eq!(shared(vec![value(0)]).len(), 1);
        // What is alone on its lines has no neighbours.
        let neighbour = |owner| Place {
            name: "y".into(),
            ..Place {
                parts: vec![part("c", 0, 8, owner)],
                ..value(8)
            }
        };
        assert!(shared(vec![value(8), neighbour("task")]).is_empty());
    }

    #[test]
    fn neighbours_count() {
        let one = place("x", 0, 4, 1, vec![part("", 0, 4, "agent")]);
        let other = |base| place("y", base, 4, 1, vec![part("", 0, 4, "task")]);
        assert_eq!(
            shared(vec![one.clone(), other(60)]),
            ["x of agent and y of task share a line"]
        );
        assert!(shared(vec![one.clone(), other(64)]).is_empty());
        let elsewhere = Place {
            section: ".data".into(),
            ..other(60)
        };
        assert!(shared(vec![one, elsewhere]).is_empty());
    }

    #[test]
    fn elements_of_each_cpu_fill_lines() {
        let of = |stride| {
            let parts = vec![part("a", 0, stride, super::EACH_CPU)];
            shared(vec![place("x", 0, stride, 3, parts)]).len()
        };
        assert_eq!(of(8), 2, "three elements, two pairs");
        assert_eq!(of(64), 0);
        assert_eq!(of(96), 1, "the first ends where the second begins");
    }

    #[test]
    fn what_has_no_owner_is_named() {
        let parts = vec![part("a", 0, 8, ""), part("b", 8, 8, "agent")];
        let places = vec![place("x", 0, 64, 1, parts)];
        let registry = Registry { places };
        assert_eq!(registry.unowned(), ["x.a"]);
        assert!(registry.shared().is_empty());
    }

    #[test]
    fn values_that_lie_anywhere_have_one_owner() {
        let of = |owner: &str| Place {
            start: Start::Anywhere,
            ..place(
                "map",
                0,
                256,
                1,
                vec![part("a", 0, 8, "agent"), part("b", 128, 8, owner)],
            )
        };
        assert!(shared(vec![of("agent")]).is_empty());
        assert_eq!(shared(vec![of("task")]).len(), 1);
        let mut each = of("agent");
        each.parts = vec![part("a", 0, 64, super::EACH_CPU)];
        assert_eq!(shared(vec![each]).len(), 1, "aligned or not");
    }

    #[test]
    fn the_registry_has_a_line_for_each_line() {
        let parts = vec![
            part("a", 0, 8, "agent"),
            part("b", 8, 8, "agent"),
            part("c", 64, 8, "task"),
        ];
        let places = vec![place("x", 0, 128, 2, parts)];
        let text = Registry { places }.to_string();
        let words: Vec<Vec<&str>> = text
            .lines()
            .map(|line| line.split_whitespace().collect())
            .collect();
        assert_eq!(
            words,
            [
                vec![".bss", "x[2]", "0", "agent", "a", "b"],
                vec![".bss", "x[2]", "1", "task", "c"]
            ]
        );
    }
}
