// SPDX-License-Identifier: GPL-2.0-only
//! Who of the kernel took what, for a load under a scheduler.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};

use super::profile::Function;

/// The kernel's number of programs that are callbacks, as a scheduler's are.
const STRUCT_OPS: u32 = 27;

/// A BPF program with its own copies of the functions that it calls.
#[derive(Debug, PartialEq, Eq)]
pub struct Program {
    /// The program's own function.
    pub main: Function,
    /// The others that ran, those that took most first.
    pub subprograms: Vec<Function>,
    /// Whether the kernel calls it to schedule.
    pub is_callback: bool,
}

impl Program {
    /// All that it took.
    pub fn instructions(&self) -> u64 {
        let others = self.subprograms.iter().map(|it| it.instructions);
        self.main.instructions + others.sum::<u64>()
    }

    /// Whether it is the callback of this name.
    pub fn is(&self, callback: &str) -> bool {
        let before = self.main.name.strip_suffix(callback);
        self.is_callback && before.is_some_and(|it| it.ends_with('_'))
    }
}

/// What code is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// The scheduler's own, and other BPF programs.
    Programs,
    /// What the kernel has for BPF programs: entering them, maps, task storage.
    Bpf,
    /// sched_ext's core, with what schedulers call of it.
    SchedExt,
    /// Everything else.
    Rest,
}

/// What a load took.
#[derive(Debug)]
pub struct Bill {
    /// Context switches.
    pub switches: u64,
    /// Those to a task, and not to the idle one.
    pub runs: u64,
    /// BPF programs, those that took most first.
    pub programs: Vec<Program>,
    /// Functions of the kernel and of programs by name, those that took most first.
    pub functions: Vec<Function>,
    parts: BTreeMap<Part, u64>,
}

impl Bill {
    /// From the functions that ran, by their addresses, and the guest's list of
    /// programs: a line `TYPE ADDRESS...` each.
    ///
    /// # Errors
    /// When a line is none, or there was no context switch.
    pub fn new(ran: &BTreeMap<u64, Function>, programs: &str) -> Result<Self> {
        let mut by_name: BTreeMap<(&str, bool), Function> = BTreeMap::new();
        let mut parts = BTreeMap::new();
        for function in ran.values() {
            let sum = by_name
                .entry((&function.name, function.is_bpf))
                .or_insert_with(|| Function {
                    calls: 0,
                    instructions: 0,
                    ..function.clone()
                });
            sum.calls += function.calls;
            sum.instructions += function.instructions;
            *parts.entry(part(function)).or_default() += function.instructions;
        }
        let calls = |name| by_name.get(&(name, false)).map_or(0, |it| it.calls);
        let switches = calls("__switch_to");
        ensure!(switches > 0, "no context switch was seen");
        let runs = switches.saturating_sub(calls("set_next_task_idle"));
        let programs = programs.lines().map(|line| {
            let parsed = program(line, ran);
            parsed.with_context(|| format!("{line:?} is no BPF program"))
        });
        let mut programs: Vec<Program> = programs.collect::<Result<_>>()?;
        programs.retain(|it| it.instructions() > 0);
        programs.sort_by_key(|it| std::cmp::Reverse(it.instructions()));
        let mut functions: Vec<Function> = by_name.into_values().collect();
        dearest_first(&mut functions);
        Ok(Self {
            switches,
            runs,
            programs,
            functions,
            parts,
        })
    }

    /// Instructions of one part.
    pub fn part(&self, part: Part) -> u64 {
        self.parts.get(&part).copied().unwrap_or(0)
    }

    /// Instructions of everything.
    pub fn total(&self) -> u64 {
        self.parts.values().sum()
    }

    /// Instructions of these callbacks.
    pub fn callbacks(&self, names: &[&str]) -> u64 {
        let named = |it: &&Program| names.iter().any(|name| it.is(name));
        let taken = self.programs.iter().filter(named);
        taken.map(Program::instructions).sum()
    }
}

fn program(line: &str, ran: &BTreeMap<u64, Function>) -> Option<Program> {
    let mut words = line.split_ascii_whitespace();
    let kind: u32 = words.next()?.parse().ok()?;
    let addresses = words.map(|word| u64::from_str_radix(word, 16));
    let addresses: Vec<u64> = addresses.collect::<Result<_, _>>().ok()?;
    let (main, others) = addresses.split_first()?;
    let mut subprograms: Vec<Function> = others
        .iter()
        .filter_map(|address| ran.get(address).cloned())
        .collect();
    dearest_first(&mut subprograms);
    Some(Program {
        main: ran.get(main).cloned().unwrap_or_else(not_called),
        subprograms,
        is_callback: kind == STRUCT_OPS,
    })
}

/// A program that registered a timer, and whose function only ran then.
fn not_called() -> Function {
    Function {
        name: "(not called)".into(),
        is_bpf: true,
        ..Function::default()
    }
}

fn dearest_first(functions: &mut [Function]) {
    functions.sort_by_key(|it| std::cmp::Reverse(it.instructions));
}

/// What names of sched_ext's functions contain.
const SCHED_EXT: [&str; 3] = ["scx", "dsq", "sched_ext"];

