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

/// A number of a bill's.
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
    ("all of these", Bill::total),
];

/// What rows are counted over.
const OVER: [(&str, Amount); 3] = [
    ("instructions a switch", |it| it.switches),
    ("instructions a run", |it| it.runs),
    ("thousands of instructions in all", |_| 1000),
];

/// One load under all schedulers, by their names.
pub fn beside(load: &str, bills: &[(&str, Bill)]) -> String {
    let row = |head: &str, cell: &dyn Fn(&(&str, Bill)) -> String| {
        let cells = bills.iter().map(|it| format!(" {:>15}", cell(it)));
        format!("{head:<34}{}\n", cells.collect::<String>())
    };
    let mut text = row(load, &|(name, _)| (*name).to_owned());
    text += &row("switches", &|(_, it)| it.switches.to_string());
    text += &row("runs", &|(_, it)| it.runs.to_string());
    for (title, over) in OVER {
        text += &format!("{title}\n");
        for (name, amount) in ROWS {
            let head = format!("  {name}");
            text += &row(&head, &|(_, it)| ratio(amount(it), over(it)));
        }
    }
    text
}

/// `-` where nothing can be said.
fn ratio(amount: u64, over: u64) -> String {
    if over == 0 {
        return "-".into();
    }
    format!("{:.1}", amount as f64 / over as f64)
}

#[cfg(test)]
mod tests {
    use super::super::profile::functions;
    use super::super::symbols::Symbols;
    use super::*;

    fn bill() -> Bill {
        let symbols = "100 T __switch_to\n200 t set_next_task_idle\n300 t dispatch_enqueue\n\
            1000 t bpf_prog_0123456789abcdef_x_enqueue\n1100 t bpf_prog_0123456789abcdef_sub\n\
            1200 t bpf_prog_0123456789abcdef_x_tick\n";
        let blocks = "100 10 4\n200 3 2\n300 7 1\n1000 50 2\n1100 60 1\n1200 1 1\n";
        let ran = functions(blocks, &Symbols::parse(symbols).unwrap()).unwrap();
        Bill::new(&ran, "27 1000 1100\n27 1200 1100\n").unwrap()
    }

    /// With one space where columns have more.
    fn dense(text: &str) -> Vec<String> {
        let words = |line: &str| line.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
        text.lines().map(words).collect()
    }

    #[test]
    fn a_program_has_rows_of_its_functions() {
        let lines = dense(&of_programs("load", &bill()));
        assert_eq!(
            lines[..4],
            [
                "load: 4 switches, 2 of them runs",
                "BPF program calls a call with subs a switch",
                "x_enqueue 2 50.0 80.0 40.0",
                "sub 1 60.0 15.0",
            ]
        );
    }

    #[test]
    fn schedulers_stand_side_by_side() {
        let lines = dense(&beside("load", &[("a", bill()), ("b", bill())]));
        assert_eq!(lines[..3], ["load a b", "switches 4 4", "runs 2 2"]);
        assert_eq!(lines[4], "enqueue + dispatch 40.0 40.0");
        assert_eq!(lines[12], "enqueue + dispatch 80.0 80.0");
        assert_eq!(lines.len(), 3 + 3 * (1 + ROWS.len()));
        assert_eq!(ratio(1, 0), "-");
    }

    #[test]
    fn the_dearest_functions_come_first() {
        let lines = dense(&of_functions(&bill(), 2));
        assert_eq!(
            lines,
            [
                "function calls a call a switch",
                "x_enqueue (BPF) 2 50.0 25.0",
                "sub (BPF) 1 60.0 15.0",
            ]
        );
    }
}
