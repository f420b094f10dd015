// SPDX-License-Identifier: GPL-2.0-only
//! Claims: how many CPUs of each LLC homes have taken so far.

use std::cmp::Ordering;

use crate::agent::place::Map;

/// What is claimed of each LLC. Keeps its buffer from one window to the next;
/// nothing in it carries over.
#[derive(Clone, Debug, Default)]
pub(super) struct Claims {
    llcs: Vec<Claim>,
    /// Room of the largest LLC.
    largest: f64,
    /// The LLC of which the least is claimed, if nobody claimed of it since it
    /// was found.
    least: Option<u16>,
}

/// CPUs of an LLC that homes may claim together, and what they claimed.
#[derive(Clone, Copy, Debug)]
struct Claim {
    room: f64,
    claimed: f64,
}

impl Claims {
    /// Begins anew: nothing is claimed of the LLCs of `map`, each of which has
    /// room for the share `fill` of its CPUs.
    pub fn start(&mut self, map: &Map, fill: f64) {
        let rooms = map.llcs().iter().map(|llc| fill * llc.cells.len() as f64);
        self.llcs.clear();
        self.llcs
            .extend(rooms.map(|room| Claim { room, claimed: 0.0 }));
        let rooms = self.llcs.iter().map(|claim| claim.room);
        self.largest = rooms.fold(0.0, f64::max);
        self.least = None;
    }

    /// Room of the largest LLC, in CPUs.
    pub fn largest(&self) -> f64 {
        self.largest
    }

    /// May a group that uses `load` CPUs live in `llc`?
    pub fn has_room(&self, llc: u16, load: f64) -> bool {
        let Claim { room, claimed } = self.llcs[llc as usize];
        claimed + load <= room
    }

    /// Orders LLCs by what is claimed of them, then by number.
    pub fn compare(&self, a: u16, b: u16) -> Ordering {
        let claimed = |llc: u16| self.llcs[llc as usize].claimed;
        claimed(a).total_cmp(&claimed(b)).then(a.cmp(&b))
    }

    /// The first LLC in the order of [`compare`](Self::compare) that has room for
    /// `load`. Looks at all of them only if the first one was claimed of since,
    /// or is too small.
    pub fn least_claimed(&mut self, load: f64) -> Option<u16> {
        let least = match self.least {
            Some(least) => least,
            None => self.all().min_by(|a, b| self.compare(*a, *b))?,
        };
        self.least = Some(least);
        if self.has_room(least, load) {
            return Some(least);
        }
        if self.llcs[least as usize].claimed + load > self.largest {
            // More is claimed of all others, and none is larger.
            return None;
        }
        let rooms = self.all().filter(|llc| self.has_room(*llc, load));
        rooms.min_by(|a, b| self.compare(*a, *b))
    }

    /// Claims `load` CPUs of `llc`.
    pub fn add(&mut self, llc: u16, load: f64) {
        self.llcs[llc as usize].claimed += load;
        self.least = self.least.filter(|least| *least != llc);
    }

    fn all(&self) -> impl Iterator<Item = u16> + use<> {
        0..self.llcs.len() as u16
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::testing::machines;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_least_claimed_with_room_is_found(
            map in machines(),
            claims in prop::collection::vec((any::<u16>(), 0.0..4.0f64), 0..40),
            load in 0.0..8.0f64,
        ) {
            let nr = map.llcs().len() as u16;
            let mut all = Claims::default();
            all.start(&map, 0.85);
            for (llc, claim) in claims {
                all.add(llc % nr, claim);
                let rooms = (0..nr).filter(|llc| all.has_room(*llc, load));
                let least = rooms.min_by(|a, b| all.compare(*a, *b));
                prop_assert_eq!(all.least_claimed(load), least);
            }
        }
    }
}
