// SPDX-License-Identifier: GPL-2.0-only
//! Picks: a list of some of many items, made without branches.

/// A list of items that were offered and picked. Each offer is written, and
/// stays if the next one does not overwrite it: when the picks follow no
/// pattern, as the states of cells may, a branch for each costs more than that.
#[derive(Clone, Debug, Default)]
pub(super) struct Picks<T> {
    slots: Vec<T>,
    nr: usize,
}

impl<T: Copy + Default> Picks<T> {
    /// Forgets all, with room for so many offers.
    pub fn start(&mut self, offers: usize) {
        // One more: the offer after the last pick has a slot too.
        self.slots
            .resize(self.slots.len().max(offers + 1), T::default());
        self.nr = 0;
    }

    /// Adds `item` if it is picked.
    pub fn offer(&mut self, item: T, is_picked: bool) {
        self.slots[self.nr] = item;
        self.nr += usize::from(is_picked);
    }

    /// Forgets all but the first `nr` picks.
    pub fn truncate(&mut self, nr: usize) {
        self.nr = self.nr.min(nr);
    }

    /// What was picked, in the order of the offers.
    pub fn list(&self) -> &[T] {
        &self.slots[..self.nr]
    }

    /// The same, to be put in order.
    pub fn list_mut(&mut self) -> &mut [T] {
        &mut self.slots[..self.nr]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_picked_leaves_no_trace() {
        let mut picks = Picks::<u32>::default();
        for _ in 0..2 {
            picks.start(5);
            (0..5).for_each(|number| picks.offer(number, number % 2 == 1));
            assert_eq!(picks.list(), [1, 3]);
            picks.truncate(1);
            assert_eq!(picks.list(), [1]);
        }
    }
}
