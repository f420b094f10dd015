// SPDX-License-Identifier: GPL-2.0-only
//! Functions of a module, their blocks, and the weights that LLVM keeps in the
//! metadata `!prof`.

use std::collections::HashMap;
use std::ffi::CStr;
use std::ptr;
use std::slice;

use llvm_sys::LLVMOpcode;
use llvm_sys::core::*;
use llvm_sys::prelude::{LLVMBasicBlockRef, LLVMModuleRef, LLVMValueMetadataEntry, LLVMValueRef};

use crate::flow::{Block, Exit};
use crate::loops;

/// A function that has a body.
pub struct Function {
    value: LLVMValueRef,
    /// Its blocks in their order.
    pub blocks: Vec<LLVMBasicBlockRef>,
}

/// All functions with a body.
///
/// # Safety
/// The module is valid and outlives what is returned.
pub unsafe fn all(module: LLVMModuleRef) -> Vec<Function> {
    let mut functions = Vec::new();
    // SAFETY: walks the lists of a valid module to their ends, which are null.
    unsafe {
        let mut value = LLVMGetFirstFunction(module);
        while !value.is_null() {
            if LLVMIsDeclaration(value) == 0 {
                functions.push(Function {
                    value,
                    blocks: blocks(value),
                });
            }
            value = LLVMGetNextFunction(value);
        }
    }
    functions
}

/// # Safety
/// `function` is a function of a valid module.
unsafe fn blocks(function: LLVMValueRef) -> Vec<LLVMBasicBlockRef> {
    let mut blocks = Vec::new();
    // SAFETY: as above.
    unsafe {
        let mut block = LLVMGetFirstBasicBlock(function);
        while !block.is_null() {
            blocks.push(block);
            block = LLVMGetNextBasicBlock(block);
        }
    }
    blocks
}

impl Function {
    /// Its name in the object file.
    pub fn name(&self) -> String {
        // SAFETY: a function of a valid module.
        unsafe { name(self.value) }
    }

    /// Whether a section was named for it, as for what the kernel calls.
    pub fn has_section(&self) -> bool {
        // SAFETY: a function's section is a string, empty without one.
        unsafe {
            let named = LLVMGetSection(self.value);
            !named.is_null() && *named != 0
        }
    }

    /// Puts it into `section` if none was named for it.
    pub fn default_section(&self, section: &CStr) {
        if !self.has_section() {
            // SAFETY: a function of a valid module.
            unsafe { LLVMSetSection(self.value, section.as_ptr()) };
        }
    }

    /// How its blocks end, by index.
    pub fn control_flow(&self) -> Vec<Block> {
        let index: HashMap<_, _> = self.blocks.iter().copied().zip(0..).collect();
        // SAFETY: the blocks are this function's, and a valid one's all end.
        let read = |&block| unsafe { read_block(LLVMGetBasicBlockTerminator(block), &index) };
        self.blocks.iter().map(read).collect()
    }

    /// Its instructions, block by block.
    pub fn instructions(&self) -> Vec<LLVMValueRef> {
        self.blocks
            .iter()
            // SAFETY: blocks of a valid function.
            .flat_map(|&block| unsafe { instructions(block) })
            .collect()
    }

    /// Its instructions, block by block, of which each comes before those that it leads to;
    /// blocks of a loop as they lie.
    pub fn in_flow(&self) -> Vec<LLVMValueRef> {
        let flow = self.control_flow();
        let successors: Vec<Vec<usize>> = flow
            .iter()
            .map(|block| block.exits.iter().map(|exit| exit.to).collect())
            .collect();
        loops::components(&successors)
            .into_iter()
            .flatten()
            // SAFETY: blocks of a valid function.
            .flat_map(|index| unsafe { instructions(self.blocks[index]) })
            .collect()
    }

    /// How often a profile saw it called.
    pub fn calls(&self) -> Option<u64> {
        let mut count = 0;
        // SAFETY: the entries are `count` of the function's, freed once; each node
        // belongs to the function's context.
        unsafe {
            let context = LLVMGetModuleContext(LLVMGetGlobalParent(self.value));
            let prof = LLVMGetMDKindIDInContext(context, c"prof".as_ptr(), 4);
            let entries: *mut LLVMValueMetadataEntry =
                LLVMGlobalCopyAllMetadata(self.value, &mut count);
            let node = (0..count as u32)
                .find(|&i| LLVMValueMetadataEntriesGetKind(entries, i) == prof)
                .map(|i| LLVMValueMetadataEntriesGetMetadata(entries, i));
            let calls =
                node.and_then(|node| numbers(LLVMMetadataAsValue(context, node)).first().copied());
            LLVMDisposeValueMetadataEntries(entries);
            calls
        }
    }

