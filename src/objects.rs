// SPDX-License-Identifier: GPL-2.0-only
//! The two forms of the BPF half: as clang makes it of the source, and laid out along
//! profiles, if `cargo xtask dist` built that in. The second is tried first.
//!
//! They differ in the order of their code alone, the build sees to that: an agent takes
//! over whichever is pinned.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// The form that is laid out, empty where there is none.
static LAID_OUT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/laid_out.bpf.o"));

/// Whether this kernel did not take it.
static REFUSED: AtomicBool = AtomicBool::new(false);

/// Whether there are two.
pub fn has_both() -> bool {
    !LAID_OUT.is_empty()
}

/// Whether what is loaded from now on is laid out along profiles.
pub fn is_laid_out() -> bool {
    has_both() && !REFUSED.load(Relaxed)
}

/// The object to load: `plain`, or the other form.
pub fn chosen(plain: &'static [u8]) -> &'static [u8] {
    if is_laid_out() { LAID_OUT } else { plain }
}

/// Goes on with the plain form. False, and nothing has changed, if that was it already.
pub fn fall_back() -> bool {
    has_both() && !REFUSED.swap(true, Relaxed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_build_has_nothing_to_fall_back_from() {
        if has_both() {
            return;
        }
        assert!(!is_laid_out() && !fall_back());
        assert_eq!(chosen(b"plain"), b"plain");
    }
}
