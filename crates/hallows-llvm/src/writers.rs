// SPDX-License-Identifier: GPL-2.0-only
//! Which programs write which field: what each function writes itself, what it has
//! others write by a pointer, and who comes to call it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use hallows_prof::written::UNKNOWN;

/// Where a pointer leads.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    /// To a field of a struct, or into a variable: its name and bytes from its start.
    Field(String, u64),
    /// To wherever a parameter of this function does, by its number.
    Param(usize),
    /// To memory that no other CPU sees, or the kernel's.
    Elsewhere,
    /// Its type doesn't tell.
    Unknown,
}

/// What a function does to memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Function {
    /// Its name.
    pub name: String,
    /// Whether the kernel calls it.
    pub program: bool,
    /// What it writes, and whether by one atomic step.
    pub writes: Vec<(Target, bool)>,
    /// Whom it calls, and where each argument may lead.
    pub calls: Vec<(String, Vec<Vec<Target>>)>,
}

/// Who writes a field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Writers {
    /// Programs, by themselves or by what they call.
    pub programs: BTreeSet<String>,
    /// Whether one of them writes other than by atomic steps.
    pub plain: bool,
}

/// The writers of each field that is written.
pub fn of(functions: &[Function]) -> BTreeMap<(String, u64), Writers> {
    let through = through(functions);
    let mut fields: BTreeMap<(String, u64), Writers> = BTreeMap::new();
    for (program, reached) in reached(functions) {
        for function in reached {
            for (target, atomic) in writes(function, &through) {
                let field = match target {
                    Target::Field(name, offset) => (name, offset),
                    Target::Unknown => (UNKNOWN.to_owned(), 0),
                    Target::Param(_) | Target::Elsewhere => continue,
                };
                let writers = fields.entry(field).or_default();
                writers.programs.insert(program.to_owned());
                writers.plain |= !atomic;
            }
        }
    }
    fields
}

/// The parameters by which each function writes, and whether atomically.
type Through<'a> = HashMap<&'a str, BTreeSet<(usize, bool)>>;

fn through(functions: &[Function]) -> Through<'_> {
    let mut through = Through::new();
    loop {
        let mut more = false;
        for function in functions {
            for (target, atomic) in writes(function, &through) {
                if let Target::Param(number) = target {
                    let known = through.entry(&function.name).or_default();
                    more |= known.insert((number, atomic));
                }
            }
        }
        if !more {
            return through;
        }
    }
}

/// What a function writes itself, or has others write by pointers that it hands them.
fn writes(function: &Function, through: &Through<'_>) -> Vec<(Target, bool)> {
    let mut writes = function.writes.clone();
    for (callee, arguments) in &function.calls {
        for &(number, atomic) in through.get(callee.as_str()).into_iter().flatten() {
            let targets = arguments.get(number).into_iter().flatten();
            writes.extend(targets.map(|target| (target.clone(), atomic)));
        }
    }
    writes
}

/// Each program with all that it may come to call, itself among it.
fn reached(functions: &[Function]) -> Vec<(&str, Vec<&Function>)> {
    let by_name: HashMap<&str, &Function> = functions
        .iter()
        .map(|function| (function.name.as_str(), function))
        .collect();
    let from = |program| {
        let mut seen = BTreeSet::new();
        let mut reached = Vec::new();
        let mut next = vec![program];
        while let Some(name) = next.pop() {
            if let Some(&function) = by_name.get(name)
                && seen.insert(name)
            {
                reached.push(function);
                next.extend(function.calls.iter().map(|(callee, _)| callee.as_str()));
            }
        }
        reached
    };
    functions
        .iter()
        .filter(|function| function.program)
        .map(|program| (program.name.as_str(), from(program.name.as_str())))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{Function, Target, of};

    fn field(offset: u64) -> Target {
        Target::Field("cell".into(), offset)
    }

    fn function(name: &str, writes: &[(Target, bool)]) -> Function {
        Function {
            name: name.into(),
            program: name.starts_with("on_"),
            writes: writes.to_vec(),
            calls: Vec::new(),
        }
    }

    fn calling(name: &str, callee: &str, arguments: &[Target]) -> Function {
        let arguments = arguments.iter().map(|target| vec![target.clone()]);
        Function {
            calls: vec![(callee.into(), arguments.collect())],
            ..function(name, &[])
        }
    }

    fn told(functions: &[Function]) -> Vec<String> {
        let line = |((name, offset), writers): ((String, u64), super::Writers)| {
            let programs: Vec<_> = writers.programs.into_iter().collect();
            let how = if writers.plain { "" } else { " atomic" };
            format!("{name}+{offset} {}{how}", programs.join(","))
        };
        of(functions).into_iter().map(line).collect()
    }

    #[test]
    fn a_program_writes_what_it_calls_writes() {
        let functions = [
            calling("on_wake", "middle", &[]),
            calling("middle", "helper", &[]),
            function("helper", &[(field(8), false)]),
            function("on_tick", &[(field(8), true), (field(0), true)]),
            function("unused", &[(field(16), false)]),
        ];
        assert_eq!(
            told(&functions),
            ["cell+0 on_tick atomic", "cell+8 on_tick,on_wake"]
        );
    }

    #[test]
    fn a_pointer_is_followed_through_calls() {
        let functions = [
            calling("on_wake", "middle", &[Target::Elsewhere, field(24)]),
            calling("middle", "set", &[Target::Param(1)]),
            function("set", &[(Target::Param(0), true)]),
        ];
        assert_eq!(told(&functions), ["cell+24 on_wake atomic"]);
    }

    #[test]
    fn who_calls_itself_comes_to_an_end() {
        let mut functions = [calling("on_wake", "on_wake", &[Target::Param(0)])];
        functions[0].writes = vec![(Target::Param(0), false), (Target::Unknown, false)];
        assert_eq!(told(&functions), ["?+0 on_wake"]);
    }
}
