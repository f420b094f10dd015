// SPDX-License-Identifier: GPL-2.0-only
//! A value whose reads must happen after it was made and before it is freed.

use loom::cell::UnsafeCell;

#[derive(Debug)]
pub struct Value(UnsafeCell<usize>);

// SAFETY: loom reports a race instead of running into it.
unsafe impl Sync for Value {}

impl Value {
    pub fn new(value: usize) -> Value {
        Value(UnsafeCell::new(value))
    }

    pub fn get(&self) -> usize {
        // SAFETY: only the destructor writes, and loom tells if that races.
        self.0.with(|value| unsafe { *value })
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        // SAFETY: as above.
        self.0.with_mut(|value| unsafe { *value = usize::MAX });
    }
}
