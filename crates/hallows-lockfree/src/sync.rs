// SPDX-License-Identifier: GPL-2.0-only
//! The only file that knows whether the code runs for real or in a loom model.
//!
//! It also names the orderings and fences that carry the proofs. In a model
//! `HALLOWS_MUTANT=<name>` takes one of them away, and `<name>.acquire` or
//! `<name>.release` that half of an `AcqRel`, which some model must notice: that is
//! the test of the models.

#[cfg(not(loom))]
pub(crate) use std::sync::{Arc, atomic};

#[cfg(loom)]
pub(crate) use loom::sync::{Arc, atomic};

use atomic::Ordering;

/// `ordering`, unless it is the one that the mutant weakens.
#[cfg(not(loom))]
#[inline(always)]
pub(crate) const fn order(_name: &str, ordering: Ordering) -> Ordering {
    ordering
}

/// `ordering`, unless it is the one that the mutant weakens.
#[cfg(loom)]
pub(crate) fn order(name: &str, ordering: Ordering) -> Ordering {
    let taken = mutant().and_then(|mutant| mutant.strip_prefix(name));
    match (taken, ordering) {
        (Some(""), _) => Ordering::Relaxed,
        (Some(".acquire"), Ordering::AcqRel) => Ordering::Release,
        (Some(".release"), Ordering::AcqRel) => Ordering::Acquire,
        _ => ordering,
    }
}

/// A sequentially consistent fence, unless it is the one that the mutant drops.
#[inline(always)]
pub(crate) fn full_fence(name: &str) {
    #[cfg(loom)]
    if mutant() == Some(name) {
        return;
    }
    let _ = name;
    atomic::fence(Ordering::SeqCst);
}

/// A place that one thread at a time works on, by another rule than the borrow
/// checker's. A model checks that the accesses don't race.
#[cfg(not(loom))]
#[derive(Default)]
pub(crate) struct Exclusive<T>(std::cell::UnsafeCell<T>);

/// A place that one thread at a time works on, by another rule than the borrow
/// checker's. A model checks that the accesses don't race.
#[cfg(loom)]
#[derive(Default)]
pub(crate) struct Exclusive<T>(loom::cell::UnsafeCell<T>);

impl<T> Exclusive<T> {
    pub(crate) fn new(value: T) -> Exclusive<T> {
        Exclusive(value.into())
    }

    /// Runs `work` on the place.
    ///
    /// # Safety
    /// Nobody else works on it meanwhile.
    #[inline(always)]
    pub(crate) unsafe fn with<R>(&self, work: impl FnOnce(&mut T) -> R) -> R {
        #[cfg(loom)]
        let at = self.0.get_mut();
        // SAFETY: by the caller.
        #[cfg(loom)]
        let place = unsafe { at.deref() };
        // SAFETY: by the caller.
        #[cfg(not(loom))]
        let place = unsafe { &mut *self.0.get() };
        work(place)
    }
}

/// What is taken away.
#[cfg(loom)]
fn mutant() -> Option<&'static str> {
    use std::sync::OnceLock;
    static MUTANT: OnceLock<Option<String>> = OnceLock::new();
    MUTANT
        .get_or_init(|| std::env::var("HALLOWS_MUTANT").ok())
        .as_deref()
}

/// Slots that one thread at a time works on, by another rule than the borrow
/// checker's. A model checks that accesses don't race.
pub(crate) struct Slots<T> {
    slots: Box<[std::cell::UnsafeCell<std::mem::MaybeUninit<T>>]>,
    #[cfg(loom)]
    touched: Box<[loom::cell::UnsafeCell<()>]>,
}

impl<T> Slots<T> {
    pub(crate) fn new(count: usize) -> Slots<T> {
        let empty = |_| std::cell::UnsafeCell::new(std::mem::MaybeUninit::uninit());
        Slots {
            slots: (0..count).map(empty).collect(),
            #[cfg(loom)]
            touched: (0..count)
                .map(|_| loom::cell::UnsafeCell::new(()))
                .collect(),
        }
    }

    /// Slots `from..from + len`, for the caller to use while they are its.
    ///
    /// # Panics
    /// When there are not that many.
    pub(crate) fn write(&self, from: usize, len: usize) -> *mut [std::mem::MaybeUninit<T>] {
        #[cfg(loom)]
        for touched in &self.touched[from..from + len] {
            touched.with_mut(|_| ());
        }
        let slots = &self.slots[from..from + len];
        // An UnsafeCell is as what it holds.
        std::ptr::slice_from_raw_parts_mut(slots.as_ptr().cast_mut().cast(), len)
    }
}
