// SPDX-License-Identifier: GPL-2.0-only
//! The CPUs' streams as one.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use anyhow::Result;

use crate::event::{Event, Kind};

/// A source of one CPU's events.
pub trait Source {
    /// The next event; `None` at the end.
    ///
    /// # Errors
    /// When the source can't be read.
    fn next_event(&mut self) -> Result<Option<Event>>;

    /// Whether events are missing after the last one.
    fn lossy(&self) -> bool;
}

/// Merges streams by time. Ends with the first lossy stream that ends: up to
/// there the merged trace is complete.
pub struct Merge<S> {
    sources: Vec<S>,
    heads: BinaryHeap<Reverse<Head>>,
    truncated: bool,
}

/// The next event of a source; ordered by time, then by [`rank`].
struct Head {
    event: Event,
    source: usize,
}

impl Head {
    fn key(&self) -> (u64, u8, usize) {
        (self.event.time_ns, rank(&self.event.kind), self.source)
    }
}

impl PartialEq for Head {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Head {}

impl PartialOrd for Head {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Head {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key().cmp(&other.key())
    }
}

/// Which of two events with the same time on different CPUs comes first: a task
/// must have left its CPU before it can be woken or marked.
fn rank(kind: &Kind) -> u8 {
    match kind {
        Kind::Allowed { .. } | Kind::New { .. } => 0,
        Kind::Switch { .. } | Kind::Migrate { .. } => 1,
        Kind::Ready | Kind::End => 3,
        _ => 2,
    }
}

impl<S: Source> Merge<S> {
    /// Starts with the first event of each source.
    ///
    /// # Errors
    /// When a source can't be read.
    pub fn new(sources: Vec<S>) -> Result<Self> {
        let mut merge = Self {
            heads: BinaryHeap::with_capacity(sources.len()),
            truncated: false,
            sources,
        };
        for source in 0..merge.sources.len() {
            merge.refill(source)?;
        }
        Ok(merge)
    }

    fn refill(&mut self, source: usize) -> Result<()> {
        match self.sources[source].next_event()? {
            Some(event) => self.heads.push(Reverse(Head { event, source })),
            None => self.truncated |= self.sources[source].lossy(),
        }
        Ok(())
    }

    /// The next event of all; `None` at the end.
    ///
    /// # Errors
    /// When a source can't be read.
    pub fn next_event(&mut self) -> Result<Option<Event>> {
        if self.truncated {
            return Ok(None);
        }
        let Some(Reverse(head)) = self.heads.pop() else {
            return Ok(None);
        };
        self.refill(head.source)?;
        Ok(Some(head.event))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Lines(Vec<&'static str>, bool);

    impl Source for Lines {
        fn next_event(&mut self) -> Result<Option<Event>> {
            (!self.0.is_empty())
                .then(|| self.0.remove(0).parse())
                .transpose()
        }

        fn lossy(&self) -> bool {
            self.1
        }
    }

    fn merged(sources: Vec<Lines>) -> Vec<String> {
        let mut merge = Merge::new(sources).unwrap();
        std::iter::from_fn(|| merge.next_event().unwrap())
            .map(|event| event.to_string())
            .collect()
    }

    #[test]
    fn by_time_then_switches_before_wake_ups() {
        let a = Lines(vec!["1 0 waking 7", "5 0 wakeup 7 120 1 a"], false);
        let b = Lines(
            vec!["3 1 exit 7", "5 1 switch 7 120 S 0 120 b", "9 1 end"],
            false,
        );
        assert_eq!(
            merged(vec![a, b]),
            [
                "1 0 waking 7",
                "3 1 exit 7",
                "5 1 switch 7 120 S 0 120 b",
                "5 0 wakeup 7 120 1 a",
                "9 1 end"
            ]
        );
    }

    #[test]
    fn ends_where_a_lossy_stream_ends() {
        let lossy = Lines(vec!["2 0 exit 7", "4 0 exit 8"], true);
        let whole = Lines(vec!["1 1 waking 1", "3 1 waking 2", "5 1 waking 3"], false);
        let events = merged(vec![lossy, whole]);
        assert_eq!(
            events,
            ["1 1 waking 1", "2 0 exit 7", "3 1 waking 2", "4 0 exit 8"]
        );
    }
}
