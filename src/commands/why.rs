// SPDX-License-Identifier: GPL-2.0-only
//! `scx_hallows why`

use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use clap::Args;
use scx_stats::serde_json;
use tracing::warn;

use super::print;
use crate::exit::Error;
use crate::signals::Signals;
use crate::stats::SOCKET;
use crate::stats::why::Asker;
use crate::why::{Event, Heard};

/// How often to ask for news.
const ASK_EVERY: Duration = Duration::from_millis(100);

/// Follow a task and say why it is placed where it is and what it came to run from.
#[derive(Args, Clone, Debug)]
pub struct Why {
    /// The task: a process id, or a thread id for one of its other threads.
    #[arg(value_name = "PID", value_parser = clap::value_parser!(u32).range(1..))]
    pub pid: u32,

    /// How long, such as 5s or 500ms.
    #[arg(long = "for", value_name = "TIME", default_value = "5s", value_parser = humantime::parse_duration)]
    pub duration: Duration,

    /// Print each decision as a JSON object on a line of its own; where some got lost,
    /// the last line is {"lost":NR}.
    #[arg(long)]
    pub json: bool,
}

impl Why {
    /// Asks the scheduler, and prints.
    ///
    /// # Errors
    /// [`Error::Usage`] when there is no such task, else those of [`Asker`].
    pub fn run(&self) -> Result<(), Error> {
        if !Path::new("/proc").join(self.pid.to_string()).exists() {
            return Err(Error::Usage(format!(
                "there is no task {}: give the id of a process or thread that runs",
                self.pid
            )));
        }
        let signals = Signals::ending()?;
        let mut asker = Asker::connect(SOCKET, self.pid)?;
        let (mut nr, mut lost) = (0, 0);
        let followed = self.follow(&mut asker, &signals, |heard| {
            lost += heard.lost;
            nr += heard.events.len();
        });
        self.miss(lost)?;
        followed?;
        asker.end()?;
        if nr == 0 && !self.json {
            let quiet = format!("task {} neither woke up nor changed its CPU\n", self.pid);
            return print(quiet.as_bytes());
        }
        Ok(())
    }

    /// Prints what is decided until the time is over, and lets `note` see it.
    fn follow(
        &self,
        asker: &mut Asker,
        signals: &Signals,
        mut note: impl FnMut(&Heard),
    ) -> Result<(), Error> {
        asker.ask()?;
        let (start, mut first_ns) = (Instant::now(), None);
        while start.elapsed() < self.duration && !signals.is_shutdown() {
            sleep(ASK_EVERY.min(self.duration.saturating_sub(start.elapsed())));
            let heard = asker.ask()?;
            note(&heard);
            for event in heard.events {
                let since_ns = event
                    .at_ns
                    .saturating_sub(*first_ns.get_or_insert(event.at_ns));
                print(self.line(&event, since_ns)?.as_bytes())?;
            }
        }
        Ok(())
    }

    /// Says how many decisions got lost, if any did.
    fn miss(&self, lost: u64) -> Result<(), Error> {
        if lost == 0 {
            return Ok(());
        }
        warn!("{lost} decisions are missing: they came faster than they were fetched");
        match self.json {
            true => print(format!("{{\"lost\":{lost}}}\n").as_bytes()),
            false => Ok(()),
        }
    }

    fn line(&self, event: &Event, since_ns: u64) -> Result<String, Error> {
        if self.json {
            return match serde_json::to_string(event) {
                Ok(json) => Ok(json + "\n"),
                Err(error) => Err(Error::Failed(format!("cannot print: {error}"))),
            };
        }
        let since_ms = since_ns as f64 / 1e6;
        Ok(format!("{since_ms:10.3} ms  {event}\n"))
    }
}
