// SPDX-License-Identifier: GPL-2.0-only
//! Which fence a process gets, by what the kernel lets it do. Each case is a process of
//! its own, as the choice is made once.
#![cfg(not(any(loom, miri)))]

use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus};

use hallows_lockfree::fence::Fence;

/// Names the case to the process that is to be it.
const CASE: &str = "HALLOWS_FENCE_CASE";

/// Runs the test `name` of this program again, as `case`.
fn run(name: &str, case: &str) -> ExitStatus {
    let mut again = Command::new(std::env::current_exe().expect("this program"));
    again.args([name, "--exact", "--nocapture"]).env(CASE, case);
    again.output().expect("it runs").status
}

fn is(case: &str) -> bool {
    std::env::var(CASE).is_ok_and(|it| it == case)
}

/// Makes `membarrier(2)` fail in this thread, as a seccomp filter does.
fn forbid_membarrier() {
    const LOAD: u16 = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
    const EQUALS: u16 = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
    const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;
    let step = |code, jf, k| libc::sock_filter { code, jt: 0, jf, k };
    // The number of the call comes first in what a filter sees.
    let mut steps = [
        step(LOAD, 0, 0),
        step(EQUALS, 1, libc::SYS_membarrier as u32),
        step(RETURN, 0, libc::SECCOMP_RET_ERRNO | libc::EPERM as u32),
        step(RETURN, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let filter = libc::sock_fprog {
        len: steps.len() as u16,
        filter: steps.as_mut_ptr(),
    };
    let (no, yes) = (0 as libc::c_ulong, 1 as libc::c_ulong);
    let mode = libc::c_ulong::from(libc::SECCOMP_MODE_FILTER);
    // SAFETY: both take integers, the second besides a filter that outlives the call.
    unsafe {
        assert_eq!(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, yes, no, no, no), 0);
        assert_eq!(
            libc::prctl(libc::PR_SET_SECCOMP, mode, &raw const filter),
            0
        );
    }
}

#[test]
fn it_costs_nothing_where_the_kernel_has_membarrier() {
    let (query, wanted) = (
        libc::MEMBARRIER_CMD_QUERY,
        libc::MEMBARRIER_CMD_PRIVATE_EXPEDITED | libc::MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED,
    );
    // SAFETY: it takes integers.
    let commands = unsafe { libc::syscall(libc::SYS_membarrier, query, 0, 0) };
    let has = commands >= 0 && commands & i64::from(wanted) == i64::from(wanted);
    assert_eq!(Fence::auto().is_asymmetric(), has);
}

#[test]
fn without_membarrier_both_sides_are_sequential() {
    if !is("early") {
        let status = run("without_membarrier_both_sides_are_sequential", "early");
        assert!(status.success(), "{status}");
        return;
    }
    forbid_membarrier();
    assert_eq!(Fence::auto(), Fence::sequential());
    Fence::auto().heavy();
}

#[test]
fn one_that_is_forbidden_later_ends_the_process() {
    if !is("late") {
        let status = run("one_that_is_forbidden_later_ends_the_process", "late");
        assert_eq!(status.signal(), Some(libc::SIGABRT), "{status}");
        return;
    }
    let fence = Fence::auto();
    if !fence.is_asymmetric() {
        // Nothing that it needs can be taken away.
        std::process::abort();
    }
    fence.heavy();
    forbid_membarrier();
    // Nobody may go on after it, not even by catching a panic.
    let _ = std::panic::catch_unwind(|| fence.heavy());
}
