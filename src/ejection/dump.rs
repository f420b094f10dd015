// SPDX-License-Identifier: GPL-2.0-only
//! The kernel's dump of its queues, which it copies into BPF's memory.

#![allow(unsafe_code)]

use std::ffi::CStr;
use std::sync::PoisonError;

use scx_utils::UEI_DUMP_PTR_MUTEX;

/// What the kernel dumped when it ejected the scheduler whose skeleton was opened last, and
/// still is; empty if it left nothing.
pub fn kernel_dump() -> String {
    let dump = UEI_DUMP_PTR_MUTEX
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .ptr;
    if dump.is_null() {
        return String::new();
    }
    // SAFETY: opening pointed it to the map that the kernel copied its dump to,
    // with a zero at the end; the map lasts as long as the skeleton.
    let dump = unsafe { CStr::from_ptr(dump) };
    dump.to_string_lossy().into_owned()
}
