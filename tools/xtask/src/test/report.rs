// SPDX-License-Identifier: GPL-2.0-only
//! A line for each test as it ends, the output of failures, the final count.

use std::io::{self, Write};
use std::time::Duration;

use anyhow::Result;

use super::host::Checked;
use crate::vm::{End, Outcome};

/// How many tests passed and failed so far.
pub struct Report {
    verbose: bool,
    passed: usize,
    failed: usize,
    /// Names of what failed.
    failures: Vec<String>,
}

impl Report {
    /// Of no test yet; when `verbose`, with what scenarios printed that passed.
    pub fn new(verbose: bool) -> Report {
        Report {
            verbose,
            passed: 0,
            failed: 0,
            failures: Vec::new(),
        }
    }

    /// A run of cargo: counts as the tests that it ran, or as one.
    pub fn check(&mut self, name: &str, checked: &Checked) {
        let text = String::from_utf8_lossy(&checked.output);
        let (passed, failed) = tally(&text);
        let ran = passed + failed > 0;
        // A failure that no test stands for (no build, say) counts as well.
        self.passed += if ran { passed } else { usize::from(checked.ok) };
        self.failed += failed.max(usize::from(!checked.ok));
        let tests = if ran {
            format!(" ({} tests)", passed + failed)
        } else {
            String::new()
        };
        self.line(checked.ok, checked.wall, name, &tests);
        if !checked.ok {
            block(&checked.output);
        }
    }

    /// A check that this machine has not the tools for: neither passed nor failed.
    pub fn skipped(&self, name: &str, missing: &str) {
        println!("{:<19}{name}: {missing}", "skipped");
    }

    /// A VM scenario.
    pub fn scenario(&mut self, name: &str, outcome: &Result<Outcome>) {
        let ok = matches!(
            outcome,
            Ok(Outcome {
                end: End::Exited(0),
                ..
            })
        );
        self.passed += usize::from(ok);
        self.failed += usize::from(!ok);
        let outcome = match outcome {
            Ok(outcome) => outcome,
            Err(error) => {
                self.line(false, Duration::ZERO, name, "");
                return block(format!("{error:#}").as_bytes());
            }
        };
        self.line(ok, outcome.wall, name, "");
        if ok && !self.verbose {
            return;
        }
        block(&outcome.output);
        match outcome.end {
            End::Exited(0) => {}
            End::Exited(status) => println!("--- exit status {status}"),
            End::TimedOut => println!("--- time-out; the VM said last:\n{}", outcome.tail),
            End::Died => println!("--- the VM died; it said last:\n{}", outcome.tail),
            End::Interrupted => println!("--- interrupted"),
        }
    }

    /// Scenarios that could not be run: failures, for nobody knows better.
    pub fn not_run(&mut self, count: usize) {
        if count > 0 {
            self.failed += count;
            println!("not run: {count} VM scenarios");
        }
    }

    /// The last lines: what failed, whose output may be far above, and how many.
    pub fn end(&self) {
        for name in &self.failures {
            println!("failed: {name}");
        }
        println!("{} passed, {} failed", self.passed, self.failed);
    }

    /// Whether any test failed.
    pub fn failed(&self) -> bool {
        self.failed > 0
    }

    fn line(&mut self, ok: bool, wall: Duration, name: &str, details: &str) {
        let verdict = if ok { "ok" } else { "FAILED" };
        println!("{verdict:<6} {:6.1} s  {name}{details}", wall.as_secs_f64());
        if !ok {
            self.failures.push(name.to_owned());
        }
    }
}

fn block(output: &[u8]) {
    let mut out = io::stdout().lock();
    // Standard output that has gone is noticed by the next line's panic at the latest.
    drop(out.write_all(b"---\n").and_then(|()| out.write_all(output)));
    if !output.ends_with(b"\n") {
        drop(out.write_all(b"\n"));
    }
}

/// Tests passed and failed by the lines with which Rust's test programs end:
/// `test result: ok. 12 passed; 0 failed; ...`.
fn tally(output: &str) -> (usize, usize) {
    let results = output
        .lines()
        .filter_map(|line| line.strip_prefix("test result: "));
    let count = |result: &str, word: &str| -> usize {
        let before = result
            .split([';', '.'])
            .find_map(|part| part.trim().strip_suffix(word));
        before
            .and_then(|number| number.trim().parse().ok())
            .unwrap_or(0)
    };
    results.fold((0, 0), |(passed, failed), result| {
        (
            passed + count(result, "passed"),
            failed + count(result, "failed"),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::tally;

    #[test]
    fn tests_of_all_programs_are_counted() {
        let output = "running 3 tests\n\
            test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s\n\
            test result: FAILED. 12 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.1s\n";
        assert_eq!(tally(output), (15, 2));
        assert_eq!(tally("    Finished `dev` profile\n"), (0, 0));
    }
}
