// SPDX-License-Identifier: GPL-2.0-only
//! One CPU's recorded events, read page by page.

use std::fs::File;
use std::io::{ErrorKind, Read};

use anyhow::{Context, Result};

use super::decode::Decoder;
use super::page::{Cursor, Layout};
use super::tracefs::Instance;
use crate::event::Event;

/// A CPU's events in the order in which it recorded them.
#[derive(Debug)]
pub struct Stream {
    cpu: u32,
    pages: File,
    page: Vec<u8>,
    layout: Layout,
    cursor: Option<Cursor>,
    /// Whether the CPU had events that it could not record. They all follow the
    /// last one of the stream, because a full buffer takes nothing more.
    pub lossy: bool,
}

impl Stream {
    /// Opens a CPU's stream.
    ///
    /// # Errors
    /// When tracefs refuses.
    pub fn open(instance: &Instance, cpu: u32, layout: Layout) -> Result<Self> {
        Ok(Self {
            cpu,
            pages: instance.open_pages(cpu)?,
            page: vec![0; layout.page_size()],
            layout,
            cursor: None,
            lossy: instance.lost_events(cpu)? > 0,
        })
    }

    /// The next event; `None` at the end.
    ///
    /// # Errors
    /// When a page can't be read or understood.
    pub fn next(&mut self, decoder: &Decoder) -> Result<Option<Event>> {
        let cpu = self.cpu;
        self.find_next(decoder)
            .with_context(|| format!("read the trace of CPU {cpu}"))
    }

    fn find_next(&mut self, decoder: &Decoder) -> Result<Option<Event>> {
        loop {
            if let Some(cursor) = &mut self.cursor {
                while let Some((time_ns, record)) = cursor.next(&self.page)? {
                    if let Some(kind) = decoder.decode(record)? {
                        let cpu = self.cpu;
                        return Ok(Some(Event { time_ns, cpu, kind }));
                    }
                }
            }
            if !self.next_page()? {
                return Ok(None);
            }
        }
    }

    fn next_page(&mut self) -> Result<bool> {
        let length = match self.pages.read(&mut self.page) {
            Ok(length) => length,
            Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
            // A CPU that was never online has no buffer.
            Err(error) if error.raw_os_error() == Some(libc::ENODEV) => 0,
            Err(error) => return Err(error.into()),
        };
        if length == 0 {
            return Ok(false);
        }
        let cursor = self.layout.open(&self.page[..length])?;
        if cursor.missed {
            anyhow::bail!("the kernel dropped events in the middle of the buffer");
        }
        self.cursor = Some(cursor);
        Ok(true)
    }
}
