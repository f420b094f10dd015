// SPDX-License-Identifier: GPL-2.0-only
//! Who writes which cache line, and when a line is fetched.
//!
//! - [`owned_layout!`](crate::owned_layout) checks at compile time that no line has two owners.
//! - A [`Selector`] changes between two [`Version`]s of an operation, on one word or each thread
//!   on its own line, by how many attempts fail; a [`Counter`] is made of it.
//! - [`prefetch_ahead`](PrefetchAhead::prefetch_ahead) fetches what an iterator's next items need.
//!
//! # Owners
//!
//! A line that two threads write goes to and fro between their CPUs, whatever the
//! fields on it are for. [`owned_layout!`](crate::owned_layout) takes the owner of
//! each field and doesn't compile when two owners share a line:
//!
//! ```
//! use hallows_lockfree::layout::OwnedLayout;
//! use hallows_lockfree::owned_layout;
//! use std::sync::atomic::AtomicU64;
//!
//! #[repr(align(64))]
//! struct Own<T>(T);
//!
//! struct Indices {
//!     tail: Own<AtomicU64>,
//!     head: Own<AtomicU64>,
//! }
//! owned_layout!(Indices { producer: [tail], consumer: [head] });
//!
//! let owners: Vec<_> = Indices::FIELDS.iter().map(|field| field.owner).collect();
//! assert_eq!(owners, ["producer", "consumer"]);
//! ```
//! ```compile_fail,E0080
//! # use hallows_lockfree::owned_layout;
//! #[repr(align(64))]
//! struct Indices {
//!     tail: u64,
//!     head: u64, // on the line of tail
//! }
//! owned_layout!(Indices { producer: [tail], consumer: [head] });
//! ```
//! A struct that isn't aligned to lines shares its ends with what is beside it:
//! ```compile_fail,E0080
//! # use hallows_lockfree::owned_layout;
//! struct Index {
//!     tail: u64,
//! }
//! owned_layout!(Index { producer: [tail] });
//! ```
//! And no field goes without an owner (the compiler has no number for it, out of a macro):
//! ```compile_fail
//! # use hallows_lockfree::owned_layout;
//! #[repr(align(64))]
//! struct Index {
//!     tail: u64,
//!     head: u64,
//! }
//! owned_layout!(Index { producer: [tail] });
//! ```
//! It is for structs without generic parameters.

mod counter;
mod prefetch;
mod version;

pub use counter::{Adder, Counter};
pub use prefetch::{PrefetchAhead, prefetch};
pub use version::{Meter, Selector, Version};

/// Bytes that go from one CPU's cache to another's at once.
pub const LINE: usize = 64;

/// A field and who writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// The name of who writes it.
    pub owner: &'static str,
    /// Where it starts in the struct, in bytes.
    pub offset: usize,
    /// Bytes.
    pub size: usize,
}

/// A struct that [`owned_layout!`](crate::owned_layout) has checked.
pub trait OwnedLayout {
    /// Its fields, by owner.
    const FIELDS: &'static [Field];
}

/// Checks the ownership of a struct's lines and implements [`OwnedLayout`] for it: see
/// [`layout`](crate::layout).
#[macro_export]
macro_rules! owned_layout {
    ($struct:ident { $($owner:ident: [$($field:ident),+ $(,)?]),+ $(,)? }) => {
        impl $crate::layout::OwnedLayout for $struct {
            const FIELDS: &'static [$crate::layout::Field] = &[$($($crate::layout::Field {
                name: ::core::stringify!($field),
                owner: ::core::stringify!($owner),
                offset: ::core::mem::offset_of!($struct, $field),
                size: $crate::layout::field_size::<$struct, _>(|s| &s.$field),
            }),+),+];
        }
        const _: () = {
            $crate::layout::check::<$struct>();
            // A field that has no owner is missing in this pattern.
            #[allow(dead_code)]
            fn all(s: &$struct) {
                let $struct { $($($field: _),+),+ } = s;
            }
        };
    };
}

/// Size of the field that `_get` gets.
#[doc(hidden)]
pub const fn field_size<S, F>(_get: fn(&S) -> &F) -> usize {
    size_of::<F>()
}

/// # Panics
/// At compile time, when the layout is not as its owners need it.
#[doc(hidden)]
pub const fn check<S: OwnedLayout>() {
    assert!(
        align_of::<S>() >= LINE,
        "the struct isn't aligned to cache lines, so others share its ends"
    );
    assert!(
        first_clash(S::FIELDS).is_none(),
        "two owners write the same cache line"
    );
}

/// The first two fields, by index, that have different owners and a line in common.
const fn first_clash(fields: &[Field]) -> Option<(usize, usize)> {
    let mut a = 0;
    while a < fields.len() {
        let mut b = a + 1;
        while b < fields.len() {
            if !same(fields[a].owner, fields[b].owner) && share_line(&fields[a], &fields[b]) {
                return Some((a, b));
            }
            b += 1;
        }
        a += 1;
    }
    None
}

const fn share_line(a: &Field, b: &Field) -> bool {
    if a.size == 0 || b.size == 0 {
        return false;
    }
    let (a_first, a_last) = (a.offset / LINE, (a.offset + a.size - 1) / LINE);
    let (b_first, b_last) = (b.offset / LINE, (b.offset + b.size - 1) / LINE);
    a_first <= b_last && b_first <= a_last
}

/// Equality of strings, at compile time.
const fn same(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    if a.len() != b.len() {
        return false;
    }
    let mut i = 0;
    while i < a.len() {
        if a[i] != b[i] {
            return false;
        }
        i += 1;
    }
    true
}

#[cfg(all(test, not(any(loom, miri))))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// Against a look at every byte.
        #[test]
        fn a_clash_is_a_line_with_two_owners(
            fields in prop::collection::vec((0..3usize, 0..300usize, 0..150usize), 0..5),
        ) {
            let fields: Vec<_> = fields
                .into_iter()
                .map(|(owner, offset, size)| Field {
                    name: "field",
                    owner: ["a", "b", "bb"][owner],
                    offset,
                    size,
                })
                .collect();
            let owners = |line: usize| {
                let bytes = line * LINE..(line + 1) * LINE;
                let on_line = |f: &&Field| bytes.clone().any(|b| (f.offset..f.offset + f.size).contains(&b));
                let mut owners: Vec<_> = fields.iter().filter(on_line).map(|f| f.owner).collect();
                owners.sort_unstable();
                owners.dedup();
                owners.len()
            };
            prop_assert_eq!(first_clash(&fields).is_some(), (0..8).any(|line| owners(line) > 1));
        }
    }

    #[test]
    fn fields_are_listed_by_owner() {
        #[repr(C, align(64))]
        struct Pair {
            a: u32,
            b: u64,
            gap: [u8; 48],
            c: u16,
        }
        owned_layout!(Pair {
            one: [a, b, gap],
            two: [c]
        });
        let wanted = [
            ("a", "one", 0, 4),
            ("b", "one", 8, 8),
            ("gap", "one", 16, 48),
            ("c", "two", 64, 2),
        ];
        let found = Pair::FIELDS
            .iter()
            .map(|f| (f.name, f.owner, f.offset, f.size));
        assert!(found.eq(wanted));
    }
}
