// SPDX-License-Identifier: GPL-2.0-only
//! The side of the plugin that LLVM sees: version 2 of its plugin interface,
//! which LLVM 22 brought, whose call before code generation needs no C++.

#![allow(unsafe_code)]

mod fixup;
mod function;
mod instrumented;
mod layout;
mod memdep;
mod writers;

use std::ffi::{CStr, c_char, c_int, c_void};
use std::process;

use anyhow::Result;
use llvm_sys::core::LLVMGetTarget;
use llvm_sys::prelude::LLVMModuleRef;

use crate::jobs::Jobs;

/// `llvm::PassPluginLibraryInfo` of `llvm/Plugins/PassPlugin.h`.
#[repr(C)]
pub struct PluginInfo {
    api: u32,
    name: *const c_char,
    version: *const c_char,
    /// Registers passes with a C++ object; there are none.
    register: Option<unsafe extern "C" fn(*mut c_void)>,
    before_codegen: Option<BeforeCodegen>,
}

/// Gets the module, and what it needs not: the target machine, the kind of
/// output and its stream. Returning true would mean that it wrote the output.
type BeforeCodegen = unsafe extern "C" fn(LLVMModuleRef, *mut c_void, c_int, *mut c_void) -> bool;

/// What clang looks up in a plugin by name.
#[unsafe(no_mangle)]
pub extern "C" fn llvmGetPassPluginInfo() -> PluginInfo {
    PluginInfo {
        api: 2,
        name: c"hallows".as_ptr(),
        version: c"0.1.0".as_ptr(),
        register: None,
        before_codegen: Some(before_codegen),
    }
}

/// # Safety
/// `module` is a valid module that nobody else uses meanwhile.
unsafe extern "C" fn before_codegen(
    module: LLVMModuleRef,
    _machine: *mut c_void,
    _kind: c_int,
    _stream: *mut c_void,
) -> bool {
    // SAFETY: what the caller promises.
    match unsafe { run(module) } {
        Ok(generate) => !generate,
        Err(error) => {
            // The interface has no way to refuse, and an object that is not what was
            // asked for must not be.
            eprintln!("hallows-llvm: error: {error:#}");
            process::exit(1);
        }
    }
}

/// Returns whether there is code to be generated.
///
/// # Safety
/// As [`before_codegen`].
unsafe fn run(module: LLVMModuleRef) -> Result<bool> {
    // SAFETY: a module's target is a string that lives as long as the module.
    let target = unsafe { CStr::from_ptr(LLVMGetTarget(module)) };
    // Other back ends place blocks themselves.
    if !target.to_bytes().starts_with(b"bpf") {
        return Ok(true);
    }
    let jobs = Jobs::from_env()?;
    if let Some(file) = &jobs.writers {
        // SAFETY: what the caller promises.
        unsafe { writers::run(module, file)? };
        return Ok(false);
    }
    if jobs.fixup {
        // SAFETY: what the caller promises.
        unsafe { fixup::run(module, jobs.profmap.as_deref())? };
    }
    if let Some(file) = &jobs.memdep {
        // SAFETY: what the caller promises.
        unsafe { memdep::run(module, file)? };
    }
    if jobs.layout || jobs.report.is_some() {
        // SAFETY: what the caller promises.
        unsafe { layout::run(module, &jobs)? };
    }
    Ok(true)
}
