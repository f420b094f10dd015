// SPDX-License-Identifier: GPL-2.0-only
//! Groups of threads that are near each other.

use crate::sync::atomic::{AtomicU32, Ordering};

/// The group of a handle; of none if it was registered without.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Group(u32);

impl Group {
    pub(super) const NONE: Group = Group(0);

    pub(super) fn new(group: u16) -> Group {
        Group(u32::from(group) + 1)
    }
}

/// The groups of all slots, close together: a turn that looks for its own touches no line
/// of the others' slots. Hints only, so they order nothing.
pub(super) struct Groups(Box<[AtomicU32]>);

impl Groups {
    pub(super) fn new(slots: usize) -> Groups {
        Groups((0..slots).map(|_| AtomicU32::new(0)).collect())
    }

    pub(super) fn set(&self, slot: usize, group: Group) {
        self.0[slot].store(group.0, Ordering::Relaxed);
    }

    /// Whether the slot is of `group`. Slots without a group are near nobody.
    pub(super) fn is_near(&self, slot: usize, group: Group) -> bool {
        group != Group::NONE && self.0[slot].load(Ordering::Relaxed) == group.0
    }
}

/// The memory node of the CPU that the calling thread is on: the group to
/// [register in](super::FlatCombiner::register_in). It is the thread's for as long as it
/// stays there; a thread that has moved is served as one of its old node. 0 in models and
/// where the kernel doesn't tell.
pub fn current_node() -> u16 {
    #[cfg(not(any(loom, miri)))]
    {
        let (mut cpu, mut node) = (0_u32, 0_u32);
        let no_cache = std::ptr::null_mut::<libc::c_void>();
        // SAFETY: both are ours to write, and nothing has used the last one since Linux 2.6.24.
        unsafe { libc::syscall(libc::SYS_getcpu, &raw mut cpu, &raw mut node, no_cache) };
        u16::try_from(node).unwrap_or(0)
    }
    #[cfg(any(loom, miri))]
    0
}
