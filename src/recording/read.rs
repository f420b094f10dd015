// SPDX-License-Identifier: GPL-2.0-only
//! Reading a recording.

use std::io::{self, Read};

use anyhow::{Context, Result, bail, ensure};
use flate2::read::DeflateDecoder;
use serde::de::DeserializeOwned;

use super::{Frame, Header, MAGIC, MAX_RECORD};

/// Reads a recording, window by window.
pub struct Reader<R: Read> {
    input: DeflateDecoder<R>,
    header: Header,
    cells: usize,
    cut: bool,
}

impl<R: Read> Reader<R> {
    /// Reads the header.
    ///
    /// # Errors
    /// `input` is no recording, or one of another version, or ends in its header.
    pub fn new(mut input: R) -> Result<Reader<R>> {
        let mut magic = [0; MAGIC.len()];
        let whole = input.read_exact(&mut magic);
        if whole.is_err() || magic != MAGIC {
            let version = magic.starts_with(&MAGIC[..MAGIC.len() - 2]);
            ensure!(
                !version,
                "it is a recording of another version of scx_hallows"
            );
            bail!("it is no recording of scx_hallows");
        }
        let mut input = DeflateDecoder::new(input);
        let header: Header = match record(&mut input) {
            Ok(Some(header)) => header,
            Err(error) if !is_cut(&error) => return Err(error),
            _ => bail!("it ends before the first window"),
        };
        let cells = header
            .map()
            .context("its machine makes no sense")?
            .cells()
            .len();
        Ok(Reader {
            input,
            header,
            cells,
            cut: false,
        })
    }

    /// The machine and the parameters.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Whether the recording ended in the middle of a window, as it does when
    /// the recorder was killed. Known once [`Reader::next_frame`] has returned `None`.
    pub fn was_cut(&self) -> bool {
        self.cut
    }

    /// The next window, `None` after the last whole one.
    ///
    /// # Errors
    /// What comes is no window, or input fails.
    pub fn next_frame(&mut self) -> Result<Option<Frame>> {
        let frame: Frame = match record(&mut self.input) {
            Ok(Some(frame)) => frame,
            Ok(None) => return Ok(None),
            Err(error) if is_cut(&error) => {
                self.cut = true;
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        ensure!(
            frame.samples.len() == self.cells && frame.states.len() == self.cells,
            "a window has {} cells, the machine {}",
            frame.samples.len(),
            self.cells
        );
        Ok(Some(frame))
    }
}

fn is_cut(error: &anyhow::Error) -> bool {
    let io = error.downcast_ref::<io::Error>();
    io.is_some_and(|error| error.kind() == io::ErrorKind::UnexpectedEof)
}

/// One record; `None` at the end of the stream.
fn record<T: DeserializeOwned>(input: &mut impl Read) -> Result<Option<T>> {
    let mut length = [0; 4];
    match input.read(&mut length[..1])? {
        0 => return Ok(None),
        _ => input.read_exact(&mut length[1..])?,
    }
    let length = u32::from_le_bytes(length) as usize;
    ensure!(
        length <= MAX_RECORD,
        "it is damaged: a record of {length} bytes"
    );
    let mut bytes = vec![0; length];
    input.read_exact(&mut bytes)?;
    let value = postcard::from_bytes(&bytes).context("it is damaged: a record makes no sense")?;
    Ok(Some(value))
}
