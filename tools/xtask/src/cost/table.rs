// SPDX-License-Identifier: GPL-2.0-only
//! Bills for people to read.

use super::bill::{Bill, Part};
use super::profile::Function;

/// Functions below this share of their scheduler's programs have no row.
const SMALLEST_SHARE: f64 = 0.01;

/// One load under one scheduler: each BPF program with its functions, then the parts
/// of the kernel.
pub fn of_programs(title: &str, bill: &Bill) -> String {
    let mut text = format!(
        "{title}: {} switches, {} of them runs\n{:<36} {:>9} {:>10} {:>10} {:>10}\n",
        bill.switches, bill.runs, "BPF program", "calls", "a call", "with subs", "a switch"
    );
    let switches = bill.switches;
    let smallest = bill.part(Part::Programs) as f64 * SMALLEST_SHARE;
    for program in &bill.programs {
        let all = program.instructions();
        let main = &program.main;
        text += &format!(
            "{:<36} {:>9} {:>10} {:>10} {:>10}\n",
            main.name,
            main.calls,
            ratio(main.instructions, main.calls),
            ratio(all, main.calls),
            ratio(all, switches)
        );
        let shown = |it: &&Function| it.instructions as f64 >= smallest;
        for sub in program.subprograms.iter().filter(shown) {
            text += &format!(
                "  {:<34} {:>9} {:>10} {:>10} {:>10}\n",
                sub.name,
                sub.calls,
                ratio(sub.instructions, sub.calls),
                "",
                ratio(sub.instructions, switches)
            );
        }
    }
    text
}

/// The functions that took most.
pub fn of_functions(bill: &Bill, nr: usize) -> String {
    let mut text = format!(
        "{:<46} {:>9} {:>10} {:>10}\n",
        "function", "calls", "a call", "a switch"
    );
    for function in bill.functions.iter().take(nr) {
        let mark = if function.is_bpf { " (BPF)" } else { "" };
        text += &format!(
            "{:<46} {:>9} {:>10} {:>10}\n",
            format!("{}{mark}", function.name),
            function.calls,
            ratio(function.instructions, function.calls),
            ratio(function.instructions, bill.switches)
        );
    }
    text
}

/// What a row of [`beside`] is of a bill.
type Amount = fn(&Bill) -> u64;

const ROWS: [(&str, Amount); 7] = [
    ("enqueue + dispatch", |it| {
        it.callbacks(&["enqueue", "dispatch"])
    }),
    ("select_cpu + enqueue + dispatch", |it| {
        it.callbacks(&["select_cpu", "enqueue", "dispatch"])
    }),
    ("all BPF programs", |it| it.part(Part::Programs)),
    ("the kernel for BPF programs", |it| it.part(Part::Bpf)),
    ("sched_ext's core", |it| it.part(Part::SchedExt)),
    ("the rest of the kernel", |it| it.part(Part::Rest)),
    ("all of the kernel", Bill::total),
];

/// One load under all schedulers, by their names.
pub fn beside(load: &str, bills: &[(&str, Bill)]) -> String {
    let mut text = line(load, bills, |(name, _)| (*name).to_owned());
    text += &line("switches", bills, |(_, it)| it.switches.to_string());
    text += &line("runs", bills, |(_, it)| it.runs.to_string());
    for (title, over) in [
        ("a switch", by_switch as fn(&Bill) -> u64),
        ("a run", by_run),
    ] {
        text += &format!("instructions {title}\n");
        for (row, amount) in ROWS {
            text += &line(&format!("  {row}"), bills, |(_, it)| {
                ratio(amount(it), over(it))
            });
        }
    }
    text
}

fn by_switch(bill: &Bill) -> u64 {
    bill.switches
}

fn by_run(bill: &Bill) -> u64 {
    bill.runs
}

fn line(head: &str, bills: &[(&str, Bill)], cell: impl Fn(&(&str, Bill)) -> String) -> String {
    let cells = bills.iter().map(|it| format!(" {:>15}", cell(it)));
    format!("{head:<36}{}\n", cells.collect::<String>())
}

/// `-` where nothing can be said.
fn ratio(amount: u64, over: u64) -> String {
    if over == 0 {
        return "-".into();
    }
    format!("{:.1}", amount as f64 / over as f64)
}
