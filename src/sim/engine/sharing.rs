// SPDX-License-Identifier: GPL-2.0-only
//! Sharing: what the threads of a process pay to find what another one wrote.
//!
//! Each burst reads all that its process shares and writes half of it. What was
//! last written in another LLC has to come from there, at the cost of refilling
//! as much cache as a move over that distance does.

/// The part of it that each burst writes.
const WRITTEN: f64 = 0.5;

/// In which LLC what the threads of each process share was last written.
#[derive(Clone, Debug, Default)]
pub struct Sharing {
    /// Parts of the whole, by process and LLC. What is missing is in memory.
    parts: Vec<Vec<f64>>,
}

impl Sharing {
    /// A thread of `group` begins a burst in `llc` of `nr_llcs`, where data from
    /// another LLC costs `fetch_ns`. Returns what it waits for them.
    pub fn begin(
        &mut self,
        group: u32,
        (llc, nr_llcs): (usize, usize),
        fetch_ns: impl Fn(usize) -> u64,
    ) -> u64 {
        let group = group as usize;
        if self.parts.len() <= group {
            self.parts.resize(group + 1, vec![0.0; nr_llcs]);
        }
        let mut cost_ns = 0.0;
        for (other, part) in self.parts[group].iter_mut().enumerate() {
            if *part > 0.0 && other != llc {
                cost_ns += *part * fetch_ns(other) as f64;
            }
            *part *= 1.0 - WRITTEN;
        }
        self.parts[group][llc] += WRITTEN;
        cost_ns as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_shares_a_cache_pays_nothing() {
        let mut sharing = Sharing::default();
        let mut begin = |group, llc| sharing.begin(group, (llc, 3), |other| 100 * other as u64);
        assert_eq!([begin(0, 1), begin(0, 1), begin(0, 1)], [0; 3]);
        // Another process has nothing to do with it.
        assert_eq!(begin(1, 2), 0);
        // 7/8 were written in LLC 1; half of it is written again elsewhere.
        assert_eq!(begin(0, 0), 87);
        assert_eq!(begin(0, 0), 43);
        assert_eq!(begin(0, 2), 21);
    }
}
