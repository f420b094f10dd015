// SPDX-License-Identifier: GPL-2.0-only
//! Fetching what is looked at next while other work is done.

use std::array;
use std::mem;

/// Asks the CPU to bring the line that `value` starts on into its caches, and doesn't wait
/// for it: `prefetcht0`, or `prfm pldl1keep`. Nothing on other CPUs, in models and under Miri.
#[inline(always)]
pub fn prefetch<T: ?Sized>(value: &T) {
    let at = std::ptr::from_ref(value).cast::<u8>();
    #[cfg(all(target_arch = "x86_64", not(any(loom, miri))))]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a hint about an address that is ours to read; all x86-64 CPUs have it.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(at.cast()) };
    }
    #[cfg(all(target_arch = "aarch64", not(any(loom, miri))))]
    {
        // SAFETY: a hint about an address that is ours to read.
        unsafe {
            std::arch::asm!("prfm pldl1keep, [{}]", in(reg) at,
                options(nostack, readonly, preserves_flags));
        }
    }
    #[cfg(any(not(any(target_arch = "x86_64", target_arch = "aarch64")), loom, miri))]
    let _ = at;
}

/// Looking ahead, for all iterators.
pub trait PrefetchAhead: Iterator + Sized {
    /// The same items, each shown to `look` when it is `N` items away or, at the start, as
    /// early as can be. `look` finds what the item will need and [`prefetch`]es it.
    ///
    /// It is for gathers: items that say where in a large table to read, in no order that the
    /// hardware would guess, with so much to do for each, or branches on what was read, that
    /// the CPU doesn't get to the next one's read by itself. Sequential reads it only slows
    /// down, as it does where the table is in the caches: measure. The distance is how many items are done in the time that memory
    /// takes: 8 to 32 for a few instructions each.
    ///
    /// At most `N` items are taken from the iterator before they are asked for, and held in
    /// place: nothing is allocated. A panic of `look` comes that much earlier than that of
    /// what it is for. If it is caught, or one of the iterator, the item that was being asked
    /// for is lost, those that were taken ahead still come, in order, and no further ones.
    ///
    /// ```
    /// use hallows_lockfree::layout::{PrefetchAhead, prefetch};
    ///
    /// let tasks = vec![1_u64; 1000];
    /// let order = [7, 900, 31, 512];
    /// let ahead = order.iter().prefetch_ahead::<16>(|index| prefetch(&tasks[**index]));
    /// assert_eq!(ahead.map(|index| tasks[*index]).sum::<u64>(), 4);
    /// ```
    /// Looking no item ahead is a mistake:
    /// ```compile_fail,E0080
    /// # use hallows_lockfree::layout::{PrefetchAhead, prefetch};
    /// let none = [1].iter().prefetch_ahead::<0>(|value| prefetch(*value));
    /// assert_eq!(none.count(), 1);
    /// ```
    fn prefetch_ahead<const N: usize>(
        self,
        look: impl FnMut(&Self::Item),
    ) -> impl Iterator<Item = Self::Item> {
        const { assert!(N > 0, "it would look no item ahead") };
        Ahead::<Self, _, N> {
            items: self,
            look,
            ring: array::from_fn(|_| None),
            at: 0,
            begun: false,
            ended: false,
        }
    }
}

impl<I: Iterator> PrefetchAhead for I {}

struct Ahead<I: Iterator, F, const N: usize> {
    items: I,
    look: F,
    /// The next items from `at` on; where there is none all that follow are none.
    ring: [Option<I::Item>; N],
    at: usize,
    begun: bool,
    /// There are no more than those in the ring.
    ended: bool,
}

impl<I: Iterator, F: FnMut(&I::Item), const N: usize> Ahead<I, F, N> {
    #[cold]
    fn begin(&mut self) {
        self.begun = true;
        for at in 0..N {
            self.fill(at);
        }
    }

    /// Puts the next item there, if there is one. An iterator that ended or panicked isn't
    /// asked again.
    #[inline]
    fn fill(&mut self, at: usize) {
        if !self.ended {
            let end = End(&mut self.ended);
            self.ring[at] = self.items.next();
            if let Some(item) = &self.ring[at] {
                (self.look)(item);
                mem::forget(end);
            }
        }
    }
}

/// Ends it, unless it is forgotten.
struct End<'a>(&'a mut bool);

impl Drop for End<'_> {
    #[inline]
    fn drop(&mut self) {
        *self.0 = true;
    }
}

