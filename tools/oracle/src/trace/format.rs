// SPDX-License-Identifier: GPL-2.0-only
//! Layouts of trace records, from the `format` files of tracefs.

use anyhow::{Context, Result, bail};

/// Where a field lies in a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// Bytes from the start of the record.
    pub offset: usize,
    /// Bytes.
    pub size: usize,
    /// Whether it is a signed integer.
    pub signed: bool,
}

impl Field {
    /// The field's bytes; `None` when the record is too short.
    pub fn bytes<'a>(&self, record: &'a [u8]) -> Option<&'a [u8]> {
        record.get(self.offset..self.offset + self.size)
    }

    /// The field as a little-endian integer of its size, 8 bytes at most,
    /// sign-extended if it is signed.
    pub fn integer(&self, record: &[u8]) -> Option<i64> {
        let bytes = self.bytes(record)?;
        let mut value = [0; 8];
        value.get_mut(..bytes.len())?.copy_from_slice(bytes);
        let unused_bits = 64 - 8 * bytes.len() as u32;
        let value = i64::from_le_bytes(value).wrapping_shl(unused_bits);
        Some(match self.signed {
            true => value >> unused_bits,
            false => (value as u64 >> unused_bits) as i64,
        })
    }
}

/// Layout of one kind of record.
#[derive(Debug, Clone, PartialEq)]
pub struct Format {
    /// The number that marks records of this kind.
    pub id: u16,
    fields: Vec<(String, Field)>,
}

impl Format {
    /// Parses a `format` file.
    ///
    /// # Errors
    /// When it has no id or a field line is not understood.
    pub fn parse(text: &str) -> Result<Self> {
        let id = text
            .lines()
            .find_map(|line| line.strip_prefix("ID: "))
            .context("the format has no ID line")?;
        Ok(Self {
            id: id.trim().parse().context("the format's ID")?,
            fields: parse_fields(text)?,
        })
    }

    /// The field called `name`.
    ///
    /// # Errors
    /// When the kernel's record has no such field.
    pub fn field(&self, name: &str) -> Result<Field> {
        find_field(&self.fields, name)
    }
}

/// The named field of a list.
///
/// # Errors
/// When it is not there.
pub fn find_field(fields: &[(String, Field)], name: &str) -> Result<Field> {
    let found = fields.iter().find(|(known, _)| known == name);
    let (_, field) =
        found.with_context(|| format!("this kernel's record has no field '{name}'"))?;
    Ok(*field)
}

/// The fields of a `format` or `header_page` file, by name.
///
/// # Errors
/// When a field line is not understood.
pub fn parse_fields(text: &str) -> Result<Vec<(String, Field)>> {
    let lines = text.lines().map(str::trim);
    lines
        .filter_map(|line| line.strip_prefix("field:"))
        .map(|line| parse_field(line).with_context(|| format!("field line '{line}'")))
        .collect()
}

/// Parses ` TYPE NAME[N]; offset:A; size:B; signed:C;`.
fn parse_field(line: &str) -> Result<(String, Field)> {
    let mut parts = line.split(';').map(str::trim);
    let declaration = parts.next().unwrap_or_default();
    let name = declaration.rsplit(' ').next().unwrap_or_default();
    let name = name.split('[').next().unwrap_or_default();
    let mut number = |key: &str| -> Result<usize> {
        let Some(value) = parts.next().and_then(|part| part.strip_prefix(key)) else {
            bail!("'{key}' is missing");
        };
        Ok(value.parse()?)
    };
    let field = Field {
        offset: number("offset:")?,
        size: number("size:")?,
        signed: number("signed:")? != 0,
    };
    Ok((name.to_owned(), field))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SWITCH: &str = "name: sched_switch\nID: 308\nformat:\n\
        \tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n\n\
        \tfield:char prev_comm[16];\toffset:8;\tsize:16;\tsigned:0;\n\
        \tfield:pid_t prev_pid;\toffset:24;\tsize:4;\tsigned:1;\n\
        \tfield:u64 mask[];\toffset:32;\tsize:8;\tsigned:0;\n\nprint fmt: \"field:\"\n";

    #[test]
    fn fields_are_found_by_name() {
        let format = Format::parse(SWITCH).unwrap();
        assert_eq!(format.id, 308);
        let expected = Field {
            offset: 24,
            size: 4,
            signed: true,
        };
        assert_eq!(format.field("prev_pid").unwrap(), expected);
        assert_eq!(format.field("prev_comm").unwrap().size, 16);
        assert_eq!(format.field("mask").unwrap().offset, 32);
        assert!(format.field("comm").is_err());
    }

    #[test]
    fn the_ring_buffers_page_header_parses_too() {
        let text = "\tfield: u64 timestamp;\toffset:0;\tsize:8;\tsigned:0;\n\
                    \tfield: local_t commit;\toffset:8;\tsize:8;\tsigned:1;\n";
        let fields = parse_fields(text).unwrap();
        assert_eq!(find_field(&fields, "commit").unwrap().offset, 8);
    }

    #[test]
    fn integers_have_their_size_and_sign() {
        let record = [0xfe, 0xff, 0xff, 0xff, 1];
        let field = |size, signed| Field {
            offset: 0,
            size,
            signed,
        };
        assert_eq!(field(4, true).integer(&record), Some(-2));
        assert_eq!(field(4, false).integer(&record), Some(0xffff_fffe));
        assert_eq!(field(1, false).integer(&record), Some(0xfe));
        assert_eq!(field(8, true).integer(&record), None);
    }

    #[test]
    fn broken_formats_are_refused() {
        assert!(Format::parse("format:").is_err());
        assert!(parse_fields("field:int a; offset:x;").is_err());
    }
}
