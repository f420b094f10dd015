// SPDX-License-Identifier: GPL-2.0-only
//! `scx_hallows replay`

use std::fs::File;
use std::io::BufReader;
use std::path::PathBuf;

use clap::Args;
use scx_stats::serde_json;

use super::print;
use super::set::settings;
use crate::exit::Error;
use crate::recording::read::Reader;
use crate::recording::replay::{ACT, Outcome, replay};

/// Step the automaton over a recording and compare, with other parameters or the same.
///
/// The load is what it was: the replay shows what the automaton would have said,
/// not what would have come of it. Needs neither root nor sched_ext.
#[derive(Args, Clone, Debug)]
pub struct Replay {
    /// What `scx_hallows record` wrote.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,

    /// A threshold of the automaton to replay with instead of the recorded one, such as
    /// dwell=4.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub settings: Vec<String>,

    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

impl Replay {
    /// Replays, and prints.
    ///
    /// # Errors
    /// [`Error::Usage`] for settings that can't be, or a file that can't be
    /// read or is no recording.
    pub fn run(&self) -> Result<(), Error> {
        let settings = settings(&self.settings).map_err(Error::Usage)?;
        if let Some((key, _)) = settings.iter().find(|(key, _)| !ACT.contains(&key.name)) {
            return Err(Error::Usage(format!(
                "{} changes nothing in a replay, which steps the automaton alone: set any of {}",
                key.name,
                ACT.join(", ")
            )));
        }
        let name = self.file.display();
        let file = File::open(&self.file)
            .map_err(|error| Error::Usage(format!("cannot read {name}: {error}")))?;
        let damaged = |error: anyhow::Error| Error::Usage(format!("{name}: {error:#}"));
        let mut reader = Reader::new(BufReader::new(file)).map_err(damaged)?;
        let outcome = replay(&mut reader, &settings).map_err(damaged)?;
        print(self.text(&outcome)?.as_bytes())
    }

    fn text(&self, outcome: &Outcome) -> Result<String, Error> {
        if self.json {
            return match serde_json::to_string_pretty(outcome) {
                Ok(json) => Ok(json + "\n"),
                Err(error) => Err(Error::Failed(format!("cannot print: {error}"))),
            };
        }
        let row = |what: &str, recorded: u64, replayed: u64| {
            format!("{what:<28}{recorded:>10}{replayed:>10}\n")
        };
        let mut text = format!(
            "{} windows of {} CPUs in {:.1} s{}\n\n{:<28}{:>10}{:>10}\n",
            outcome.windows,
            outcome.cells,
            outcome.seconds,
            if outcome.cut {
                "; the recording was cut short"
            } else {
                ""
            },
            "",
            "recorded",
            "replayed"
        );
        text += &row("changes of state", outcome.recorded_flips, outcome.flips);
        text += &row(
            "tasks granted to be pushed",
            outcome.recorded_push_tokens,
            outcome.push_tokens,
        );
        text += &row(
            "tasks granted to be pulled",
            outcome.recorded_fair_tokens,
            outcome.fair_tokens,
        );
        text += &format!("\nstates as recorded: {:.1} %\n", outcome.same_states_pct);
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::KEYS;

    #[test]
    fn what_a_replay_does_not_go_by_is_refused() {
        for key in KEYS {
            let replay = Replay {
                file: "/no/recording".into(),
                settings: vec![format!("{}={}", key.name, key.default())],
                json: false,
            };
            let error = replay.run().unwrap_err();
            let told = match ACT.contains(&key.name) {
                true => "cannot read /no/recording".to_owned(),
                false => format!("{} changes nothing in a replay", key.name),
            };
            assert_eq!(error.code(), 2);
            assert!(error.to_string().starts_with(&told), "{error}");
        }
    }
}
