// SPDX-License-Identifier: GPL-2.0-only
//! What programs call: maps, and the iterator of numbers.

use std::collections::HashMap;

use anyhow::{Context, Result, bail, ensure};

use super::memory::Memory;
use crate::image::Shape;

/// Addresses from here on stand for maps.
const MAPS: u64 = 1 << 48;

/// A kind of map, by its number in the kernel's `enum bpf_map_type`.
const ARRAY: u32 = 2;

/// All maps of an object.
#[derive(Default)]
pub struct Maps {
    shapes: Vec<Shape>,
    values: HashMap<(usize, Vec<u8>), u64>,
}

/// A function of the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kfunc {
    NumNew,
    NumNext,
    NumDestroy,
    /// One that is not here, and must not be called.
    Other,
}

impl Kfunc {
    /// By its name.
    pub fn of(name: &str) -> Self {
        match name {
            "bpf_iter_num_new" => Self::NumNew,
            "bpf_iter_num_next" => Self::NumNext,
            "bpf_iter_num_destroy" => Self::NumDestroy,
            _ => Self::Other,
        }
    }
}

/// Runs one: an iterator is the number that it is at and the one where it ends.
pub fn kfunc(kfunc: Kfunc, regs: &[u64; 11], memory: &mut Memory) -> Result<u64> {
    let at = regs[1];
    match kfunc {
        Kfunc::NumNew => {
            memory.store(at, 4, regs[2].wrapping_sub(1))?;
            memory.store(at + 4, 4, regs[3])?;
        }
        Kfunc::NumNext => {
            let next = (memory.load(at, 4)? as i32).wrapping_add(1);
            if next < memory.load(at + 4, 4)? as i32 {
                memory.store(at, 4, next as u64)?;
                return Ok(at);
            }
            memory.store(at, 8, 0)?;
        }
        Kfunc::NumDestroy => {}
        Kfunc::Other => bail!("it calls a function of the kernel's that is not here"),
    }
    Ok(0)
}

impl Maps {
    /// One more map; returns what stands for it.
    pub fn add(&mut self, shape: Shape) -> u64 {
        self.shapes.push(shape);
        MAPS + self.shapes.len() as u64 - 1
    }

    /// Runs the kernel's helper of that number.
    pub fn help(&mut self, number: u32, regs: &[u64; 11], memory: &mut Memory) -> Result<u64> {
        match number {
            1 => self.lookup(regs, memory),
            2 => self.update(regs, memory),
            // bpf_ktime_get_ns(): nothing takes time, so that two runs are the same.
            5 => Ok(0),
            _ => bail!("it calls helper {number}, which is not here"),
        }
    }

    fn lookup(&mut self, regs: &[u64; 11], memory: &mut Memory) -> Result<u64> {
        let (map, shape) = self.map(regs[1])?;
        let key = memory.bytes(regs[2], shape.key)?.to_vec();
        if let Some(&value) = self.values.get(&(map, key.clone())) {
            return Ok(value);
        }
        let index = || Some(u32::from_le_bytes(key[..].try_into().ok()?));
        if shape.kind == ARRAY && index().is_some_and(|index| index < shape.entries) {
            let value = memory.put(&vec![0; shape.value]);
            self.values.insert((map, key), value);
            return Ok(value);
        }
        Ok(0)
    }

    fn update(&mut self, regs: &[u64; 11], memory: &mut Memory) -> Result<u64> {
        let (map, shape) = self.map(regs[1])?;
        ensure!(shape.kind != ARRAY, "it replaces an element of an array");
        let key = memory.bytes(regs[2], shape.key)?.to_vec();
        let value = memory.bytes(regs[3], shape.value)?.to_vec();
        let value = memory.put(&value);
        self.values.insert((map, key), value);
        Ok(0)
    }

    fn map(&self, handle: u64) -> Result<(usize, Shape)> {
        let index = handle.wrapping_sub(MAPS) as usize;
        let shape = self.shapes.get(index).copied();
        Ok((index, shape.context("what it takes for a map is none")?))
    }
}
