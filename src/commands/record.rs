// SPDX-License-Identifier: GPL-2.0-only
//! `scx_hallows record`

use std::fs::OpenOptions;
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::Result;
use clap::Args;

use super::print;
use crate::exit::Error;
use crate::recording::Header;
use crate::recording::write::Writer;
use crate::signals::Signals;
use crate::stats::SOCKET;
use crate::stats::tape::{Piece, Tape};

/// How often to fetch what the agent saw.
const FETCH_EVERY: Duration = Duration::from_millis(100);

/// Write what the agent of a running scheduler sees and decides into a file, for
/// `scx_hallows replay`. Ctrl-C ends it sooner, and so does a change of the tunables or
/// the CPUs; the file is whole.
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

/// Why a recording ends.
enum End {
    /// It was to.
    Told,
    /// The file is as long as it may be.
    Full,
    /// What follows would not fit what is in it.
    Other(&'static str),
    /// The scheduler answers no more.
    Lost(Error),
}

impl Record {
    /// Fetches and writes. What came before the scheduler ended is in the file.
    ///
    /// # Errors
    /// [`Error::Failed`] when the file can't be written, else those of [`Tape`].
    pub fn run(&self) -> Result<(), Error> {
        let signals = Signals::ending()?;
        let mut tape = Tape::connect(SOCKET)?;
        let header = tape.fetch()?.header;
        let name = self.file.display();
        let failed = |error: anyhow::Error| Error::Failed(format!("{name}: {error:#}"));
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&self.file);
        let file = file.map_err(|e| Error::Failed(format!("cannot create {name}: {e}")))?;
        let limit = self.max_mib << 20;
        let mut recording = Recording {
            writer: Writer::new(BufWriter::new(file), &header, limit).map_err(failed)?,
            header,
            windows: 0,
            missed: 0,
        };
        let start = Instant::now();
        let end = loop {
            let left = self.duration.saturating_sub(start.elapsed());
            if left.is_zero() || signals.is_shutdown() {
                break End::Told;
            }
            sleep(FETCH_EVERY.min(left));
            match tape.fetch() {
                Ok(piece) => match recording.take(&piece).map_err(failed)? {
                    None => {}
                    Some(end) => break end,
                },
                Err(error) => break End::Lost(error),
            }
        };
        let (windows, missed) = (recording.windows, recording.missed);
        let bytes = recording.writer.end().map_err(failed)?;
        let missing = match missed {
            0 => String::new(),
            missed => format!(", {missed} windows are missing"),
        };
        let why = match &end {
            End::Told | End::Lost(_) => String::new(),
            End::Full => "; the file is full".to_owned(),
            End::Other(what) => format!("; then {what}"),
        };
        print(format!("{name}: {windows} windows, {bytes} bytes{missing}{why}\n").as_bytes())?;
        match end {
            End::Lost(error) => Err(error),
            _ => Ok(()),
        }
    }
}

/// A file that is written, and what went into it.
struct Recording<W: Write> {
    writer: Writer<W>,
    header: Header,
    windows: u64,
    missed: u64,
}

impl<W: Write> Recording<W> {
    /// Appends what was fetched; why that was the last, if it was.
    ///
    /// # Errors
    /// Those of the file.
    fn take(&mut self, piece: &Piece) -> Result<Option<End>> {
        if let Some(what) = piece.header.change_since(&self.header) {
            return Ok(Some(End::Other(what)));
        }
        self.missed += piece.missed;
        for frame in &piece.frames {
            if !self.writer.push(frame)? {
                return Ok(Some(End::Full));
            }
            self.windows += 1;
        }
        Ok(None)
    }
}
