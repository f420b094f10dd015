// SPDX-License-Identifier: GPL-2.0-only
//! A set of CPUs.

use std::fmt;
use std::str::FromStr;

/// Highest CPU number that a mask can hold, plus one.
pub const MAX_CPUS: u32 = 1024;

const WORDS: usize = MAX_CPUS as usize / 64;

/// A set of CPU numbers below [`MAX_CPUS`]. Parses and prints the kernel's list
/// form, `0-3,8`; the empty set is the empty string.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CpuMask {
    words: [u64; WORDS],
}

impl CpuMask {
    /// The set of the bits in `words`, CPU 0 first; bits past [`MAX_CPUS`] are
    /// dropped.
    pub fn from_words(words: impl IntoIterator<Item = u64>) -> Self {
        let mut mask = Self::default();
        for (own, word) in mask.words.iter_mut().zip(words) {
            *own = word;
        }
        mask
    }

    /// Adds `cpu`; does nothing when it is not below [`MAX_CPUS`].
    pub fn insert(&mut self, cpu: u32) {
        if let Some(word) = self.words.get_mut(cpu as usize / 64) {
            *word |= 1 << (cpu % 64);
        }
    }

    /// Removes `cpu`.
    pub fn remove(&mut self, cpu: u32) {
        if let Some(word) = self.words.get_mut(cpu as usize / 64) {
            *word &= !(1 << (cpu % 64));
        }
    }

    /// Whether `cpu` is in the set.
    pub fn contains(&self, cpu: u32) -> bool {
        self.words
            .get(cpu as usize / 64)
            .is_some_and(|word| word >> (cpu % 64) & 1 == 1)
    }

    /// The CPUs that are in both sets.
    pub fn and(&self, other: &Self) -> Self {
        Self::from_words(self.words.iter().zip(&other.words).map(|(a, b)| a & b))
    }

    /// The CPUs that are in either set.
    pub fn or(&self, other: &Self) -> Self {
        Self::from_words(self.words.iter().zip(&other.words).map(|(a, b)| a | b))
    }

    /// Number of CPUs in the set.
    pub fn len(&self) -> u32 {
        self.words.iter().map(|word| word.count_ones()).sum()
    }

    /// Whether the set has no CPU.
    pub fn is_empty(&self) -> bool {
        self.words.iter().all(|&word| word == 0)
    }

    /// The CPUs in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        (0..MAX_CPUS).filter(|&cpu| self.contains(cpu))
    }
}

impl FromStr for CpuMask {
    type Err = String;

    fn from_str(list: &str) -> Result<Self, String> {
        let number = |text: &str| match text.parse::<u32>() {
            Ok(cpu) if cpu < MAX_CPUS => Ok(cpu),
            _ => Err(format!("'{text}' is not a CPU number below {MAX_CPUS}")),
        };
        let mut mask = Self::default();
        for part in list.trim().split(',').filter(|_| !list.trim().is_empty()) {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            for cpu in number(first)?..=number(last)? {
                mask.insert(cpu);
            }
        }
        Ok(mask)
    }
}

impl fmt::Display for CpuMask {
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
        for list in ["", "0", "0-3", "0-3,8", "63-64,1023"] {
            assert_eq!(list.parse::<CpuMask>().unwrap().to_string(), list);
        }
        assert!("1024".parse::<CpuMask>().is_err());
        assert!("x".parse::<CpuMask>().is_err());
    }

    #[test]
    fn set_operations() {
        let (a, b): (CpuMask, CpuMask) = ("0-70".parse().unwrap(), "3,70,900".parse().unwrap());
        assert_eq!(a.and(&b).to_string(), "3,70");
        assert_eq!(a.or(&b).len(), 72);
        assert_eq!(CpuMask::from_words([2, 1]).to_string(), "1,64");
        assert!(CpuMask::default().is_empty() && !a.contains(5000));
    }
}
