// SPDX-License-Identifier: GPL-2.0-only
//! Object files of BPF programs: sections, symbols, relocations. ELF of 64 bits in the
//! order of bytes of x86 and arm64.

use std::ops::Range;

use anyhow::{Context, Result, ensure};

const SECTIONS_AT: usize = 0x28;
const SECTION_SIZE: usize = 64;
const SYMBOL_SIZE: usize = 24;
const REL_SIZE: usize = 16;

const SYMTAB: u32 = 2;
const NOBITS: u32 = 8;
const REL: u32 = 9;

const ALLOC: u64 = 2;
const EXEC: u64 = 4;

/// An object file.
#[derive(Debug, Default)]
pub struct Object {
    pub sections: Vec<Section>,
    pub symbols: Vec<Symbol>,
    pub relocations: Vec<Relocation>,
}

/// A section of one.
#[derive(Debug)]
pub struct Section {
    pub name: String,
    pub executable: bool,
    /// It is there when the program runs.
    pub loaded: bool,
    pub bytes: Vec<u8>,
}

/// What a name stands for.
#[derive(Clone, Debug)]
pub struct Symbol {
    pub name: String,
    /// None: it is the kernel's.
    pub section: Option<usize>,
    pub value: usize,
    pub size: usize,
}

/// An instruction that speaks of a symbol.
#[derive(Debug)]
pub struct Relocation {
    pub section: usize,
    pub offset: usize,
    pub symbol: usize,
}

impl Object {
    /// Reads an object.
    ///
    /// # Errors
    /// Bytes that are none, or one that is cut off.
    pub fn parse(file: &[u8]) -> Result<Self> {
        ensure!(
            file.starts_with(b"\x7fELF\x02\x01"),
            "no ELF object of 64 bits"
        );
        let at = word(file, SECTIONS_AT, 8)?;
        let count = word(file, 0x3c, 2)?;
        let names = word(file, 0x3e, 2)?;
        let heads = file.get(at..).context("the object is cut off")?;
        let head = |index: usize| Head::read(heads, index * SECTION_SIZE);
        let names = head(names)?.bytes(file)?;
        let mut object = Self::default();
        let mut kinds = Vec::new();
        for index in 0..count {
            let head = head(index)?;
            let loaded = head.flags & ALLOC != 0;
            object.sections.push(Section {
                name: text(&names, head.name)?,
                executable: loaded && head.flags & EXEC != 0,
                loaded,
                bytes: head.bytes(file)?,
            });
            kinds.push(head);
        }
        for (index, kind) in kinds.iter().enumerate() {
            match kind.kind {
                SYMTAB => object.symbols = object.read_symbols(index, kind.link)?,
                REL => {
                    let mut found = object.read_relocations(index, kind.info)?;
                    object.relocations.append(&mut found);
                }
                _ => {}
            }
        }
        Ok(object)
    }

    fn read_symbols(&self, section: usize, names: usize) -> Result<Vec<Symbol>> {
        let names = &self.sections.get(names).context("no names of symbols")?;
        let bytes = &self.sections[section].bytes;
        let symbol = |entry: &[u8]| {
            let section = word(entry, 6, 2)?;
            let named = text(&names.bytes, word(entry, 0, 4)?)?;
            let inside = self.sections.get(section).filter(|_| section != 0);
            Ok(Symbol {
                // Symbols of sections have no name.
                name: match inside {
                    Some(section) if named.is_empty() => section.name.clone(),
                    _ => named,
                },
                section: inside.map(|_| section),
                value: word(entry, 8, 8)?,
                size: word(entry, 16, 8)?,
            })
        };
        bytes.chunks_exact(SYMBOL_SIZE).map(symbol).collect()
    }

    fn read_relocations(&self, section: usize, of: usize) -> Result<Vec<Relocation>> {
        let relocation = |entry: &[u8]| {
            Ok(Relocation {
                section: of,
                offset: word(entry, 0, 8)?,
                symbol: word(entry, 12, 4)?,
            })
        };
        let bytes = &self.sections[section].bytes;
        bytes.chunks_exact(REL_SIZE).map(relocation).collect()
    }

    /// A variable's or function's section and bytes in it.
    pub fn find(&self, name: &str) -> Option<(usize, Range<usize>)> {
        let symbol = self.symbols.iter().find(|symbol| symbol.name == name)?;
        Some((symbol.section?, symbol.value..symbol.value + symbol.size))
    }

    /// The section of a name.
    pub fn section(&self, name: &str) -> Option<usize> {
        self.sections
            .iter()
            .position(|section| section.name == name)
    }
}

/// The header of a section.
struct Head {
    name: usize,
    kind: u32,
    flags: u64,
    offset: usize,
    size: usize,
    link: usize,
    info: usize,
}

impl Head {
    fn read(heads: &[u8], at: usize) -> Result<Self> {
        Ok(Self {
            name: word(heads, at, 4)?,
            kind: u32::try_from(word(heads, at + 4, 4)?)?,
            flags: word(heads, at + 8, 8)? as u64,
            offset: word(heads, at + 24, 8)?,
            size: word(heads, at + 32, 8)?,
            link: word(heads, at + 40, 4)?,
            info: word(heads, at + 44, 4)?,
        })
    }

    fn bytes(&self, file: &[u8]) -> Result<Vec<u8>> {
        if self.kind == NOBITS {
            return Ok(vec![0; self.size]);
        }
        let end = self.offset.checked_add(self.size);
        let bytes = end.and_then(|end| file.get(self.offset..end));
        Ok(bytes.context("the object is cut off")?.to_vec())
    }
}

/// A number of so many bytes.
fn word(bytes: &[u8], at: usize, size: usize) -> Result<usize> {
    let end = at.checked_add(size);
    let field = end.and_then(|end| bytes.get(at..end));
    let mut wide = [0; 8];
    wide[..size].copy_from_slice(field.context("the object is cut off")?);
    Ok(usize::try_from(u64::from_le_bytes(wide))?)
}

fn text(names: &[u8], at: usize) -> Result<String> {
    let rest = names.get(at..).context("the object is cut off")?;
    let name = rest.split(|&byte| byte == 0).next().unwrap_or_default();
    Ok(String::from_utf8_lossy(name).into_owned())
}

#[cfg(test)]
mod tests {
    use super::Object;

    #[test]
    fn what_is_no_object_is_said_to_be_none() {
        let error = |bytes: &[u8]| Object::parse(bytes).unwrap_err().to_string();
        assert!(error(b"text").contains("no ELF"));
        let mut cut = b"\x7fELF\x02\x01".to_vec();
        assert!(error(&cut).contains("cut off"));
        cut.resize(64, 0xff);
        assert!(error(&cut).contains("cut off"));
    }
}
