// SPDX-License-Identifier: GPL-2.0-only
//! Going on behind a destructor that panics, so that nothing is leaked or left untold.

/// Does `step` until it returns false. If one panics the others are done all the same, before
/// the panic goes on; a second panic aborts, as everywhere.
pub(crate) fn to_the_end(step: impl FnMut() -> bool) {
    struct Rest<F: FnMut() -> bool>(F);
    impl<F: FnMut() -> bool> Drop for Rest<F> {
        fn drop(&mut self) {
            while (self.0)() {}
        }
    }
    let mut rest = Rest(step);
    // By hand, as what panics in `drop` is not dropped again.
    while (rest.0)() {}
    std::mem::forget(rest);
}
