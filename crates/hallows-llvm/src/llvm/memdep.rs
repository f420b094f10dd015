// SPDX-License-Identifier: GPL-2.0-only
//! The job `memdep`: the longest chain of dependent accesses of each function.

use std::collections::HashMap;
use std::path::Path;
use std::slice;

use anyhow::Result;
use hallows_prof::chain::{Chain, Step};
use hallows_prof::report::{self, Entry};
use llvm_sys::LLVMOpcode;
use llvm_sys::core::*;
use llvm_sys::debuginfo::LLVMInstructionGetDebugLoc;
use llvm_sys::prelude::{LLVMModuleRef, LLVMValueRef};

use super::function;
use crate::memdep::{self, Value};

/// Reports the longest chain of each function.
///
/// # Errors
/// When the report cannot be written.
///
/// # Safety
/// `module` is a valid module that nobody else uses meanwhile.
pub unsafe fn run(module: LLVMModuleRef, file: &Path) -> Result<()> {
    // SAFETY: what the caller promises.
    let functions = unsafe { function::all(module) };
    let entries: Vec<Entry> = functions
        .iter()
        .map(|function| {
            let instructions = function.in_flow();
            // SAFETY: these are all of one function of a valid module.
            let values = unsafe { values(&instructions) };
            let chain = memdep::longest(&values);
            Entry::Memdep(Chain {
                function: function.name(),
                accesses: values.iter().filter(|value| value.access).count(),
                // SAFETY: as above.
                steps: chain
                    .iter()
                    .map(|&at| unsafe { step(instructions[at]) })
                    .collect(),
            })
        })
        .collect();
    report::append(file, &entries)
}

/// # Safety
/// `instructions` are those of one function of a valid module, in order.
unsafe fn values(instructions: &[LLVMValueRef]) -> Vec<Value> {
    let places: HashMap<_, _> = instructions.iter().copied().zip(0..).collect();
    let value = |&instruction: &LLVMValueRef| {
        // SAFETY: operands are counted.
        let (access, operands) = unsafe {
            let opcode = LLVMGetInstructionOpcode(instruction);
            let count = LLVMGetNumOperands(instruction) as u32;
            let operands = (0..count).map(|number| LLVMGetOperand(instruction, number));
            // Which of two it is is foretold, as branches are.
            let foretold = usize::from(matches!(opcode, LLVMOpcode::LLVMSelect));
            let operands: Vec<_> = operands.skip(foretold).collect();
            (looks_up(instruction, opcode), operands)
        };
        let needs = operands.iter().filter_map(|operand| places.get(operand));
        Value {
            access,
            needs: needs.copied().collect(),
        }
    };
    instructions.iter().map(value).collect()
}

/// Whether an instruction waits for memory. All functions but LLVM's own are taken to.
///
/// # Safety
/// It is one of a valid module.
unsafe fn looks_up(instruction: LLVMValueRef, opcode: LLVMOpcode) -> bool {
    // SAFETY: only a call has a callee.
    unsafe {
        match opcode {
            LLVMOpcode::LLVMLoad | LLVMOpcode::LLVMAtomicRMW | LLVMOpcode::LLVMAtomicCmpXchg => {
                true
            }
            LLVMOpcode::LLVMCall => {
                let callee = LLVMGetCalledValue(instruction);
                LLVMIsAInlineAsm(callee).is_null() && !function::name(callee).starts_with("llvm.")
            }
            _ => false,
        }
    }
}

/// # Safety
/// `instruction` is one of a valid module.
unsafe fn step(instruction: LLVMValueRef) -> Step {
    // SAFETY: a place in the source is asked for only if there is one; its file's name
    // is `length` bytes.
    unsafe {
        let what = match LLVMGetInstructionOpcode(instruction) {
            LLVMOpcode::LLVMCall => {
                let callee = function::name(LLVMGetCalledValue(instruction));
                // Helpers of the kernel are numbers.
                let callee = if callee.is_empty() {
                    "a helper"
                } else {
                    &callee
                };
                format!("call {callee}")
            }
            LLVMOpcode::LLVMLoad => "load".to_owned(),
            _ => "atomic".to_owned(),
        };
        let mut at = String::new();
        if !LLVMInstructionGetDebugLoc(instruction).is_null() {
            let mut length = 0;
            let file = LLVMGetDebugLocFilename(instruction, &mut length);
            let file = match length {
                0 => &[][..],
                _ => slice::from_raw_parts(file.cast::<u8>(), length as usize),
            };
            let file = String::from_utf8_lossy(file);
            let name = file.rsplit('/').next().unwrap_or_default();
            at = format!("{name}:{}", LLVMGetDebugLocLine(instruction));
        }
        Step { what, at }
    }
}
