// SPDX-License-Identifier: GPL-2.0-only
//! Memory from one address on: stack, sections, values of maps.

use anyhow::{Context, Result};

const BASE: u64 = 1 << 32;
const FRAME: u64 = 512;
const FRAMES: u64 = 8;

/// The memory of a machine.
pub struct Memory {
    bytes: Vec<u8>,
}

impl Default for Memory {
    fn default() -> Self {
        Self {
            bytes: vec![0; (FRAME * FRAMES) as usize],
        }
    }
}

impl Memory {
    /// The end of the stack of the frame of that number.
    pub fn stack(&self, frame: usize) -> u64 {
        BASE + FRAME * (frame as u64 + 1)
    }

    /// Makes room for `bytes` at the beginning of a page, and returns where.
    pub fn put(&mut self, bytes: &[u8]) -> u64 {
        self.bytes
            .resize(self.bytes.len().next_multiple_of(4096), 0);
        let at = self.bytes.len() as u64;
        self.bytes.extend_from_slice(bytes);
        BASE + at
    }

    /// Bytes from an address on.
    ///
    /// # Errors
    /// When there is nothing.
    pub fn bytes(&self, at: u64, len: usize) -> Result<&[u8]> {
        let start = at.wrapping_sub(BASE) as usize;
        let end = start.checked_add(len);
        let bytes = end.and_then(|end| self.bytes.get(start..end));
        bytes.with_context(|| format!("nothing is at {at:#x}"))
    }

    /// The number of so many bytes that stands there.
    ///
    /// # Errors
    /// As [`Memory::bytes`].
    pub fn load(&self, at: u64, width: usize) -> Result<u64> {
        let mut wide = [0; 8];
        wide[..width].copy_from_slice(self.bytes(at, width)?);
        Ok(u64::from_le_bytes(wide))
    }

    /// Writes it.
    ///
    /// # Errors
    /// As [`Memory::bytes`].
    pub fn store(&mut self, at: u64, width: usize, value: u64) -> Result<()> {
        self.bytes(at, width)?;
        let start = at.wrapping_sub(BASE) as usize;
        self.bytes[start..start + width].copy_from_slice(&value.to_le_bytes()[..width]);
        Ok(())
    }
}