impl<I: Iterator, F: FnMut(&I::Item), const N: usize> Iterator for Ahead<I, F, N> {
    type Item = I::Item;

    #[inline]
    fn next(&mut self) -> Option<I::Item> {
        if !self.begun {
            self.begin();
        }
        let at = self.at;
        let item = self.ring[at].take()?;
        // First, so that a panic changes no order.
        self.at = if at + 1 == N { 0 } else { at + 1 };
        self.fill(at);
        Some(item)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let ahead = self.ring.iter().flatten().count();
        let (low, high) = match self.ended {
            true => (0, Some(0)),
            false => self.items.size_hint(),
        };
        let high = high.and_then(|high| high.checked_add(ahead));
        (low.saturating_add(ahead), high)
    }
}

#[cfg(all(test, not(any(loom, miri))))]
mod tests {
    use std::cell::{Cell, RefCell};

    use proptest::prelude::*;

    use super::*;

    /// What is known of an iterator that was looked ahead of.
    fn check<const N: usize>(items: Vec<u8>) -> Result<(), TestCaseError> {
        let taken = Cell::new(0);
        let looked = RefCell::new(Vec::new());
        let source = items.iter().inspect(|_| taken.set(taken.get() + 1));
        let mut ahead = source.prefetch_ahead::<N>(|item| looked.borrow_mut().push(**item));
        prop_assert_eq!(taken.get(), 0);
        for (given, wanted) in items.iter().enumerate() {
            prop_assert_eq!(
                ahead.size_hint(),
                (items.len() - given, Some(items.len() - given))
            );
            prop_assert_eq!(ahead.next(), Some(wanted));
            // Never further ahead, and as far as there is something.
            prop_assert_eq!(taken.get(), (given + 1 + N).min(items.len()));
            prop_assert_eq!(&looked.borrow()[..], &items[..taken.get()]);
        }
        prop_assert_eq!(ahead.size_hint(), (0, Some(0)));
        prop_assert_eq!((ahead.next(), ahead.next()), (None, None));
        Ok(())
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn the_items_are_the_same_and_each_is_looked_at(items: Vec<u8>) {
            check::<1>(items.clone())?;
            check::<2>(items.clone())?;
            check::<16>(items)?;
        }
    }

    #[test]
    fn an_iterator_that_ended_is_not_asked_again() {
        let mut asked = 0;
        let once_more = std::iter::from_fn(|| {
            asked += 1;
            (asked != 3).then_some(asked)
        });
        assert!(once_more.prefetch_ahead::<2>(|_| ()).eq([1, 2]));
        assert_eq!(asked, 3);
    }

    #[test]
    fn what_was_taken_ahead_is_dropped() {
        let held = std::rc::Rc::new(());
        let mut ahead = std::iter::repeat_n(held.clone(), 10).prefetch_ahead::<4>(|_| ());
        drop(ahead.next());
        drop(ahead);
        assert_eq!(std::rc::Rc::strong_count(&held), 1);
    }

    /// What comes after a panic that was caught: what was taken ahead by then, in order.
    #[test]
    fn a_panic_ends_it_after_what_was_taken_ahead() {
        use std::panic::{AssertUnwindSafe, catch_unwind};

        let panics_at = |bad: usize, where_: &str| {
            let items = (0..10).inspect(|item| assert!(where_ != "next" || *item != bad));
            let look = |item: &usize| assert!(where_ != "look" || *item != bad);
            let mut ahead = items.prefetch_ahead::<3>(look);
            let mut next = || catch_unwind(AssertUnwindSafe(|| ahead.next()));
            let mut given = Vec::new();
            let mut panics = 0;
            loop {
                match next() {
                    Ok(Some(item)) => given.push(item),
                    Ok(None) => break,
                    Err(_) => panics += 1,
                }
            }
            assert_eq!((panics, next().expect("no panic")), (1, None));
            assert_eq!(ahead.size_hint(), (0, Some(0)));
            given
        };
        // At the start nothing was asked for.
        assert_eq!(panics_at(1, "look"), [0, 1]);
        assert_eq!(panics_at(1, "next"), [0]);
        // Later what was asked for is lost.
        assert_eq!(panics_at(5, "look"), [0, 1, 3, 4, 5]);
        assert_eq!(panics_at(5, "next"), [0, 1, 3, 4]);
    }

    #[test]
    fn any_address_of_ours_may_be_fetched() {
        prefetch(&[0_u8; 0]);
        prefetch("");
        prefetch(&[0_u64; 100][..]);
    }
}
