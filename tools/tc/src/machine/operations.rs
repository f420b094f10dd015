// SPDX-License-Identifier: GPL-2.0-only
//! What single instructions do: RFC 9669, "BPF Instruction Set Architecture".

use anyhow::{Result, bail};

use super::code::Insn;
use super::memory::Memory;

/// A number of `width` bytes with the sign that it has there.
pub fn extended(value: u64, width: usize) -> u64 {
    let spare = 64 - 8 * width as u32;
    (((value << spare) as i64) >> spare) as u64
}

/// Arithmetic of 64 or 32 bits.
pub fn alu(insn: &Insn, regs: &mut [u64; 11]) -> Result<()> {
    let long = insn.op & 7 == 7;
    let other = insn.operand(regs);
    let value = regs[insn.dst];
    if insn.op & 0xf0 == 0xd0 {
        regs[insn.dst] = swapped(insn, value)?;
        return Ok(());
    }
    regs[insn.dst] = if long {
        arithmetic(insn, value, other, 63)?
    } else {
        let (value, other) = (u64::from(value as u32), u64::from(other as u32));
        u64::from(arithmetic(insn, value, other, 31)? as u32)
    };
    Ok(())
}

/// `last` is the number of the highest bit: 63 or 31.
fn arithmetic(insn: &Insn, value: u64, other: u64, last: u32) -> Result<u64> {
    let signed = insn.off != 0;
    Ok(match insn.op & 0xf0 {
        0x00 => value.wrapping_add(other),
        0x10 => value.wrapping_sub(other),
        0x20 => value.wrapping_mul(other),
        0x30 if !signed => value.checked_div(other).unwrap_or(0),
        0x40 => value | other,
        0x50 => value & other,
        0x60 => value << (other & u64::from(last)),
        0x70 => value >> (other & u64::from(last)),
        0x80 => value.wrapping_neg(),
        0x90 if !signed => value.checked_rem(other).unwrap_or(value),
        0xa0 => value ^ other,
        0xb0 if signed => extended(other, insn.off as usize / 8),
        0xb0 => other,
        0xc0 if last == 63 => ((value as i64) >> (other & 63)) as u64,
        0xc0 => ((value as u32 as i32) >> (other & 31)) as u64,
        other => bail!("no arithmetic that is known here: {other:#x}"),
    })
}

fn swapped(insn: &Insn, value: u64) -> Result<u64> {
    // To little endian is to nothing else here, and cut off; 64 bits may be swapped always.
    let swap = insn.op & 8 != 0 || insn.op & 7 == 7;
    Ok(match (insn.imm as u32, swap) {
        (16, false) => u64::from(value as u16),
        (32, false) => u64::from(value as u32),
        (64, false) => value,
        (16, true) => u64::from((value as u16).swap_bytes()),
        (32, true) => u64::from((value as u32).swap_bytes()),
        (64, true) => value.swap_bytes(),
        (bits, _) => bail!("a number of {bits} bits"),
    })
}

/// Does the condition of a jump hold?
pub fn holds(insn: &Insn, regs: &[u64; 11]) -> Result<bool> {
    let (mut left, mut right) = (regs[insn.dst], insn.operand(regs));
    if insn.op & 7 == 6 && insn.op & 0xf0 != 0 {
        // Signs are kept for the conditions that look at them.
        (left, right) = (extended(left, 4), extended(right, 4));
    }
    let (signed, other) = (left as i64, right as i64);
    Ok(match insn.op & 0xf0 {
        0x00 => true,
        0x10 => left == right,
        0x20 => left > right,
        0x30 => left >= right,
        0x40 => left & right != 0,
        0x50 => left != right,
        0x60 => signed > other,
        0x70 => signed >= other,
        0xa0 => left < right,
        0xb0 => left <= right,
        0xc0 => signed < other,
        0xd0 => signed <= other,
        other => bail!("no jump that is known here: {other:#x}"),
    })
}

/// What other CPUs see whole; there are none here.
pub fn atomic(insn: &Insn, at: u64, regs: &mut [u64; 11], memory: &mut Memory) -> Result<()> {
    let width = insn.width();
    let old = memory.load(at, width)?;
    let given = regs[insn.src];
    let fetch = insn.imm & 1 != 0;
    let new = match insn.imm & 0xf0 {
        0x00 => old.wrapping_add(given),
        0x40 => old | given,
        0x50 => old & given,
        0xa0 => old ^ given,
        0xe0 => given,
        0xf0 => {
            let mask = if width == 8 {
                u64::MAX
            } else {
                u64::from(u32::MAX)
            };
            let meant = regs[0] & mask == old;
            regs[0] = old;
            return if meant {
                memory.store(at, width, given)
            } else {
                Ok(())
            };
        }
        other => bail!("nothing atomic that is known here: {other:#x}"),
    };
    if fetch {
        regs[insn.src] = old;
    }
    memory.store(at, width, new)
}

#[cfg(test)]
mod tests {
    use super::{alu, extended, holds};
    use crate::machine::code::Insn;

    fn run(op: u8, off: i64, imm: i64, value: u64) -> u64 {
        let mut regs = [0; 11];
        regs[1] = value;
        alu(&Insn::plain(op, 1, 0, off, imm), &mut regs).unwrap();
        regs[1]
    }

    #[test]
    fn short_arithmetic_clears_the_upper_half() {
        assert_eq!(run(0x04, 0, 1, u64::MAX), 0);
        assert_eq!(run(0x07, 0, 1, u64::MAX), 0);
        assert_eq!(run(0x07, 0, -1, 5), 4);
        assert_eq!(run(0xc4, 0, 4, 0x8000_0000), 0xf800_0000);
        assert_eq!(run(0xc7, 0, 4, 1 << 63), 0xf8 << 56);
    }

    #[test]
    fn nothing_is_divided_by_nothing() {
        assert_eq!(run(0x37, 0, 0, 5), 0);
        assert_eq!(run(0x97, 0, 0, 5), 5);
        assert_eq!(run(0x37, 0, 2, 5), 2);
    }

    #[test]
    fn signs_count_where_the_condition_says_so() {
        let holds = |op, imm, value| {
            let mut regs = [0; 11];
            regs[1] = value;
            holds(&Insn::plain(op, 1, 0, 0, imm), &regs).unwrap()
        };
        assert!(holds(0x25, 5, u64::MAX));
        assert!(!holds(0x65, 5, u64::MAX));
        assert!(holds(0xc6, 0, 0xffff_ffff));
        assert!(!holds(0xa6, 0, 0xffff_ffff));
        assert!(holds(0x16, -1, 0xffff_ffff));
        assert!(!holds(0x15, -1, 0xffff_ffff));
    }

    #[test]
    fn numbers_keep_their_sign() {
        assert_eq!(extended(0x80, 1), u64::MAX - 0x7f);
        assert_eq!(extended(0x7fff, 2), 0x7fff);
    }
}
