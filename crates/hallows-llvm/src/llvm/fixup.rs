// SPDX-License-Identifier: GPL-2.0-only
//! The job `fixup`: what of clang's profiles BPF's loaders cannot take.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use llvm_sys::core::*;
use llvm_sys::prelude::LLVMModuleRef;

use super::{function, instrumented};

/// Makes an instrumented module loadable and writes the profmap of its counters;
/// makes one that was compiled with a profile loadable.
///
/// # Errors
/// An instrumented module without a file for its profmap, or records of clang's
/// that are not those of LLVM 22.
///
/// # Safety
/// `module` is a valid module that nobody else uses meanwhile.
pub unsafe fn run(module: LLVMModuleRef, profmap: Option<&Path>) -> Result<()> {
    // SAFETY: what the caller promises.
    unsafe {
        if let Some(map) = instrumented::gather(module)? {
            let file = profmap.context("the code is instrumented: set $HALLOWS_PROFMAP")?;
            fs::write(file, map.to_string())
                .with_context(|| format!("cannot write {}", file.display()))?;
        }
        name_sections(module);
        hide_call_graph(module);
    }
    Ok(())
}

/// By a profile the back end puts functions into `.text.hot` and `.text.unlikely`,
/// where libbpf looks for none. A section that is named it leaves alone.
///
/// # Safety
/// As [`run`].
unsafe fn name_sections(module: LLVMModuleRef) {
    // SAFETY: what the caller promises.
    unsafe {
        for function in function::all(module) {
            function.default_section(c".text");
        }
    }
}

/// The back end makes a section of the profile of calls, with relocations that
/// BPF has not. It finds it by the name of the module's flag.
///
/// # Safety
/// As [`run`].
unsafe fn hide_call_graph(module: LLVMModuleRef) {
    // SAFETY: operands are counted; each flag has a name as its second operand.
    unsafe {
        let context = LLVMGetModuleContext(module);
        let flags = c"llvm.module.flags".as_ptr();
        let count = LLVMGetNamedMetadataNumOperands(module, flags) as usize;
        let mut nodes = vec![std::ptr::null_mut(); count];
        LLVMGetNamedMetadataOperands(module, flags, nodes.as_mut_ptr());
        for node in nodes {
            if function::text(node, 1).as_deref() == Some("CG Profile") {
                let name = "hallows.cg-profile";
                let name = LLVMMDStringInContext2(context, name.as_ptr().cast(), name.len());
                LLVMReplaceMDNodeOperandWith(node, 1, name);
            }
        }
    }
}
