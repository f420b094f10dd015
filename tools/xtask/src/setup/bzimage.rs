// SPDX-License-Identifier: GPL-2.0-only
//! Taking the kernel out of a bzImage, by the fields of its setup header
//! (Documentation/arch/x86/boot.rst of Linux). Done once here, it saves every
//! boot the seconds that an emulated CPU takes to decompress a kernel.

use anyhow::{Context, Result, bail};

/// How a bzImage's payload is compressed, named by the program that undoes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    Gzip,
    Xz,
    Zstd,
}

impl Compression {
    /// The program that decompresses standard input with `-dc`.
    pub fn program(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Xz => "xz",
            Self::Zstd => "zstd",
        }
    }
}

const SETUP_SECTS: usize = 0x1f1;
const BOOT_FLAG: usize = 0x1fe;
const HEADER_MAGIC: usize = 0x202;
const PAYLOAD_OFFSET: usize = 0x248;
const PAYLOAD_LENGTH: usize = 0x24c;
const SECTOR: usize = 512;

/// The compressed ELF file inside a bzImage. The four bytes after it, its size
/// when decompressed, are left off: decompressors complain about them.
///
/// # Errors
/// When `image` is no bzImage, is cut short, or is compressed in another way.
pub fn payload(image: &[u8]) -> Result<(Compression, &[u8])> {
    if image.get(BOOT_FLAG..BOOT_FLAG + 2) != Some(&[0x55, 0xaa])
        || image.get(HEADER_MAGIC..HEADER_MAGIC + 4) != Some(b"HdrS")
    {
        bail!("no bzImage");
    }
    // The boot protocol lets 0 stand for 4.
    let sectors = match image[SETUP_SECTS] {
        0 => 4,
        n => usize::from(n),
    };
    let start = (sectors + 1) * SECTOR + word(image, PAYLOAD_OFFSET)?;
    let length = word(image, PAYLOAD_LENGTH)?;
    let payload = image
        .get(start..start + length.saturating_sub(4))
        .context("a bzImage cut short")?;
    let compression = match payload {
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Compression::Zstd,
        [0xfd, b'7', b'z', b'X', b'Z', ..] => Compression::Xz,
        [0x1f, 0x8b, ..] => Compression::Gzip,
        _ => bail!("a bzImage compressed with neither zstd, xz nor gzip"),
    };
    Ok((compression, payload))
}

fn word(image: &[u8], at: usize) -> Result<usize> {
    let bytes = image
        .get(at..at + 4)
        .and_then(|bytes| bytes.try_into().ok());
    Ok(u32::from_le_bytes(bytes.context("a bzImage cut short")?) as usize)
}

#[cfg(test)]
mod tests {
    use super::{Compression, payload};

    fn image() -> Vec<u8> {
        let mut image = vec![0; 4096];
        image[0x1f1] = 2;
        image[0x1fe..0x206].copy_from_slice(b"\x55\xaa\0\0HdrS");
        image[0x248..0x24c].copy_from_slice(&16u32.to_le_bytes());
        image[0x24c..0x250].copy_from_slice(&12u32.to_le_bytes());
        let at = 3 * 512 + 16;
        image[at..at + 12].copy_from_slice(b"\x28\xb5\x2f\xfdbodySIZE");
        image
    }

    #[test]
    fn the_payload_is_found_without_its_size() {
        let image = image();
        let (compression, body) = payload(&image).unwrap();
        assert_eq!(
            (compression, body),
            (Compression::Zstd, &b"\x28\xb5\x2f\xfdbody"[..])
        );
    }

    #[test]
    fn other_files_are_refused() {
        assert!(payload(b"\x7fELF").is_err());
        let mut short = image();
        short.truncate(1600);
        assert!(payload(&short).is_ok());
        short.truncate(1555);
        assert!(payload(&short).is_err());
    }
}
