// SPDX-License-Identifier: GPL-2.0-only
//! `scx_hallows record`

use std::fs::OpenOptions;
use std::io::BufWriter;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::{Duration, Instant};

use clap::Args;

use super::print;
use crate::exit::Error;
use crate::recording::write::Writer;
use crate::signals::Signals;
use crate::stats::SOCKET;
use crate::stats::tape::Tape;

/// How often to fetch what the agent saw.
const FETCH_EVERY: Duration = Duration::from_millis(100);

/// Write what the agent of a running scheduler sees and decides into a file, for
/// `scx_hallows replay`. Ctrl-C ends it sooner, and the file is whole.
#[derive(Args, Clone, Debug)]
pub struct Record {
    /// The file; it must not exist yet.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,

    /// How long, such as 10s or 5m.
    #[arg(long = "for", value_name = "TIME", default_value = "10s", value_parser = humantime::parse_duration)]
    pub duration: Duration,

    /// End when the file is so many MiB long, 1 to 4096.
    #[arg(long, value_name = "MIB", default_value_t = 64, value_parser = clap::value_parser!(u64).range(1..=4096))]
    pub max_mib: u64,
}

impl Record {
    /// Fetches and writes.
    ///
    /// # Errors
    /// [`Error::Failed`] when the file can't be written, else those of [`Tape`].
    pub fn run(&self) -> Result<(), Error> {
        let signals = Signals::ending()?;
        let mut tape = Tape::connect(SOCKET)?;
        let first = tape.fetch()?;
        let name = self.file.display();
        let failed = |error: anyhow::Error| Error::Failed(format!("{name}: {error:#}"));
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&self.file);
        let file = file.map_err(|e| Error::Failed(format!("cannot create {name}: {e}")))?;
        let limit = self.max_mib << 20;
        let mut writer = Writer::new(BufWriter::new(file), &first.header, limit).map_err(failed)?;
        let (start, mut windows, mut missed) = (Instant::now(), 0u64, 0);
        let (mut full, mut other) = (false, false);
        while start.elapsed() < self.duration && !signals.is_shutdown() && !full && !other {
            sleep(FETCH_EVERY.min(self.duration.saturating_sub(start.elapsed())));
            let piece = tape.fetch()?;
            other = !piece.header.is_of_the_same(&first.header);
            if other {
                break;
            }
            missed += piece.missed;
            for frame in &piece.frames {
                full = !writer.push(frame).map_err(failed)?;
                if full {
                    break;
                }
                windows += 1;
            }
        }
        let bytes = writer.end().map_err(failed)?;
        let missing = match missed {
            0 => String::new(),
            missed => format!(", {missed} windows are missing"),
        };
        let why = match () {
            () if full => "; the file is full",
            () if other => "; then CPUs came or went",
            () => "",
        };
        print(format!("{name}: {windows} windows, {bytes} bytes{missing}{why}\n").as_bytes())
    }
}
