// SPDX-License-Identifier: GPL-2.0-only
//! A machine that runs an object's BPF instructions one by one and counts them. Its
//! figures are the same at every run and on every computer.
//!
//! It runs what clang wrote. A kernel first leaves out what its verifier found dead, such
//! as the arms of a condition on a constant.

mod code;
mod helpers;
mod memory;
mod operations;

use anyhow::{Context, Result, bail, ensure};

use crate::image::{Image, Stage};
use code::{Call, Code, Function, Insn, Kind};
use helpers::Maps;
use memory::Memory;

/// Frames that a kernel lets calls take.
const FRAMES: usize = 8;

/// What a function did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub function: String,
    pub instructions: u64,
    /// Jumps that were not to the next instruction.
    pub taken: u64,
    /// Those of them that are in the source as assembly, of the macros that bound an index
    /// for the verifier: the order of blocks has no hold on them.
    pub bounds: u64,
    /// Those that choose between two values: the plugin does not see them.
    pub choices: u64,
}

/// An object with its memory.
pub struct Machine {
    image: Image,
    code: Code,
    memory: Memory,
    maps: Maps,
    counts: Vec<Counts>,
}

/// A caller that waits.
struct Frame {
    next: usize,
    function: usize,
    saved: [u64; 4],
}

impl Machine {
    /// Puts an object into memory.
    ///
    /// # Errors
    /// When it speaks of something that this machine does not have.
    pub fn new(image: Image) -> Result<Self> {
        let mut memory = Memory::default();
        let mut maps = Maps::default();
        let code = Code::read(&image, &mut memory, &mut maps)?;
        let name = |function: &Function| Counts {
            function: function.name.clone(),
            ..Counts::default()
        };
        let counts = code.functions.iter().map(name).collect();
        Ok(Self {
            image,
            code,
            memory,
            maps,
            counts,
        })
    }

    /// Runs a program so many times.
    ///
    /// # Errors
    /// When it does what no verifier would let it.
    pub fn run(&mut self, program: &str, times: u32) -> Result<()> {
        let start = self.code.function(program)?;
        for _ in 0..times {
            let returned = self.call(start)?;
            ensure!(returned == 0, "{program} returned {returned}");
        }
        Ok(())
    }

    /// What each function did so far.
    pub fn counts(&self) -> &[Counts] {
        &self.counts
    }

    /// The harness's account.
    ///
    /// # Errors
    /// When it is not there.
    pub fn stage(&self) -> Result<Stage> {
        self.image.stage(self.section(".bss")?)
    }

    /// The bytes of a section now.
    ///
    /// # Errors
    /// When there is no such section.
    pub fn section(&self, name: &str) -> Result<&[u8]> {
        let section = self.image.object.section(name);
        let section = section.with_context(|| format!("it has no section {name}"))?;
        let len = self.image.object.sections[section].bytes.len();
        let base = self.code.bases[section];
        self.memory.bytes(base, len)
    }

    /// Runs from `start` until that function returns.
    fn call(&mut self, start: usize) -> Result<u64> {
        let mut regs = [0; 11];
        regs[10] = self.memory.stack(0);
        let (mut at, mut function) = (start, self.code.owner(start)?);
        let mut frames: Vec<Frame> = Vec::new();
        loop {
            let insn = *self.code.insns.get(at).context("it runs off its end")?;
            self.counts[function].instructions += 1;
            match insn.kind {
                Kind::Jump => at = self.jump(&insn, at, &regs, function)?,
                Kind::Plain => {
                    let done = self.step(&insn, &mut regs);
                    done.with_context(|| format!("in {}", self.counts[function].function))?;
                    at += 1 + usize::from(insn.wide);
                }
                Kind::Call(Call::Function(target)) => {
                    ensure!(frames.len() + 1 < FRAMES, "it calls too deep");
                    frames.push(Frame {
                        next: at + 1,
                        function,
                        saved: [regs[6], regs[7], regs[8], regs[9]],
                    });
                    regs[10] = self.memory.stack(frames.len());
                    (at, function) = (target, self.code.owner(target)?);
                }
                Kind::Call(call) => {
                    regs[0] = self.ask(call, &regs)?;
                    at += 1;
                }
                Kind::Exit => {
                    let Some(frame) = frames.pop() else {
                        return Ok(regs[0]);
                    };
                    regs[6..10].copy_from_slice(&frame.saved);
                    regs[10] = self.memory.stack(frames.len());
                    (at, function) = (frame.next, frame.function);
                }
            }
        }
    }

    /// What the kernel does for a program.
    fn ask(&mut self, call: Call, regs: &[u64; 11]) -> Result<u64> {
        match call {
            Call::Helper(number) => self.maps.help(number, regs, &mut self.memory),
            Call::Kernel(kfunc) => helpers::kfunc(kfunc, regs, &mut self.memory),
            Call::Function(_) => bail!("a function of its own is none of the kernel's"),
        }
    }

    /// Where a jump goes.
    fn jump(&mut self, insn: &Insn, at: usize, regs: &[u64; 11], function: usize) -> Result<usize> {
        if insn.jump == 0 || !operations::holds(insn, regs)? {
            return Ok(at + 1);
        }
        let count = &mut self.counts[function];
        count.taken += 1;
        count.bounds += u64::from(insn.bounds);
        count.choices += u64::from(insn.choice);
        let to = at as i64 + 1 + insn.jump;
        usize::try_from(to).context("it jumps before its beginning")
    }

    /// What is no jump: arithmetic, loads and stores.
    fn step(&mut self, insn: &Insn, regs: &mut [u64; 11]) -> Result<()> {
        match insn.op & 7 {
            4 | 7 => operations::alu(insn, regs),
            0 if insn.wide => {
                regs[insn.dst] = insn.imm;
                Ok(())
            }
            1 => {
                let from = regs[insn.src].wrapping_add_signed(insn.off);
                let value = self.memory.load(from, insn.width())?;
                regs[insn.dst] = if insn.op & 0xe0 == 0x80 {
                    operations::extended(value, insn.width())
                } else {
                    value
                };
                Ok(())
            }
            2 | 3 => {
                let to = regs[insn.dst].wrapping_add_signed(insn.off);
                match insn.op & 0xe0 {
                    0x60 if insn.op & 7 == 2 => self.memory.store(to, insn.width(), insn.imm),
                    0x60 => self.memory.store(to, insn.width(), regs[insn.src]),
                    0xc0 => operations::atomic(insn, to, regs, &mut self.memory),
                    _ => bail!("a store of another sort: {:#x}", insn.op),
                }
            }
            _ => bail!("no instruction that is known here: {:#x}", insn.op),
        }
    }
}
