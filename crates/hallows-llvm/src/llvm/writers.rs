// SPDX-License-Identifier: GPL-2.0-only
//! The job `writers`: which programs write which field. It reads code as clang makes it
//! before any pass, in which a pointer to a field still says of which struct that is.

use std::ffi::CStr;
use std::path::Path;

use anyhow::Result;
use hallows_prof::report::{self, Entry};
use hallows_prof::written::Written;
use llvm_sys::core::*;
use llvm_sys::prelude::{LLVMModuleRef, LLVMValueRef};
use llvm_sys::target::{LLVMGetModuleDataLayout, LLVMOffsetOfElement, LLVMTargetDataRef};
use llvm_sys::{LLVMAtomicOrdering, LLVMOpcode, LLVMTypeKind};

use super::function;
use crate::writers::{self, Function, Target};

/// LLVM's own functions that write by their first argument.
const FILLS: [&str; 3] = ["llvm.memcpy.", "llvm.memmove.", "llvm.memset."];

/// Reports who writes each field that is written.
///
/// # Errors
/// When the report cannot be written.
///
/// # Safety
/// `module` is a valid module that nobody else uses meanwhile.
pub unsafe fn run(module: LLVMModuleRef, file: &Path) -> Result<()> {
    // SAFETY: what the caller promises.
    let functions: Vec<Function> = unsafe {
        let layout = LLVMGetModuleDataLayout(module);
        let all = function::all(module);
        all.iter().map(|function| read(function, layout)).collect()
    };
    let entries: Vec<Entry> = writers::of(&functions)
        .into_iter()
        .map(|((of, offset), writers)| {
            Entry::Writers(Written {
                of,
                offset,
                atomic: !writers.plain,
                programs: writers.programs.into_iter().collect(),
            })
        })
        .collect();
    report::append(file, &entries)
}

/// # Safety
/// The function is one of a valid module, `layout` that module's.
unsafe fn read(function: &function::Function, layout: LLVMTargetDataRef) -> Function {
    let mut read = Function {
        name: function.name(),
        program: function.has_section(),
        ..Function::default()
    };
    for instruction in function.instructions() {
        // SAFETY: operands are looked at by what each kind of instruction has.
        unsafe {
            let target = |place| pointed(LLVMGetOperand(instruction, place), layout);
            match LLVMGetInstructionOpcode(instruction) {
                LLVMOpcode::LLVMStore => {
                    let plain = matches!(
                        LLVMGetOrdering(instruction),
                        LLVMAtomicOrdering::LLVMAtomicOrderingNotAtomic
                    );
                    read.writes.extend(target(1).map(|it| (it, !plain)));
                }
                LLVMOpcode::LLVMAtomicRMW | LLVMOpcode::LLVMAtomicCmpXchg => {
                    read.writes.extend(target(0).map(|it| (it, true)));
                }
                LLVMOpcode::LLVMCall => {
                    let callee = function::name(LLVMGetCalledValue(instruction));
                    if FILLS.iter().any(|fills| callee.starts_with(fills)) {
                        read.writes.extend(target(0).map(|it| (it, false)));
                    } else {
                        let arguments = 0..LLVMGetNumArgOperands(instruction);
                        let arguments = arguments.map(|place| target(place).collect());
                        read.calls.push((callee, arguments.collect()));
                    }
                }
                _ => {}
            }
        }
    }
    read
}

/// Where a pointer may lead, of what is known.
///
/// # Safety
/// `pointer` is a value of a valid module, `layout` that module's.
unsafe fn pointed(
    pointer: LLVMValueRef,
    layout: LLVMTargetDataRef,
) -> impl Iterator<Item = Target> {
    let (mut found, mut seen) = (Vec::new(), Vec::new());
    // SAFETY: what the caller promises.
    unsafe { follow(pointer, layout, &mut seen, &mut found) };
    found.sort();
    found.dedup();
    found.into_iter()
}

/// Walks from a pointer towards where it comes from.
///
/// # Safety
/// As [`pointed`].
unsafe fn follow(
    mut pointer: LLVMValueRef,
    layout: LLVMTargetDataRef,
    seen: &mut Vec<LLVMValueRef>,
    found: &mut Vec<Target>,
) {
    let mut field = None;
    // SAFETY: what the caller promises; operands are those that each kind has.
    unsafe {
        while let Some(base) = base(pointer) {
            // The outermost struct is the one that memory consists of.
            field = named_field(pointer, layout).or(field);
            pointer = base;
        }
        if !LLVMIsAAllocaInst(pointer).is_null() || is_kernels(pointer) {
            found.push(Target::Elsewhere);
        } else if let Some((name, offset)) = field {
            found.push(Target::Field(name, offset));
        } else if !LLVMIsAGlobalVariable(pointer).is_null() {
            found.push(Target::Field(function::name(pointer), 0));
        } else if !LLVMIsAArgument(pointer).is_null() {
            found.push(parameter(pointer));
        } else if !seen.contains(&pointer) {
            seen.push(pointer);
            let values = choices(pointer);
            if values.is_empty() {
                found.push(Target::Unknown);
            }
            for value in values {
                follow(value, layout, seen, found);
            }
        }
    }
}

