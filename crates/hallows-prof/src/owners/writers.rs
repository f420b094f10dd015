// SPDX-License-Identifier: GPL-2.0-only
//! Owners by their tags, beside those who write by the code.

use std::collections::BTreeSet;

use super::Registry;
use crate::written::{UNKNOWN, Written};

/// What user space alone writes.
const AGENT: &str = "agent";

/// A field that has an owner, and who writes it.
struct Row<'a> {
    path: String,
    owner: &'a str,
    programs: BTreeSet<&'a str>,
    atomic: bool,
}

/// All fields that have an owner and are written. Writes go by the struct's name, but for
/// those that the compiler reckons from a variable, by that one's.
fn rows<'a>(registry: &'a Registry, written: &'a [Written]) -> Vec<Row<'a>> {
    let mut rows = Vec::new();
    for place in &registry.places {
        for part in &place.parts {
            // Several runs of the compiler may each have a line for it.
            let of_it: Vec<&Written> = written
                .iter()
                .filter(|one| [&place.kind, &place.name].contains(&&one.of))
                .filter(|one| one.offset == part.start as u64)
                .collect();
            if let (Some(owner), false) = (&part.owner, of_it.is_empty()) {
                let programs = of_it.iter().flat_map(|one| &one.programs);
                rows.push(Row {
                    path: place.path(part),
                    owner,
                    programs: programs.map(String::as_str).collect(),
                    atomic: of_it.iter().all(|one| one.atomic),
                });
            }
        }
    }
    rows
}

fn joined(programs: &BTreeSet<&str>) -> String {
    programs.iter().copied().collect::<Vec<_>>().join(" ")
}

/// A line for each field that has an owner and that programs write: the field, its
/// owner, whether all write by atomic steps, the programs. Then those that write by
/// pointers of which no type tells where they lead.
#[must_use]
pub fn table(registry: &Registry, written: &[Written]) -> String {
    let mut text = String::new();
    for row in rows(registry, written) {
        let how = if row.atomic { "atomic" } else { "-" };
        let (path, owner, programs) = (&row.path, row.owner, joined(&row.programs));
        text += &format!("{path:<32} {owner:<10} {how:<6} {programs}\n");
    }
    for unknown in written.iter().filter(|one| one.of == UNKNOWN) {
        text += &format!("unknown: {}\n", unknown.programs.join(" "));
    }
    text
}

/// Fields of the agent's that programs write, a line each.
#[must_use]
pub fn intruders(registry: &Registry, written: &[Written]) -> Vec<String> {
    rows(registry, written)
        .into_iter()
        .filter(|row| row.owner == AGENT)
        .map(|row| {
            let programs = joined(&row.programs);
            format!("{} is the agent's and is written by {programs}", row.path)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::{Part, Place, Registry, Start};
    use super::{intruders, table};
    use crate::written::{UNKNOWN, Written};

    fn registry() -> Registry {
        let part = |name: &str, start, owner: &str| Part {
            name: name.into(),
            start,
            size: 8,
            owner: Some(owner.into()),
        };
        let place = |name: &str, kind: &str, parts| Place {
            name: name.into(),
            kind: kind.into(),
            section: ".bss".into(),
            start: Start::Section(0),
            stride: 128,
            count: 1,
            parts,
        };
        let signal = vec![part("slice", 0, "agent"), part("seen", 64, "each-cpu")];
        Registry {
            places: vec![
                place("signals", "signal", signal),
                place("epoch", "", vec![part("", 0, "rare")]),
            ],
        }
    }

    fn written(of: &str, offset: u64) -> Written {
        Written {
            of: of.into(),
            offset,
            atomic: of == "epoch",
            programs: vec!["on_wake".into(), "on_tick".into()],
        }
    }

    #[test]
    fn fields_go_by_their_struct_and_variables_by_their_name() {
        let text = table(
            &registry(),
            &[
                written(UNKNOWN, 0),
                written("epoch", 0),
                written("signal", 64),
                written("signals", 64),
            ],
        );
        let words: Vec<Vec<&str>> = text
            .lines()
            .map(|line| line.split_whitespace().collect())
            .collect();
        assert_eq!(
            words[0],
            ["signals.seen", "each-cpu", "-", "on_tick", "on_wake"]
        );
        assert_eq!(words[1], ["epoch", "rare", "atomic", "on_tick", "on_wake"]);
        assert_eq!(words[2], ["unknown:", "on_wake", "on_tick"]);
    }

    #[test]
    fn what_is_the_agents_no_program_writes() {
        assert!(intruders(&registry(), &[written("signal", 64)]).is_empty());
        assert!(intruders(&registry(), &[written("other", 0)]).is_empty());
        assert_eq!(
            intruders(&registry(), &[written("signal", 0)]),
            ["signals.slice is the agent's and is written by on_tick on_wake"]
        );
    }
}
