// SPDX-License-Identifier: GPL-2.0-only
//! How long a function waits for memory at the least: accesses of which each needs
//! what the one before it brought can't be under way at once, however wide the CPU.

/// An instruction of a function.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Value {
    /// Whether it waits for memory: a load, or a call of what looks something up.
    pub access: bool,
    /// The instructions whose results it needs, by their places in the function. Those
    /// that come after it are of an earlier turn of a loop, and do not count.
    pub needs: Vec<usize>,
}

/// The longest chain of accesses, by their places, in order. Of equals the first.
pub fn longest(values: &[Value]) -> Vec<usize> {
    // The length of the chain that ends with each, and what comes before it there.
    let mut chains: Vec<(usize, Option<usize>)> = Vec::with_capacity(values.len());
    for (place, value) in values.iter().enumerate() {
        let before = value.needs.iter().copied().filter(|&need| need < place);
        let before = before.reduce(|a, b| if chains[b].0 > chains[a].0 { b } else { a });
        let length = before.map_or(0, |before| chains[before].0) + usize::from(value.access);
        chains.push((length, before));
    }
    let most = chains.iter().map(|chain| chain.0).max().unwrap_or(0);
    let mut at = chains.iter().position(|chain| chain.0 == most);
    let mut chain = Vec::new();
    while let Some(place) = at {
        chain.extend(values[place].access.then_some(place));
        at = chains[place].1;
    }
    chain.reverse();
    chain
}

#[cfg(test)]
mod tests {
    use super::{Value, longest};

    fn load(needs: &[usize]) -> Value {
        Value {
            access: true,
            needs: needs.to_vec(),
        }
    }

    fn sum(needs: &[usize]) -> Value {
        Value {
            access: false,
            ..load(needs)
        }
    }

    #[test]
    fn what_needs_nothing_is_no_chain() {
        assert!(longest(&[]).is_empty());
        assert!(longest(&[sum(&[]), sum(&[0])]).is_empty());
        assert_eq!(longest(&[load(&[]), load(&[]), sum(&[0, 1])]), [0]);
    }

    #[test]
    fn a_chain_goes_through_sums() {
        let values = [
            load(&[]),
            load(&[]),
            sum(&[0, 1]),
            load(&[2]),
            load(&[3]),
            load(&[1]),
        ];
        assert_eq!(longest(&values), [0, 3, 4]);
    }

    #[test]
    fn the_longer_of_two_needs_counts() {
        let values = [load(&[]), load(&[0]), load(&[]), load(&[2, 1]), sum(&[3])];
        assert_eq!(longest(&values), [0, 1, 3]);
    }

    #[test]
    fn a_loop_counts_once() {
        // A list that is walked: the next is loaded from what was loaded.
        let values = [load(&[]), sum(&[0, 2]), load(&[1])];
        assert_eq!(longest(&values), [0, 2]);
    }
}
