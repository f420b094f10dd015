// SPDX-License-Identifier: GPL-2.0-only
//! Instructions, with what they speak of put in.

use std::collections::HashMap;

use anyhow::{Context, Result, bail, ensure};

use super::helpers::{Kfunc, Maps};
use super::memory::Memory;
use crate::elf::{Object, Symbol};
use crate::image::Image;

/// Source register of a call that is to a function of the object.
const PSEUDO_CALL: usize = 1;

/// The code of an object, its sections one after the other.
#[derive(Default)]
pub struct Code {
    pub insns: Vec<Insn>,
    pub functions: Vec<Function>,
    /// Where each section is: an address of data, or an index of an instruction.
    pub bases: Vec<u64>,
    /// The function that each instruction is of.
    owners: Vec<Option<usize>>,
}

/// A function of it.
pub struct Function {
    pub name: String,
    start: usize,
}

/// An instruction.
#[derive(Clone, Copy, Debug)]
pub struct Insn {
    pub op: u8,
    pub dst: usize,
    pub src: usize,
    pub off: i64,
    /// Of 64 bits, with its sign.
    pub imm: u64,
    /// Where it jumps to, from the next one.
    pub jump: i64,
    /// It takes two places.
    pub wide: bool,
    /// It is of a macro that bounds an index.
    pub bounds: bool,
    /// It skips one move: LLVM makes that of the choice between two values, after the
    /// plugin has seen the blocks.
    pub choice: bool,
    pub kind: Kind,
}

/// What it is to the flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Plain,
    Jump,
    Call(Call),
    Exit,
}

/// Whom it calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    Function(usize),
    Helper(u32),
    Kernel(Kfunc),
}

impl Insn {
    /// One that speaks of nothing else.
    pub fn plain(op: u8, dst: usize, src: usize, off: i64, imm: i64) -> Self {
        let kind = match (op & 7, op & 0xf0) {
            (5, 0x80) => Kind::Call(Call::Helper(imm as u32)),
            (5, 0x90) => Kind::Exit,
            (5 | 6, _) => Kind::Jump,
            _ => Kind::Plain,
        };
        Self {
            op,
            dst,
            src,
            off,
            imm: imm as u64,
            // The jump of 32 bits has its distance elsewhere.
            jump: if op == 0x06 { imm } else { off },
            wide: op == 0x18,
            bounds: false,
            choice: false,
            kind,
        }
    }

    fn read(bytes: &[u8]) -> Result<Self> {
        let &[op, registers, o0, o1, i0, i1, i2, i3] = bytes else {
            bail!("an instruction is cut off");
        };
        let off = i64::from(i16::from_le_bytes([o0, o1]));
        let imm = i64::from(i32::from_le_bytes([i0, i1, i2, i3]));
        let (dst, src) = (usize::from(registers & 15), usize::from(registers >> 4));
        ensure!(dst < 11 && src < 11, "there is no such register");
        Ok(Self::plain(op, dst, src, off, imm))
    }

    /// The second operand of arithmetic or of a condition.
    pub fn operand(&self, regs: &[u64; 11]) -> u64 {
        if self.op & 8 != 0 {
            regs[self.src]
        } else {
            self.imm
        }
    }

    /// Bytes that a load or a store moves.
    pub fn width(&self) -> usize {
        [4, 2, 1, 8][usize::from(self.op >> 3 & 3)]
    }
}

impl Code {
    /// Reads an object's code and puts its data into memory.
    ///
    /// # Errors
    /// When it speaks of something that there is not.
    pub fn read(image: &Image, memory: &mut Memory, maps: &mut Maps) -> Result<Self> {
        let object = &image.object;
        let mut code = Self::default();
        for section in &object.sections {
            code.bases.push(if section.executable {
                let base = code.insns.len() as u64;
                for bytes in section.bytes.chunks(8) {
                    code.insns.push(Insn::read(bytes)?);
                }
                base
            } else if section.loaded {
                memory.put(&section.bytes)
            } else {
                0
            });
        }
        code.join_wide();
        code.relocate(image, maps)?;
        code.mark_bounds();
        code.mark_choices();
        code.find_functions(object);
        Ok(code)
    }

    /// The other half of a constant of 64 bits is in the next place.
    fn join_wide(&mut self) {
        for at in 1..self.insns.len() {
            let high = self.insns[at].imm;
            let low = &mut self.insns[at - 1];
            if low.wide {
                low.imm = u64::from(low.imm as u32) | high << 32;
            }
        }
    }

