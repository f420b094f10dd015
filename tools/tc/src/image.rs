// SPDX-License-Identifier: GPL-2.0-only
//! The harness's memory as it is before the first run, and what it tells after.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use libbpf_rs::ObjectBuilder;

use crate::elf::Object;

/// The harness's account of itself, `struct tc_state`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stage {
    /// Runs of tasks that began: decisions.
    pub runs: u64,
    /// Callbacks that were called.
    pub calls: u64,
    /// Visits of CPUs.
    pub visits: u64,
    /// A sum of what was decided, in its order.
    pub trail: u64,
}

/// How a map is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// As the kernel's `enum bpf_map_type` has it.
    pub kind: u32,
    pub key: usize,
    pub value: usize,
    pub entries: u32,
}

/// An object whose mix is chosen.
pub struct Image {
    pub object: Object,
    /// Its maps by their names.
    pub shapes: HashMap<String, Shape>,
    stage: usize,
}

impl Image {
    /// Reads an object of the harness and makes its mix the one of that number.
    ///
    /// # Errors
    /// When it is none.
    pub fn read(file: &Path, mix: u32) -> Result<Self> {
        let bytes = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
        let mut object = Object::parse(&bytes).with_context(|| file.display().to_string())?;
        let (section, place) = object.find("tc_mix").context("it has no variable tc_mix")?;
        object.sections[section].bytes[place].copy_from_slice(&mix.to_le_bytes());
        let (_, stage) = object.find("stage").context("it has no variable stage")?;
        // The account is at its end.
        let stage = stage.end - 4 * 8;
        let shapes = shapes(&bytes).with_context(|| file.display().to_string())?;
        Ok(Self {
            object,
            shapes,
            stage,
        })
    }

    /// The sections that change when it runs.
    pub fn writable(&self) -> impl Iterator<Item = (&str, &[u8])> {
        let sections = self.object.sections.iter();
        sections
            .filter(|section| [".data", ".bss"].contains(&section.name.as_str()))
            .map(|section| (section.name.as_str(), &section.bytes[..]))
    }

    /// The account in the bytes of `.bss`.
    ///
    /// # Errors
    /// When there are too few.
    pub fn stage(&self, bss: &[u8]) -> Result<Stage> {
        let words = bss.get(self.stage..self.stage + 32);
        let words = words.context("the account is cut off")?;
        let word = |at: usize| {
            let mut word = [0; 8];
            word.copy_from_slice(&words[at * 8..at * 8 + 8]);
            u64::from_le_bytes(word)
        };
        Ok(Stage {
            runs: word(0),
            calls: word(1),
            visits: word(2),
            trail: word(3),
        })
    }
}

/// What libbpf would make maps by.
fn shapes(object: &[u8]) -> Result<HashMap<String, Shape>> {
    let mut builder = ObjectBuilder::default();
    let open = builder
        .open_memory(object)
        .context("libbpf cannot read it")?;
    let shape = |map: libbpf_rs::OpenMap<'_>| {
        let shape = Shape {
            kind: map.map_type() as u32,
            key: map.key_size() as usize,
            value: map.value_size() as usize,
            entries: map.max_entries(),
        };
        (map.name().to_string_lossy().into_owned(), shape)
    };
    // Those of sections have a dot in their name; relocations speak of sections as such.
    let maps = open.maps().map(shape);
    Ok(maps.filter(|(name, _)| !name.contains('.')).collect())
}