    /// Lays its blocks out in another order of the same blocks.
    pub fn reorder(&mut self, order: &[usize]) {
        let blocks: Vec<_> = order.iter().map(|&index| self.blocks[index]).collect();
        for pair in blocks.windows(2) {
            // SAFETY: two blocks of one function.
            unsafe { LLVMMoveBasicBlockAfter(pair[1], pair[0]) };
        }
        self.blocks = blocks;
    }
}

/// # Safety
/// `block` is one of a valid function.
unsafe fn instructions(block: LLVMBasicBlockRef) -> Vec<LLVMValueRef> {
    let mut all = Vec::new();
    // SAFETY: walks its list to the end, which is null.
    unsafe {
        let mut instruction = LLVMGetFirstInstruction(block);
        while !instruction.is_null() {
            all.push(instruction);
            instruction = LLVMGetNextInstruction(instruction);
        }
    }
    all
}

/// A value's name.
///
/// # Safety
/// The value is one of a valid module.
pub unsafe fn name(value: LLVMValueRef) -> String {
    let mut length = 0;
    // SAFETY: a value's name is `length` bytes that live as long as it.
    let bytes = unsafe {
        let start = LLVMGetValueName2(value, &mut length);
        slice::from_raw_parts(start.cast::<u8>(), length)
    };
    String::from_utf8_lossy(bytes).into_owned()
}

/// The string at a place among a metadata node's operands.
///
/// # Safety
/// `node` is a metadata node as a value.
pub unsafe fn text(node: LLVMValueRef, place: usize) -> Option<String> {
    let mut length = 0;
    // SAFETY: null tells that an operand is no string.
    unsafe {
        let operand = operands(node)
            .get(place)
            .copied()
            .filter(|value| !value.is_null())?;
        let start = LLVMGetMDString(operand, &mut length);
        (!start.is_null()).then(|| {
            let bytes = slice::from_raw_parts(start.cast::<u8>(), length as usize);
            String::from_utf8_lossy(bytes).into_owned()
        })
    }
}

/// # Safety
/// `end` is the terminator of a block of the function that `index` is of.
unsafe fn read_block(end: LLVMValueRef, index: &HashMap<LLVMBasicBlockRef, usize>) -> Block {
    // SAFETY: successors are counted; metadata is of the instruction's own context.
    unsafe {
        let opcode = LLVMGetInstructionOpcode(end);
        // `asm goto`: its text jumps to all but the first, which follows it.
        let assembly = matches!(opcode, LLVMOpcode::LLVMCallBr);
        let exits = (0..LLVMGetNumSuccessors(end))
            .map(|number| Exit {
                to: index[&LLVMGetSuccessor(end, number)],
                fixed: assembly && number > 0,
            })
            .collect();
        let context = LLVMGetValueContext(end);
        let prof = LLVMGetMDKindIDInContext(context, c"prof".as_ptr(), 4);
        let node = LLVMGetMetadata(end, prof);
        let weights = (!node.is_null()).then(|| numbers(node));
        Block {
            exits,
            weights,
            dead_end: matches!(opcode, LLVMOpcode::LLVMUnreachable),
        }
    }
}

/// The integers among a node's operands; `branch_weights` has words before them.
///
/// # Safety
/// `node` is a metadata node as a value.
unsafe fn numbers(node: LLVMValueRef) -> Vec<u64> {
    // SAFETY: what the caller promises; only integers are read as such.
    unsafe {
        operands(node)
            .into_iter()
            .filter(|operand| !operand.is_null() && !LLVMIsAConstantInt(*operand).is_null())
            .map(|operand| LLVMConstIntGetZExtValue(operand))
            .collect()
    }
}

/// # Safety
/// `node` is a metadata node as a value.
unsafe fn operands(node: LLVMValueRef) -> Vec<LLVMValueRef> {
    // SAFETY: the node has as many operands as it says.
    unsafe {
        let mut operands = vec![ptr::null_mut(); LLVMGetMDNodeNumOperands(node) as usize];
        LLVMGetMDNodeOperands(node, operands.as_mut_ptr());
        operands
    }
}