    /// Puts in what instructions speak of.
    fn relocate(&mut self, image: &Image, maps: &mut Maps) -> Result<()> {
        // Calls within a section have no relocation.
        for (at, insn) in self.insns.iter_mut().enumerate() {
            if matches!(insn.kind, Kind::Call(_)) && insn.src == PSEUDO_CALL {
                insn.kind = Kind::Call(Call::Function(target(at as u64 * 8, insn)?));
            }
        }
        let object = &image.object;
        let mut handles = HashMap::new();
        for relocation in &object.relocations {
            // Those of debug information are of no use here.
            if !object.sections[relocation.section].executable {
                continue;
            }
            let at = self.bases[relocation.section] as usize + relocation.offset / 8;
            let symbol = &object.symbols[relocation.symbol];
            let base = symbol.section.map(|section| self.bases[section]);
            let insn = &mut self.insns[at];
            if let Some(&shape) = image.shapes.get(&symbol.name) {
                let handle = handles.entry(&symbol.name);
                insn.imm = *handle.or_insert_with(|| maps.add(shape));
            } else if insn.wide {
                insn.imm = address(insn.imm, base, symbol)?;
            } else {
                insn.kind = Kind::Call(match base {
                    None => Call::Kernel(Kfunc::of(&symbol.name)),
                    Some(base) => Call::Function(target(base * 8 + symbol.value as u64, insn)?),
                });
            }
        }
        Ok(())
    }

    /// Finds what the macros MEMBER_VPTR() and ARRAY_ELEM_PTR() wrote: over a way out
    /// that is a zero and a jump, on to an addition.
    fn mark_bounds(&mut self) {
        for at in 0..self.insns.len().saturating_sub(3) {
            let [test, zero, over, add] = &self.insns[at..at + 4] else {
                continue;
            };
            let is = test.op & 0xf7 == 0xb5
                && test.off == 2
                && zero.op == 0xb7
                && zero.imm == 0
                && (over.op, over.off) == (0x05, 1)
                && add.op == 0x0f
                && zero.dst == test.dst
                && add.dst == test.dst;
            if is {
                self.insns[at].bounds = true;
                self.insns[at + 2].bounds = true;
            }
        }
    }

    fn mark_choices(&mut self) {
        for at in 0..self.insns.len().saturating_sub(1) {
            let moves = matches!(self.insns[at + 1].op, 0xb4 | 0xb7 | 0xbc | 0xbf);
            let test = &mut self.insns[at];
            test.choice = test.kind == Kind::Jump && test.off == 1 && moves;
        }
    }

    fn find_functions(&mut self, object: &Object) {
        self.owners = vec![None; self.insns.len()];
        for symbol in &object.symbols {
            let Some(section) = symbol.section else {
                continue;
            };
            if !object.sections[section].executable || symbol.size == 0 {
                continue;
            }
            let start = self.bases[section] as usize + symbol.value / 8;
            let own = self.owners.iter_mut().skip(start).take(symbol.size / 8);
            own.for_each(|owner| *owner = Some(self.functions.len()));
            self.functions.push(Function {
                name: symbol.name.clone(),
                start,
            });
        }
    }

    /// Where a function begins.
    ///
    /// # Errors
    /// When there is none of that name.
    pub fn function(&self, name: &str) -> Result<usize> {
        let mut functions = self.functions.iter();
        let found = functions.find(|function| function.name == name);
        Ok(found
            .with_context(|| format!("it has no function {name}"))?
            .start)
    }

    /// The function that an instruction is of.
    ///
    /// # Errors
    /// When it is of none.
    pub fn owner(&self, at: usize) -> Result<usize> {
        let owner = self.owners.get(at).copied().flatten();
        owner.context("a call to what is no function")
    }
}

/// Where a call goes that counts from the byte `from` of the code.
fn target(from: u64, call: &Insn) -> Result<usize> {
    let to = (from / 8) as i64 + 1 + call.imm as i64;
    usize::try_from(to).context("a call to nowhere")
}

fn address(addend: u64, base: Option<u64>, symbol: &Symbol) -> Result<u64> {
    let base = base.with_context(|| format!("it speaks of {}, which is not here", symbol.name))?;
    Ok(base.wrapping_add(symbol.value as u64).wrapping_add(addend))
}
