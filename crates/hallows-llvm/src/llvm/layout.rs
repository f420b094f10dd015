// SPDX-License-Identifier: GPL-2.0-only
//! The jobs `layout` and `report`: the order of each function's blocks.

use anyhow::Result;
use hallows_prof::report::{self, Entry, Line};
use llvm_sys::prelude::LLVMModuleRef;

use super::function;
use crate::chains;
use crate::flow::Flow;
use crate::jobs::Jobs;

/// Orders the blocks of all functions if that is a job, and reports.
///
/// # Errors
/// When the report cannot be written.
///
/// # Safety
/// `module` is a valid module that nobody else uses meanwhile.
pub unsafe fn run(module: LLVMModuleRef, jobs: &Jobs) -> Result<()> {
    // SAFETY: what the caller promises.
    let mut functions = unsafe { function::all(module) };
    let names: Vec<_> = functions.iter().map(|function| function.name()).collect();
    let mut lines = Vec::new();
    for (function, name) in functions.iter_mut().zip(&names) {
        let flow = Flow::of(&function.control_flow());
        let layout = if jobs.layout && !jobs.keep.contains(name) {
            chains::layout(&flow)
        } else {
            chains::keep(&flow)
        };
        function.reorder(&layout.order);
        let moved = layout
            .order
            .windows(2)
            .filter(|pair| pair[1] != pair[0] + 1);
        lines.push(Entry::Report(Line {
            function: name.clone(),
            calls: function.calls(),
            blocks: layout.order.len(),
            moved: moved.count(),
            taken_before: layout.before,
            taken_after: layout.after,
        }));
    }
    jobs.report
        .as_deref()
        .map_or(Ok(()), |file| report::append(file, &lines))
}
