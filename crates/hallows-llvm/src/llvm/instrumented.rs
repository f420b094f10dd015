// SPDX-License-Identifier: GPL-2.0-only
//! The counters of `-fprofile-generate`: gathered into one array that libbpf
//! makes a map of, without what only clang's run-time library could use.

use std::collections::HashMap;
use std::slice;

use anyhow::{Context, Result, ensure};
use hallows_prof::profmap::{Entry, Profmap, SECTION};
use llvm_sys::LLVMLinkage;
use llvm_sys::core::*;
use llvm_sys::prelude::{LLVMModuleRef, LLVMValueRef};

use super::function;
use crate::names;

/// clang's record of a function: `INSTR_PROF_DATA` of LLVM 22, by operand.
const NAME_HASH: u32 = 0;
const CONTROL_FLOW_HASH: u32 = 1;
const COUNTERS: u32 = 6;

/// Names of globals begin so.
const RECORD: &str = "__profd_";
const COUNTER: &str = "__profc_";
const NAMES: &str = "__llvm_prf_nm";

/// Moves all counters of a module into one array, and deletes the rest of the
/// instrumentation. `None` when the module has none.
///
/// # Errors
/// Records that are not as LLVM 22 writes them.
///
/// # Safety
/// `module` is a valid module that nobody else uses meanwhile.
pub unsafe fn gather(module: LLVMModuleRef) -> Result<Option<Profmap>> {
    // SAFETY: what the caller promises.
    unsafe {
        let globals = globals(module);
        let Some(names) = globals.get(NAMES) else {
            return Ok(None);
        };
        let names = names::read(bytes(LLVMGetInitializer(*names)))?;
        let by_hash: HashMap<u64, String> = names
            .into_iter()
            .map(|name| (names::hash(&name), name))
            .collect();
        let mut map = Profmap::default();
        let mut moved = Vec::new();
        let mut records: Vec<_> = globals
            .iter()
            .filter(|(name, _)| name.starts_with(RECORD))
            .collect();
        records.sort();
        for (symbol, record) in records {
            let entry = entry(*record, map.counters(), &by_hash)
                .with_context(|| format!("clang's record {symbol}"))?;
            let counters = symbol.replacen(RECORD, COUNTER, 1);
            let counters = globals
                .get(&counters)
                .with_context(|| format!("no {counters}"))?;
            moved.push((*counters, entry.first));
            map.entries.push(entry);
        }
        delete_lists(&globals);
        redirect(module, &moved, map.counters());
        delete(&globals);
        Ok(Some(map))
    }
}

/// # Safety
/// `record` is a global of a valid module.
unsafe fn entry(record: LLVMValueRef, first: usize, names: &HashMap<u64, String>) -> Result<Entry> {
    // SAFETY: operands are looked at within their number, and as integers if they are.
    let field = |number: u32| unsafe {
        let all = LLVMGetInitializer(record);
        let there = !all.is_null() && number < LLVMGetNumOperands(all) as u32;
        let value = there.then(|| LLVMGetOperand(all, number));
        let value = value.filter(|value| !LLVMIsAConstantInt(*value).is_null());
        let value = value.with_context(|| format!("field {number} is no number"))?;
        anyhow::Ok(LLVMConstIntGetZExtValue(value))
    };
    let name = names
        .get(&field(NAME_HASH)?)
        .context("its function has no name")?;
    let count = usize::try_from(field(COUNTERS)?)?;
    ensure!(count > 0, "it has no counters");
    Ok(Entry {
        name: name.clone(),
        hash: field(CONTROL_FLOW_HASH)?,
        first,
        count,
    })
}

/// Makes the array and lets all uses of each function's counters use its part.
///
/// # Safety
/// `moved` are globals of the module.
unsafe fn redirect(module: LLVMModuleRef, moved: &[(LLVMValueRef, usize)], count: usize) {
    // SAFETY: what the caller promises; each part lies within the array.
    unsafe {
        let context = LLVMGetModuleContext(module);
        let word = LLVMInt64TypeInContext(context);
        let kind = LLVMArrayType2(word, count as u64);
        let array = LLVMAddGlobal(module, kind, c"hallows_counters".as_ptr());
        LLVMSetInitializer(array, LLVMConstNull(kind));
        LLVMSetAlignment(array, 8);
        LLVMSetLinkage(array, LLVMLinkage::LLVMInternalLinkage);
        let section = format!("{SECTION}\0");
        LLVMSetSection(array, section.as_ptr().cast());
        for (counters, first) in moved {
            let mut index = [LLVMConstInt(word, *first as u64, 0)];
            let part = LLVMConstInBoundsGEP2(word, array, index.as_mut_ptr(), 1);
            LLVMReplaceAllUsesWith(*counters, part);
        }
    }
}

/// Deletes the lists of what must be kept until code is generated, which is now,
/// for they use what is to be deleted.
///
/// # Safety
/// `globals` are those of a valid module.
unsafe fn delete_lists(globals: &HashMap<String, LLVMValueRef>) {
    for list in ["llvm.used", "llvm.compiler.used"] {
        if let Some(list) = globals.get(list) {
            // SAFETY: nothing can use such a list.
            unsafe { LLVMDeleteGlobal(*list) };
        }
    }
}

/// # Safety
/// As [`delete_lists`]; nothing uses the counters.
unsafe fn delete(globals: &HashMap<String, LLVMValueRef>) {
    // Records first, for they use counters.
    for start in [RECORD, COUNTER, NAMES, "__llvm_profile_"] {
        for (_, global) in globals.iter().filter(|(name, _)| name.starts_with(start)) {
            // SAFETY: records and what clang's run-time library reads have no users.
            unsafe { LLVMDeleteGlobal(*global) };
        }
    }
}

/// The global variables of a module by their names.
///
/// # Safety
/// `module` is valid.
unsafe fn globals(module: LLVMModuleRef) -> HashMap<String, LLVMValueRef> {
    let mut globals = HashMap::new();
    // SAFETY: walks the list of a valid module to its end, which is null.
    unsafe {
        let mut global = LLVMGetFirstGlobal(module);
        while !global.is_null() {
            globals.insert(function::name(global), global);
            global = LLVMGetNextGlobal(global);
        }
    }
    globals
}

/// The bytes of a constant string.
///
/// # Safety
/// `string` is one, and outlives what is returned.
unsafe fn bytes<'a>(string: LLVMValueRef) -> &'a [u8] {
    let mut length = 0;
    // SAFETY: what the caller promises.
    unsafe {
        let start = LLVMGetAsString(string, &mut length);
        slice::from_raw_parts(start.cast(), length)
    }
}
