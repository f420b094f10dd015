// SPDX-License-Identifier: GPL-2.0-only
//! What became of each mutant, line by line, and the final count.

use std::time::Duration;

use anyhow::{Error, Result};

use crate::vm::{End, Outcome};

/// How a scenario ends whose scheduler does not load (`start` in lib.sh).
const NOT_LOADED: &str = "the scheduler ended before it was attached";

/// Whether a scenario noticed that a mechanism was gone.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    /// It failed, for this reason.
    Caught(String),
    /// It passed.
    Survived,
    /// It did not come to an end that tells.
    Unknown(String),
}

/// How many mutants were caught and survived so far, once for each scenario.
#[derive(Default)]
pub struct Report {
    caught: usize,
    survived: usize,
    stale: usize,
}

impl Report {
    /// A mutant and a scenario run that must fail.
    pub fn pair(&mut self, name: &str, outcome: &Result<Outcome>) {
        let wall = outcome.as_ref().map_or(Duration::ZERO, |it| it.wall);
        match verdict(outcome) {
            Verdict::Caught(why) => {
                self.caught += 1;
                line("caught", wall, name, &why);
            }
            Verdict::Survived => {
                self.survived += 1;
                line("SURVIVED", wall, name, "it passed");
            }
            Verdict::Unknown(why) => {
                self.stale += 1;
                line("ERROR", wall, name, &why);
            }
        }
    }

    /// A mutant that could not be put to the test, wholly or in part.
    pub fn stale(&mut self, name: &str, why: &Error) {
        self.stale += 1;
        line("ERROR", Duration::ZERO, name, &format!("{why:#}"));
    }

    /// The last line.
    pub fn end(&self) {
        let stale = match self.stale {
            0 => String::new(),
            count => format!(", {count} not tested"),
        };
        println!("{} caught, {} survived{stale}", self.caught, self.survived);
    }

    /// Whether the table does not hold.
    pub fn failed(&self) -> bool {
        self.survived + self.stale > 0
    }
}

fn verdict(outcome: &Result<Outcome>) -> Verdict {
    let outcome = match outcome {
        Ok(outcome) => outcome,
        Err(error) => return Verdict::Unknown(format!("{error:#}")),
    };
    let output = String::from_utf8_lossy(&outcome.output);
    let reason = output.lines().find(|line| line.starts_with("FAILED"));
    match (outcome.end, reason) {
        (End::Exited(0), _) => Verdict::Survived,
        // The verifier refused it, say, and every scenario would fail.
        (End::Exited(_), Some(reason)) if reason.ends_with(NOT_LOADED) => {
            Verdict::Unknown(output.trim_end().to_owned())
        }
        (End::Exited(_), Some(reason)) => Verdict::Caught(reason.to_owned()),
        // Every check of a scenario says why it failed: this is something else.
        (End::Exited(status), None) => Verdict::Unknown(format!(
            "exit status {status} without a line that begins with FAILED"
        )),
        (End::TimedOut, _) => Verdict::Caught("time-out".into()),
        (End::Died, _) => Verdict::Unknown(format!("the VM died:\n{}", outcome.tail)),
        (End::Interrupted, _) => Verdict::Unknown("interrupted".into()),
    }
}

fn line(verdict: &str, wall: Duration, name: &str, why: &str) {
    println!("{verdict:<8} {:6.1} s  {name}: {why}", wall.as_secs_f64());
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Verdict, verdict};
    use crate::vm::{End, Outcome};

    #[test]
    fn only_a_failure_with_a_reason_catches() {
        let of = |end, output: &str| {
            verdict(&Ok(Outcome {
                end,
                output: output.into(),
                tail: String::new(),
                wall: Duration::ZERO,
            }))
        };
        let failed = "ok: a\nFAILED: b\nthe log\n";
        assert_eq!(
            of(End::Exited(1), failed),
            Verdict::Caught("FAILED: b".into())
        );
        assert_eq!(of(End::Exited(0), "ok: a\n"), Verdict::Survived);
        assert!(matches!(
            of(End::Exited(2), "sh: syntax error\n"),
            Verdict::Unknown(_)
        ));
        assert!(matches!(of(End::Died, failed), Verdict::Unknown(_)));
        let refused = "FAILED: the scheduler ended before it was attached\nthe log\n";
        assert!(matches!(of(End::Exited(1), refused), Verdict::Unknown(_)));
    }
}
