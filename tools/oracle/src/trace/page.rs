// SPDX-License-Identifier: GPL-2.0-only
//! One page ("sub-buffer") of a ftrace ring buffer.
//!
//! A page begins with the time of its first record and the number of bytes used.
//! Each record has a 32-bit header: 5 bits of type or length, 27 bits of time
//! since the record before. Layout: the comments and enum of
//! include/linux/ring_buffer.h, and `events/header_page`, `events/header_event`.

use anyhow::{Context, Result, bail};

use super::format::{Field, find_field, parse_fields};

#[cfg(not(target_endian = "little"))]
compile_error!("ring buffer records are bit fields; only little-endian ones are known here");

const PADDING: u32 = 29;
const TIME_EXTEND: u32 = 30;
const TIME_STAMP: u32 = 31;
const DELTA_BITS: u32 = 27;
/// Absolute time stamps hold this many bits; the rest is the last known time's.
const STAMP_BITS: u32 = 59;
/// The top bits of the byte count are flags; this one says that events are
/// missing before the page.
const MISSED: u32 = 1 << 31;
const USED_MASK: u32 = (1 << 30) - 1;

/// How pages of this kernel are laid out.
#[derive(Debug, Clone, Copy)]
pub struct Layout {
    timestamp: Field,
    commit: Field,
    data: Field,
}

impl Layout {
    /// Parses `events/header_page`.
    ///
    /// # Errors
    /// When a field is missing.
    pub fn parse(header_page: &str) -> Result<Self> {
        let fields = parse_fields(header_page)?;
        Ok(Self {
            timestamp: find_field(&fields, "timestamp")?,
            commit: find_field(&fields, "commit")?,
            data: find_field(&fields, "data")?,
        })
    }

    /// Size of a page, bytes.
    pub fn page_size(&self) -> usize {
        self.data.offset + self.data.size
    }

    /// Begins to read a page.
    ///
    /// # Errors
    /// When its header makes no sense.
    pub fn open(&self, page: &[u8]) -> Result<Cursor> {
        let time = self.timestamp.integer(page);
        let commit = self.commit.integer(page);
        let (time, commit) = time.zip(commit).context("a page without a header")?;
        let used = (commit as u32 & USED_MASK) as usize;
        let end = self.data.offset + used;
        if end > page.len() {
            bail!("a page of {} bytes claims to use {end}", page.len());
        }
        Ok(Cursor {
            at: self.data.offset,
            end,
            time_ns: time as u64,
            missed: commit as u32 & MISSED != 0,
        })
    }
}

/// A position in a page.
#[derive(Debug)]
pub struct Cursor {
    at: usize,
    end: usize,
    time_ns: u64,
    /// Whether the kernel dropped events just before this page.
    pub missed: bool,
}

impl Cursor {
    /// The next record: its time and its bytes. `None` at the page's end.
    ///
    /// # Errors
    /// When a record reaches beyond the page.
    pub fn next<'a>(&mut self, page: &'a [u8]) -> Result<Option<(u64, &'a [u8])>> {
        let page = &page[..self.end];
        while self.at < self.end {
            let start = self.at;
            let header = word(page, start)?;
            let (kind, delta) = (header & 31, u64::from(header >> 5));
            match kind {
                PADDING if delta == 0 => self.at = self.end,
                PADDING => {
                    self.at += 4 + word(page, start + 4)? as usize;
                    self.time_ns += delta;
                }
                TIME_EXTEND => {
                    self.time_ns += (u64::from(word(page, start + 4)?) << DELTA_BITS) + delta;
                    self.at += 8;
                }
                TIME_STAMP => {
                    let stamp = (u64::from(word(page, start + 4)?) << DELTA_BITS) + delta;
                    self.time_ns = (self.time_ns >> STAMP_BITS << STAMP_BITS) | stamp;
                    self.at += 8;
                }
                _ => {
                    self.time_ns += delta;
                    return self.take_data(page, kind).map(Some);
                }
            }
        }
        Ok(None)
    }

    /// A data record at the cursor. Kinds 1 to 28 are the length in words; with
    /// kind 0 a word with the length in bytes, itself included, precedes the data.
    fn take_data<'a>(&mut self, page: &'a [u8], kind: u32) -> Result<(u64, &'a [u8])> {
        let (from, length) = match kind {
            0 => (
                self.at + 8,
                (word(page, self.at + 4)? as usize).checked_sub(4),
            ),
            words => (self.at + 4, Some(4 * words as usize)),
        };
        let length = length.context("a record shorter than its header")?;
        let data = page.get(from..from + length);
        self.at = from + length.next_multiple_of(4);
        Ok((
            self.time_ns,
            data.context("a record reaches beyond its page")?,
        ))
    }
}

fn word(page: &[u8], at: usize) -> Result<u32> {
    let bytes = page.get(at..at + 4).and_then(|b| b.try_into().ok());
    bytes
        .map(u32::from_le_bytes)
        .context("a record's header reaches beyond its page")
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "field: u64 timestamp;\toffset:0;\tsize:8;\tsigned:0;\n\
        field: local_t commit;\toffset:8;\tsize:8;\tsigned:1;\n\
        field: int overwrite;\toffset:8;\tsize:1;\tsigned:1;\n\
        field: char data;\toffset:16;\tsize:112;\tsigned:0;\n";

    fn page(flags: u32, words: &[u32]) -> Vec<u8> {
        let mut page = 1_000_u64.to_le_bytes().to_vec();
        page.extend(u64::from(flags | (words.len() as u32 * 4)).to_le_bytes());
        page.extend(words.iter().flat_map(|word| word.to_le_bytes()));
        page.resize(128, 0);
        page
    }

    fn header(kind: u32, delta: u32) -> u32 {
        kind | delta << 5
    }

    fn records(page: &[u8]) -> Result<Vec<(u64, Vec<u8>)>> {
        let mut cursor = Layout::parse(HEADER)?.open(page)?;
        let mut found = Vec::new();
        while let Some((time, data)) = cursor.next(page)? {
            found.push((time, data.to_vec()));
        }
        Ok(found)
    }

    #[test]
    fn records_of_every_kind() {
        let page = page(
            0,
            &[
                header(1, 5),
                0x04030201,
                header(TIME_EXTEND, 1),
                2,
                header(0, 3),
                4 + 8,
                7,
                8,
                header(PADDING, 4),
                8,
                0,
                header(TIME_STAMP, 9),
                3,
                header(2, 0),
                9,
                10,
                header(PADDING, 0),
                99,
            ],
        );
        let found = records(&page).unwrap();
        assert_eq!(found[0], (1005, vec![1, 2, 3, 4]));
        let extended = 1005 + (2 << 27) + 1 + 3;
        assert_eq!(found[1], (extended, vec![7, 0, 0, 0, 8, 0, 0, 0]));
        assert_eq!((found[2].0, found[2].1.len()), ((3 << 27) + 9, 8));
        assert_eq!(found.len(), 3);
    }

    #[test]
    fn lost_events_are_seen() {
        let layout = Layout::parse(HEADER).unwrap();
        assert_eq!(layout.page_size(), 128);
        assert!(layout.open(&page(MISSED, &[])).unwrap().missed);
        assert!(!layout.open(&page(0, &[])).unwrap().missed);
    }

    #[test]
    fn truncated_pages_are_refused() {
        assert!(records(&page(0, &[header(3, 0), 1])).is_err());
        assert!(records(&page(0, &[header(0, 0), 2])).is_err());
        assert!(records(&page(0, &[0; 28])[..100]).is_err());
    }
}
