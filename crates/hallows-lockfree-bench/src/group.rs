// SPDX-License-Identifier: GPL-2.0-only
//! Measuring several things by turns, so that whatever else the machine does falls on
//! all of them, and comparing them round by round.

/// What does one portion of work, and returns the nanoseconds that an operation took.
type Portion = Box<dyn FnMut() -> f64>;

/// Things to compare.
pub struct Group {
    pub title: String,
    subjects: Vec<(&'static str, Portion)>,
    bars: Vec<Bar>,
}

/// That `subject` takes at most `ratio` of the time that `anchor` takes.
struct Bar {
    subject: &'static str,
    anchor: &'static str,
    ratio: f64,
}

/// What was measured: nanoseconds, a list of all rounds for each subject.
pub struct Measured<'g> {
    group: &'g Group,
    ns: Vec<Vec<f64>>,
}

impl Group {
    pub fn new(title: impl Into<String>) -> Group {
        Group {
            title: title.into(),
            subjects: Vec::new(),
            bars: Vec::new(),
        }
    }

    pub fn subject(mut self, name: &'static str, run: impl FnMut() -> f64 + 'static) -> Group {
        self.subjects.push((name, Box::new(run)));
        self
    }

    /// Wants `subject` to take at most `ratio` of what `anchor` takes.
    pub fn bar(mut self, subject: &'static str, anchor: &'static str, ratio: f64) -> Group {
        self.bars.push(Bar {
            subject,
            anchor,
            ratio,
        });
        self
    }

    /// Runs all subjects in each round, beginning with another one each time, after one
    /// round that does not count.
    pub fn run(&mut self, rounds: u32) -> Measured<'_> {
        let count = self.subjects.len();
        let mut ns = vec![Vec::new(); count];
        for round in 0..=rounds as usize {
            for turn in 0..count {
                let index = (round + turn) % count;
                let measured = (self.subjects[index].1)();
                if round > 0 {
                    ns[index].push(measured);
                }
            }
        }
        Measured { group: self, ns }
    }
}

impl Measured<'_> {
    pub fn print(&self) {
        println!("### {}\n", self.group.title);
        println!("| | ns: median | quartiles | least |\n|---|---|---|---|");
        for ((name, _), ns) in self.group.subjects.iter().zip(&self.ns) {
            let [low, median, high] = quartiles(ns.clone());
            let least = ns.iter().copied().fold(f64::INFINITY, f64::min);
            println!("| {name} | {median:.2} | {low:.2} to {high:.2} | {least:.2} |");
        }
        println!();
        if self.group.bars.is_empty() {
            return;
        }
        println!("| time, round by round | ratio: median | quartiles | bar | |");
        println!("|---|---|---|---|---|");
        for bar in &self.group.bars {
            self.print_bar(bar);
        }
        println!();
    }

    fn print_bar(&self, bar: &Bar) {
        let Bar {
            subject,
            anchor,
            ratio,
        } = bar;
        let (ours, theirs) = (self.of(subject), self.of(anchor));
        let ratios = ours.iter().zip(theirs).map(|(a, b)| a / b).collect();
        let [low, median, high] = quartiles(ratios);
        let verdict = if median <= *ratio { "met" } else { "missed" };
        println!(
            "| {subject} / {anchor} | {median:.2} | {low:.2} to {high:.2} | {ratio:.2} | {verdict} |"
        );
    }

    fn of(&self, name: &str) -> &[f64] {
        let mut subjects = self.group.subjects.iter();
        let index = subjects.position(|subject| subject.0 == name);
        &self.ns[index.unwrap_or_else(|| panic!("no subject {name}"))]
    }
}

fn quartiles(mut values: Vec<f64>) -> [f64; 3] {
    values.sort_by(f64::total_cmp);
    let last = values.len() - 1;
    [1, 2, 3].map(|quarter| values[last * quarter / 4])
}
