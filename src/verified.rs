// SPDX-License-Identifier: GPL-2.0-only
//! What the kernel's verifier did with each program: how many instructions it
//! walked. A change of the code, or of the compiler, that multiplies them comes
//! close to the limit of a million at which a kernel refuses a program.

#![allow(unsafe_code)]

use std::io;
use std::mem::{MaybeUninit, size_of};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use libbpf_rs::Object;
use libbpf_rs::libbpf_sys::{bpf_prog_get_info_by_fd, bpf_prog_info};
use tracing::{debug, enabled};

/// Logs, for whoever wants details, a line for each program of `object`, which
/// is loaded.
pub fn log(object: &Object) {
    if !enabled!(tracing::Level::DEBUG) {
        return;
    }
    for program in object.progs() {
        match instructions(program.as_fd()) {
            Ok(instructions) => debug!(
                "{}: {instructions} instructions verified",
                program.name().to_string_lossy()
            ),
            Err(error) => debug!("{}: {error}", program.name().to_string_lossy()),
        }
    }
}

/// Instructions that the verifier walked of a loaded program, on all paths.
fn instructions(program: BorrowedFd<'_>) -> io::Result<u32> {
    let mut info = MaybeUninit::<bpf_prog_info>::zeroed();
    let mut size = size_of::<bpf_prog_info>() as u32;
    // SAFETY: the kernel writes at most `size` bytes to `info`, and follows none
    // of its pointers, which are null with lengths of zero.
    let status =
        unsafe { bpf_prog_get_info_by_fd(program.as_raw_fd(), info.as_mut_ptr(), &mut size) };
    if status != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: plain integers and pointers, for which zero is a value.
    Ok(unsafe { info.assume_init() }.verified_insns)
}
