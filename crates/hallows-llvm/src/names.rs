// SPDX-License-Identifier: GPL-2.0-only
//! The names of instrumented functions, which clang keeps in one string
//! (`__llvm_prf_names`), and the hash by which its records refer to them.

use std::io::Read;

use anyhow::{Context, Result, bail};
use flate2::read::ZlibDecoder;

/// Between two names.
const SEPARATOR: char = '\u{1}';

/// All names of a module. They come as their length and their length when
/// compressed (0 if they are not), both in LEB128, and the names themselves.
///
/// # Errors
/// Bytes that are no such string.
pub fn read(bytes: &[u8]) -> Result<Vec<String>> {
    let (length, rest) = leb128(bytes)?;
    let (compressed, rest) = leb128(rest)?;
    let mut names = String::new();
    if compressed > 0 {
        let packed = rest
            .get(..compressed)
            .context("names of functions, cut short")?;
        ZlibDecoder::new(packed)
            .read_to_string(&mut names)
            .context("cannot decompress names of functions")?;
    } else {
        let plain = rest
            .get(..length)
            .context("names of functions, cut short")?;
        names = String::from_utf8(plain.to_vec()).context("names of functions")?;
    }
    Ok(names.split(SEPARATOR).map(str::to_owned).collect())
}

/// The hash of a name in clang's records: the first half of its MD5.
pub fn hash(name: &str) -> u64 {
    let digest = md5::compute(name);
    // MD5 is made of words whose first byte is the lowest.
    digest[..8]
        .iter()
        .rev()
        .fold(0, |hash, &byte| (hash << 8) | u64::from(byte))
}

fn leb128(bytes: &[u8]) -> Result<(usize, &[u8])> {
    let mut number = 0;
    for (place, &byte) in bytes.iter().enumerate().take(4) {
        number |= usize::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            return Ok((number, &bytes[place + 1..]));
        }
    }
    bail!("names of functions: no length")
}

#[cfg(test)]
mod tests {
    use super::{hash, read};

    // What clang 22 made of two functions.
    const PLAIN: &[u8] = b"\x0c\x00hinted\x01plain";
    const PACKED: &[u8] = b"\x0c\x14x\xda\xcb\xc8\xcc\x2bIMa,\xc8I\xcc\xcc\x03\x00\x1d\xfc\x04\x92";

    #[test]
    fn names_are_read_packed_and_plain() {
        assert_eq!(read(PLAIN).unwrap(), ["hinted", "plain"]);
        assert_eq!(read(PACKED).unwrap(), ["hinted", "plain"]);
    }

    #[test]
    fn what_is_cut_short_is_refused() {
        assert!(read(&PLAIN[..9]).is_err());
        assert!(read(&PACKED[..9]).is_err());
        assert!(read(&[]).is_err() && read(&[0x80]).is_err());
    }

    #[test]
    fn a_name_has_clangs_hash() {
        assert_eq!(hash("hinted"), 4109012029592724077);
        assert_eq!(hash("plain"), 514531914480646572);
    }
}