/// What a pointer is reckoned from.
///
/// # Safety
/// It is a value of a valid module.
unsafe fn base(pointer: LLVMValueRef) -> Option<LLVMValueRef> {
    // SAFETY: only of constant expressions and instructions the opcode is asked.
    unsafe {
        let opcode = if !LLVMIsAConstantExpr(pointer).is_null() {
            LLVMGetConstOpcode(pointer)
        } else if !LLVMIsAInstruction(pointer).is_null() {
            LLVMGetInstructionOpcode(pointer)
        } else {
            return None;
        };
        let reckoned = matches!(
            opcode,
            LLVMOpcode::LLVMGetElementPtr | LLVMOpcode::LLVMBitCast
        );
        reckoned.then(|| LLVMGetOperand(pointer, 0))
    }
}

/// The struct and the field's offset, if a pointer is reckoned by them.
///
/// # Safety
/// It is what [`base`] has a base of.
unsafe fn named_field(pointer: LLVMValueRef, layout: LLVMTargetDataRef) -> Option<(String, u64)> {
    // SAFETY: a struct's element is chosen by a constant, the second index.
    unsafe {
        if LLVMGetNumOperands(pointer) < 3 {
            return None;
        }
        let kind = LLVMGetGEPSourceElementType(pointer);
        let index = LLVMGetOperand(pointer, 2);
        if !matches!(LLVMGetTypeKind(kind), LLVMTypeKind::LLVMStructTypeKind)
            || LLVMIsAConstantInt(index).is_null()
        {
            return None;
        }
        let name = LLVMGetStructName(kind);
        if name.is_null() {
            return None;
        }
        let name = CStr::from_ptr(name).to_string_lossy();
        let index = LLVMConstIntGetZExtValue(index) as u32;
        let name = name.strip_prefix("struct.")?.to_owned();
        Some((name, LLVMOffsetOfElement(layout, kind, index)))
    }
}

/// # Safety
/// `argument` is one of a function.
unsafe fn parameter(argument: LLVMValueRef) -> Target {
    // SAFETY: parameters are counted.
    unsafe {
        let function = LLVMGetParamParent(argument);
        let numbers = 0..LLVMCountParams(function);
        let mut numbers = numbers.filter(|&number| LLVMGetParam(function, number) == argument);
        numbers
            .next()
            .map_or(Target::Unknown, |number| Target::Param(number as usize))
    }
}

/// Whether it is the place of a field of the kernel's, which its loader finds.
///
/// # Safety
/// `pointer` is a value of a valid module.
unsafe fn is_kernels(pointer: LLVMValueRef) -> bool {
    // SAFETY: only a call has a callee.
    unsafe {
        !LLVMIsACallInst(pointer).is_null()
            && function::name(LLVMGetCalledValue(pointer)).starts_with("llvm.preserve.")
    }
}

/// What a pointer may be: either of two, or whatever was ever put into the local variable
/// that it is loaded from.
///
/// # Safety
/// `pointer` is a value of a valid module.
unsafe fn choices(pointer: LLVMValueRef) -> Vec<LLVMValueRef> {
    // SAFETY: operands and incoming values are those that each kind has.
    unsafe {
        if LLVMIsAInstruction(pointer).is_null() {
            return Vec::new();
        }
        match LLVMGetInstructionOpcode(pointer) {
            LLVMOpcode::LLVMSelect => vec![LLVMGetOperand(pointer, 1), LLVMGetOperand(pointer, 2)],
            LLVMOpcode::LLVMPHI => (0..LLVMCountIncoming(pointer))
                .map(|number| LLVMGetIncomingValue(pointer, number))
                .collect(),
            LLVMOpcode::LLVMLoad => stored(LLVMGetOperand(pointer, 0)),
            _ => Vec::new(),
        }
    }
}

/// The values that are stored into `variable`, if it is a local one that nobody else fills.
///
/// # Safety
/// It is a value of a valid module.
unsafe fn stored(variable: LLVMValueRef) -> Vec<LLVMValueRef> {
    let mut values = Vec::new();
    // SAFETY: walks the list of its uses to the end, which is null.
    unsafe {
        if LLVMIsAAllocaInst(variable).is_null() {
            return values;
        }
        let mut at = LLVMGetFirstUse(variable);
        while !at.is_null() {
            let user = LLVMGetUser(at);
            if !LLVMIsAStoreInst(user).is_null() && LLVMGetOperand(user, 1) == variable {
                values.push(LLVMGetOperand(user, 0));
            }
            at = LLVMGetNextUse(at);
        }
    }
    values
}
