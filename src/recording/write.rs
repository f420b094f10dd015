// SPDX-License-Identifier: GPL-2.0-only
//! Writing a recording.

use std::io::{self, Write};

use anyhow::{Context, Result};
use flate2::Compression;
use flate2::write::DeflateEncoder;
use serde::Serialize;

use super::{Frame, Header, MAGIC};

/// Writes a recording, up to a limit.
pub struct Writer<W: Write> {
    out: DeflateEncoder<Counted<W>>,
    limit: u64,
}

impl<W: Write> Writer<W> {
    /// Begins a recording that is about `limit` bytes long at most.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn new(out: W, header: &Header, limit: u64) -> Result<Writer<W>> {
        let mut out = Counted { out, written: 0 };
        out.write_all(MAGIC).context("write the recording")?;
        let mut writer = Writer {
            out: DeflateEncoder::new(out, Compression::default()),
            limit,
        };
        writer.record(header)?;
        Ok(writer)
    }

    /// Appends a window; false when the recording is full and the window is not
    /// in it.
    ///
    /// # Errors
    /// Those of the output.
    pub fn push(&mut self, frame: &Frame) -> Result<bool> {
        if self.out.get_ref().written >= self.limit {
            return Ok(false);
        }
        self.record(frame)?;
        Ok(true)
    }

    fn record(&mut self, record: &impl Serialize) -> Result<()> {
        let bytes = postcard::to_stdvec(record).context("encode a record")?;
        let length = u32::try_from(bytes.len()).context("a record is too long")?;
        let out = &mut self.out;
        out.write_all(&length.to_le_bytes())
            .and_then(|()| out.write_all(&bytes))
            .context("write the recording")
    }

    /// Ends the recording; returns its length in bytes.
    ///
    /// # Errors
    /// Those of the output.
    pub fn end(self) -> Result<u64> {
        let mut counted = self.out.finish().context("write the recording")?;
        counted.flush().context("write the recording")?;
        Ok(counted.written)
    }
}

/// Counts what goes through.
struct Counted<W> {
    out: W,
    written: u64,
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let nr = self.out.write(bytes)?;
        self.written += nr as u64;
        Ok(nr)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
