// SPDX-License-Identifier: GPL-2.0-only
//! Hazards: what a reader protects.

use std::fmt;
use std::ptr;

use super::atomic::Atomic;
use super::domain::{Domain, no_hazard};
use crate::fence::Fence;
use crate::garbage::{Header, Node};
use crate::registry::Link;
use crate::sync::Arc;
use crate::sync::atomic::{AtomicPtr, Ordering};
use crate::sync::order;

/// Protects one value at a time, from [`protect`](HazardPointer::protect) to the
/// next call or the end of the hazard. Protecting borrows the hazard exclusively,
/// so a reference that would outlive its protection does not compile:
///
/// ```compile_fail,E0499
/// # use hallows_lockfree::hp::{Atomic, Domain};
/// # let domain = Domain::new();
/// # let (a, b) = (Atomic::new(&domain, 1), Atomic::new(&domain, 2));
/// let mut hazard = domain.hazard_pointer();
/// let first = hazard.protect(&a);
/// let second = hazard.protect(&b); // protects b, and a no more
/// println!("{first:?}");
/// ```
/// ```compile_fail,E0505
/// # use hallows_lockfree::hp::{Atomic, Domain};
/// # let domain = Domain::new();
/// # let a = Atomic::new(&domain, 1);
/// let mut hazard = domain.hazard_pointer();
/// let value = hazard.protect(&a);
/// drop(hazard);
/// println!("{value:?}");
/// ```
/// ```compile_fail,E0499
/// # use hallows_lockfree::hp::{Atomic, Domain};
/// # let domain = Domain::new();
/// # let a = Atomic::new(&domain, 1);
/// let mut hazard = domain.hazard_pointer();
/// let value = hazard.protect(&a);
/// hazard.reset();
/// println!("{value:?}");
/// ```
/// A hazard may move to another thread, but two cannot use one:
/// ```compile_fail,E0277
/// # use hallows_lockfree::hp::{Domain, HazardPointer};
/// fn shared(_: impl Sync) {}
/// shared(Domain::new().hazard_pointer());
/// ```
pub struct HazardPointer {
    domain: Domain,
    fence: Fence,
    link: Link<AtomicPtr<Header>>,
}

// SAFETY: the record is its owner's alone until it is released, whatever thread the
// owner is on; the rest is Send.
unsafe impl Send for HazardPointer {}

impl HazardPointer {
    pub(super) fn new(domain: Domain) -> HazardPointer {
        HazardPointer {
            fence: domain.shared.fence,
            link: domain.shared.hazards().acquire(no_hazard),
            domain,
        }
    }

    fn slot(&self) -> &AtomicPtr<Header> {
        // SAFETY: the domain keeps the record.
        &unsafe { self.link.as_ref() }.slot
    }

    /// The value of `cell`, or None when it has none. It stays until the hazard is
    /// used otherwise, whatever becomes of the cell. Lock-free: repeats when the
    /// cell changes meanwhile.
    ///
    /// # Panics
    /// When the hazard and the cell are of different domains.
    #[inline]
    pub fn protect<'h, T: Send + Sync>(&'h mut self, cell: &Atomic<T>) -> Option<&'h T> {
        self.check(cell);
        let mut node = cell.node(Ordering::Relaxed);
        loop {
            match self.announce(cell, node) {
                // SAFETY: just announced, and 'h borrows the hazard exclusively.
                Ok(node) => return unsafe { reference(node) },
                Err(now) => node = now,
            }
        }
    }

    /// As [`protect`](HazardPointer::protect), but a single attempt (wait-free): Err
    /// when the cell changed meanwhile.
    ///
    /// # Errors
    /// [`Changed`].
    ///
    /// # Panics
    /// When the hazard and the cell are of different domains.
    #[inline]
    pub fn try_protect<'h, T: Send + Sync>(
        &'h mut self,
        cell: &Atomic<T>,
    ) -> Result<Option<&'h T>, Changed> {
        self.check(cell);
        let node = cell.node(Ordering::Relaxed);
        match self.announce(cell, node) {
            // SAFETY: just announced, and 'h borrows the hazard exclusively.
            Ok(node) => Ok(unsafe { reference(node) }),
            Err(_) => {
                // What it announces it does not protect.
                self.reset();
                Err(Changed)
            }
        }
    }

    /// Protects nothing any more.
    pub fn reset(&mut self) {
        let release = order("hp.clear", Ordering::Release);
        self.slot().store(ptr::null_mut(), release);
    }

    /// Whether `cell` has another value than the one that the hazard protects: one
    /// load, which tells when it is time to protect anew.
    #[inline]
    pub fn is_stale<T: Send + Sync>(&self, cell: &Atomic<T>) -> bool {
        let protected = self.slot().load(Ordering::Relaxed);
        // Exact: an address that is protected is not given to another value.
        !ptr::addr_eq(protected, cell.node(Ordering::Relaxed))
    }

    #[inline]
    fn check<T: Send + Sync>(&self, cell: &Atomic<T>) {
        assert!(
            Arc::ptr_eq(&self.domain.shared, cell.shared()),
            "a hazard protects cells of its own domain only"
        );
    }

    /// Announces `node`. Ok if `cell` still has it after that; either way what it has
    /// then. That is the one to use: `node` was loaded before it was announced, so it may
    /// be of a value that is gone, whose address another one has got.
    #[inline]
    fn announce<T: Send + Sync>(
        &self,
        cell: &Atomic<T>,
        node: *mut Node<T>,
    ) -> Result<*mut Node<T>, *mut Node<T>> {
        let release = order("hp.protect", Ordering::Release);
        self.slot().store(node.cast(), release);
        self.fence.light();
        let now = cell.node(order("hp.load", Ordering::Acquire));
        if ptr::addr_eq(now, node) {
            Ok(now)
        } else {
            Err(now)
        }
    }
}

/// The value of a node.
///
/// # Safety
/// `node` is null, or was linked after it was announced and stays announced for 'h.
/// Then it isn't freed in 'h (proof in the module).
#[inline]
unsafe fn reference<'h, T: 'static>(node: *mut Node<T>) -> Option<&'h T> {
    // SAFETY: by the caller; values of linked nodes are changed by nobody.
    (!node.is_null()).then(|| unsafe { &*Node::value(node) })
}

impl Drop for HazardPointer {
    fn drop(&mut self) {
        self.reset();
        // SAFETY: ours, of this domain, and empty again.
        unsafe { self.domain.shared.hazards().release(self.link) };
    }
}

impl fmt::Debug for HazardPointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HazardPointer")
            .field("protects", &self.slot().load(Ordering::Relaxed))
            .finish_non_exhaustive()
    }
}

/// The cell changed while its value was being protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Changed;

impl fmt::Display for Changed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the cell changed while its value was being protected")
    }
}

impl std::error::Error for Changed {}