/// Functions of sched_ext's whose names don't say so, on Linux 6.16 to 7.x.
const SCHED_EXT_TOO: [&str; 24] = [
    "apply_task_slice_oob",
    "balance_one",
    "check_builtin_idle_enabled",
    "consume_dispatch_q",
    "deferred_bal_cb_workfn",
    "deferred_irq_workfn",
    "dispatch_dequeue",
    "dispatch_enqueue",
    "do_enqueue_task",
    "flush_dispatch_buf",
    "kf_cpu_valid",
    "kick_cpus_irq_workfn",
    "kick_one_cpu",
    "kick_sync_wait_bal_cb",
    "ops_cpu_valid",
    "ops_dequeue",
    "pick_idle_cpu_from_online_nodes",
    "pick_idle_cpu_in_node",
    "process_ddsp_deferred_locals",
    "refill_task_slice_dfl",
    "rq_owned_post_enq",
    "select_cpu_from_kfunc",
    "task_can_run_on_remote_rq",
    "validate_node",
];

/// Beginnings of names of what the kernel has for BPF programs; a callback's
/// trampoline is called `bpf__sched_ext_ops_NAME`.
const BPF: [&str; 6] = [
    "bpf_",
    "__bpf_",
    "htab_",
    "__htab_",
    "array_map_",
    "percpu_array_map_",
];

/// What walks a queue for a BPF program is sched_ext's own.
const QUEUES: &str = "bpf_iter_scx_";

/// A security module's hooks, which are called with and without BPF programs.
const HOOKS: &str = "bpf_lsm_";

fn part(function: &Function) -> Part {
    let name = function.name.as_str();
    let begins = |starts: &[&str]| starts.iter().any(|start| name.starts_with(start));
    if function.is_bpf {
        Part::Programs
    } else if begins(&[QUEUES]) {
        Part::SchedExt
    } else if begins(&BPF) && !begins(&[HOOKS]) {
        Part::Bpf
    } else if SCHED_EXT.iter().any(|it| name.contains(it)) || SCHED_EXT_TOO.contains(&name) {
        Part::SchedExt
    } else {
        Part::Rest
    }
}

#[cfg(test)]
mod tests {
    use super::super::profile::{Function, functions};
    use super::super::symbols::Symbols;
    use super::{Bill, Part};

    const SYMBOLS: &str = "100 T __switch_to\n200 t set_next_task_idle\n300 t dispatch_enqueue\n\
        400 T bpf_map_update\n500 t bpf__sched_ext_ops_enqueue\n\
        1000 t bpf_prog_0123456789abcdef_x_enqueue\n1100 t bpf_prog_0123456789abcdef_shared\n\
        1200 t bpf_prog_0123456789abcdef_x_dispatch\n1300 t bpf_prog_0123456789abcdef_shared\n\
        1400 t bpf_prog_0123456789abcdef_x_other\n";

    fn bill(blocks: &str, programs: &str) -> anyhow::Result<Bill> {
        Bill::new(&functions(blocks, &Symbols::parse(SYMBOLS)?)?, programs)
    }

    #[test]
    fn a_function_of_two_programs_is_counted_where_it_ran() {
        let blocks = "100 10 5\n200 3 2\n300 7 1\n400 2 2\n500 8 1\n\
                      1000 5 4\n1100 6 1\n1200 9 2\n1300 6 3\n1400 1 1\n";
        let programs = "27 1000 1100\n27 1200 1300\n31 1400\n26 9999\n";
        let bill = bill(blocks, programs).unwrap();
        assert_eq!((bill.switches, bill.runs), (5, 3));
        let found: Vec<_> = bill
            .programs
            .iter()
            .map(|it| (it.main.name.as_str(), it.main.calls, it.instructions()))
            .collect();
        assert_eq!(
            found,
            [
                ("x_dispatch", 2, 36),
                ("x_enqueue", 4, 26),
                ("x_other", 1, 1)
            ]
        );
        assert_eq!(bill.callbacks(&["enqueue", "dispatch"]), 62);
        assert_eq!(bill.callbacks(&["patch", "other"]), 0);
        let parts = [Part::Programs, Part::Bpf, Part::SchedExt, Part::Rest];
        assert_eq!(parts.map(|it| bill.part(it)), [63, 12, 7, 56]);
        assert_eq!(bill.total(), 138);
        let shared = bill.functions.iter().find(|it| it.name == "shared");
        assert_eq!(shared.map(|it| it.instructions), Some(24));
    }

    #[test]
    fn what_a_timer_runs_is_a_programs_without_a_call() {
        let bill = bill("100 1 1\n1100 6 1\n", "31 1000 1100\n").unwrap();
        let [program] = bill.programs.as_slice() else {
            panic!("{:?}", bill.programs)
        };
        assert_eq!(program.main.name, "(not called)");
        assert_eq!((program.main.calls, program.instructions()), (0, 6));
    }

    #[test]
    fn parts_go_by_names() {
        let part = |name: &str| {
            super::part(&Function {
                name: name.into(),
                ..Function::default()
            })
        };
        assert_eq!(part("bpf__sched_ext_ops_tick"), Part::Bpf);
        assert_eq!(part("scx_bpf_kick_cpu"), Part::SchedExt);
        assert_eq!(part("find_user_dsq"), Part::SchedExt);
        assert_eq!(part("bpf_iter_scx_dsq_next"), Part::SchedExt);
        assert_eq!(part("bpf_iter_num_next"), Part::Bpf);
        assert_eq!(part("ops_dequeue"), Part::SchedExt);
        assert_eq!(part("bpf_lsm_file_open"), Part::Rest);
        assert_eq!(part("try_to_wake_up"), Part::Rest);
    }

    #[test]
    fn nonsense_is_refused() {
        assert!(bill("300 7 1\n", "").is_err());
        assert!(bill("100 7 1\n", "").is_ok());
        for wrong in ["27", "x 1000", "27 x", ""] {
            assert!(bill("100 7 1\n", &format!("{wrong}\n")).is_err(), "{wrong}");
        }
    }
}
