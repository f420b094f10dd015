// SPDX-License-Identifier: GPL-2.0-only
//! A set of CPU numbers, in the layout that sched_setaffinity(2) takes.

use std::fmt;
use std::str::FromStr;

/// Highest CPU number that a set can hold, plus one.
pub const MAX_CPUS: usize = 1024;
/// 64-bit words in a set.
pub const WORDS: usize = MAX_CPUS / 64;

/// A set of CPU numbers below [`MAX_CPUS`]. Parses and prints the kernel's list
/// form, `0-3,8`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CpuSet {
    /// Bit `cpu % 64` of word `cpu / 64`.
    pub words: [u64; WORDS],
}

impl CpuSet {
    /// The set that holds only `cpu`.
    ///
    /// # Panics
    /// When `cpu` is not below [`MAX_CPUS`].
    pub fn single(cpu: usize) -> Self {
        let mut set = Self::default();
        set.insert(cpu);
        set
    }

    /// Adds `cpu`.
    ///
    /// # Panics
    /// When `cpu` is not below [`MAX_CPUS`].
    pub fn insert(&mut self, cpu: usize) {
        self.words[cpu / 64] |= 1 << (cpu % 64);
    }

    /// Whether `cpu` is in the set.
    pub fn contains(&self, cpu: usize) -> bool {
        self.words
            .get(cpu / 64)
            .is_some_and(|w| w >> (cpu % 64) & 1 == 1)
    }

    /// The CPUs in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        (0..MAX_CPUS).filter(|&cpu| self.contains(cpu))
    }

    /// Number of CPUs in the set.
    pub fn len(&self) -> usize {
        self.words.iter().map(|w| w.count_ones() as usize).sum()
    }

    /// Whether the set has no CPU.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl FromStr for CpuSet {
    type Err = String;

    fn from_str(list: &str) -> Result<Self, String> {
        let number = |text: &str| match text.trim().parse::<usize>() {
            Ok(cpu) if cpu < MAX_CPUS => Ok(cpu),
            _ => Err(format!("'{text}' is not a CPU number below {MAX_CPUS}")),
        };
        let mut set = Self::default();
        for part in list.split(',') {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let (first, last) = (number(first)?, number(last)?);
            if first > last {
                return Err(format!("'{part}' runs backwards"));
            }
            (first..=last).for_each(|cpu| set.insert(cpu));
        }
        Ok(set)
    }
}

impl fmt::Display for CpuSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut cpus = self.iter().peekable();
        let mut separator = "";
        while let Some(first) = cpus.next() {
            let mut last = first;
            while let Some(next) = cpus.next_if_eq(&(last + 1)) {
                last = next;
            }
            match last == first {
                true => write!(f, "{separator}{first}")?,
                false => write!(f, "{separator}{first}-{last}")?,
            }
            separator = ",";
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_parse_and_print_alike() {
        for list in ["0", "0-3", "0-3,8", "1,3,5-6,1023", "63-64"] {
            assert_eq!(list.parse::<CpuSet>().unwrap().to_string(), list);
        }
        assert_eq!("3,1-2".parse::<CpuSet>().unwrap().to_string(), "1-3");
    }

    #[test]
    fn nonsense_is_refused() {
        for list in ["", "a", "3-1", "1024", "-1", "1,,2"] {
            assert!(list.parse::<CpuSet>().is_err(), "{list}");
        }
    }

    #[test]
    fn membership() {
        let set: CpuSet = "1,64".parse().unwrap();
        assert_eq!(set.len(), 2);
        assert!(set.contains(64) && !set.contains(0) && !set.contains(5000));
        assert!(CpuSet::default().is_empty());
    }
}
