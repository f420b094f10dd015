// SPDX-License-Identifier: GPL-2.0-only
//! Idle CPUs, as the kernel's two idle masks know them: by CPU and by core.

use std::ops::Range;

use super::bits::Bits;
use crate::agent::place::Map;

/// Which CPUs are idle and nobody's yet.
#[derive(Clone, Debug)]
pub struct IdleCpus {
    cpus: Bits,
    cores: Bits,
    idle_in_core: Vec<u16>,
    core_cells: Vec<Range<usize>>,
    core_of: Vec<usize>,
    count: usize,
}

impl IdleCpus {
    /// All CPUs of `map` idle.
    pub fn new(map: &Map) -> IdleCpus {
        let nr = map.cells().len();
        let mut idle = IdleCpus {
            cpus: Bits::new(nr),
            cores: Bits::new(nr),
            idle_in_core: vec![0; map.core_sizes().len()],
            core_cells: vec![nr..0; map.core_sizes().len()],
            core_of: (0..nr).map(|cell| map.core_of(cell)).collect(),
            count: 0,
        };
        for cell in 0..nr {
            let cells = &mut idle.core_cells[map.core_of(cell)];
            *cells = cells.start.min(cell)..cells.end.max(cell + 1);
        }
        (0..nr).for_each(|cell| idle.release(cell));
        idle
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Marks `cell` idle.
    pub fn release(&mut self, cell: usize) {
        if !self.cpus.get(cell) {
            self.count += 1;
            self.update(cell, true);
        }
    }

    /// Takes `cell`; says whether it was there to take.
    pub fn claim(&mut self, cell: usize) -> bool {
        let idle = self.cpus.get(cell);
        if idle {
            self.count -= 1;
            self.update(cell, false);
        }
        idle
    }

    /// Takes an idle CPU of `range`, the first at or after `from`; a whole idle
    /// core if there is one.
    pub fn claim_in(&mut self, range: &Range<usize>, from: usize) -> Option<usize> {
        if self.count == 0 {
            return None;
        }
        let cell = self
            .cores
            .next(range, from)
            .or_else(|| self.cpus.next(range, from))?;
        self.claim(cell);
        Some(cell)
    }

    fn update(&mut self, cell: usize, idle: bool) {
        self.cpus.set(cell, idle);
        let core = self.core_of[cell];
        let (cells, count) = (self.core_cells[core].clone(), &mut self.idle_in_core[core]);
        *count = if idle { *count + 1 } else { *count - 1 };
        let whole = usize::from(*count) == cells.len();
        cells.for_each(|sibling| self.cores.set(sibling, whole));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::topology::Topology;

    #[test]
    fn whole_cores_come_first_and_nobody_is_claimed_twice() {
        let map = "1x2x2x2".parse::<Topology>().unwrap().map();
        let mut idle = IdleCpus::new(&map);
        assert!(idle.claim(0) && !idle.claim(0));
        assert_eq!(idle.claim_in(&(0..4), 1), Some(2));
        assert_eq!(idle.claim_in(&(0..4), 1), Some(1));
        assert_eq!(idle.claim_in(&(0..4), 1), Some(3));
        assert_eq!(idle.claim_in(&(0..4), 1), None);
        assert_eq!((idle.count(), idle.claim_in(&(0..8), 0)), (4, Some(4)));
        idle.release(0);
        assert_eq!(idle.claim_in(&(0..4), 3), Some(0));
    }
}
