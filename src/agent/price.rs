// SPDX-License-Identifier: GPL-2.0-only
//! What it costs to move a task: the refill of caches over each [`Ring`].

use super::params::Params;
use super::place::{Map, NR_RINGS, Ring, SLIT_REMOTE};

/// A price in nanoseconds for each [`Ring`].
pub type Prices = [u64; NR_RINGS];

/// Prices of a machine that nobody measured. The last one is that of two nodes
/// at SLIT distance [`SLIT_REMOTE`].
pub const DEFAULT_PRICES_NS: Prices = [0, 2_000, 20_000, 100_000, 300_000];

/// No move costs more: a wrong SLIT must not keep work waiting.
pub const MAX_PRICE_NS: u64 = 1_000_000;

/// Price of a move between two nodes at SLIT distance `slit`: linear in it,
/// never below that of a move within a node, never above 1 ms.
pub fn node_price_ns(slit: u32) -> u64 {
    let price = DEFAULT_PRICES_NS[Ring::Machine as usize] * u64::from(slit);
    let floor = DEFAULT_PRICES_NS[Ring::Node as usize];
    (price / u64::from(SLIT_REMOTE)).clamp(floor, MAX_PRICE_NS)
}

/// Price of each ring of `map`. The outermost is the mean over all pairs of
/// nodes with CPUs: the rule tolerates a price that is wrong by a factor of
/// four, which is more than SLITs span.
pub fn prices_ns(map: &Map) -> Prices {
    let mut prices = DEFAULT_PRICES_NS;
    let pairs = map.nodes().iter().flat_map(|node| &node.others);
    let (sum, nr) = pairs.fold((0, 0), |(sum, nr), (slit, _)| {
        (sum + node_price_ns(*slit), nr + 1)
    });
    if let Some(mean) = sum.checked_div(nr) {
        prices[Ring::Machine as usize] = mean;
    }
    prices
}

/// The prices that `params` set, or else those of `map`.
pub fn static_ns(map: &Map, params: &Params) -> Prices {
    match params.prices_ns {
        Some([smt, llc, node, machine]) => [0, smt, llc, node, machine],
        None => prices_ns(map),
    }
}

/// What a move over each ring has to save: `kappa * price + h`, 0 for none.
///
/// `kappa` and `hysteresis_ns` are those of [`super::params::Params`].
pub fn need_ns(prices: &Prices, kappa: f64, hysteresis_ns: u64) -> Prices {
    let mut need = prices.map(|price| (kappa * price as f64) as u64 + hysteresis_ns);
    need[Ring::SelfCpu as usize] = 0;
    need
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::place::NodeSpec;
    use crate::agent::testing::cpu;

    #[test]
    fn node_prices_are_linear_in_the_slit_and_bounded() {
        assert_eq!(node_price_ns(20), 300_000);
        assert_eq!(node_price_ns(21), 315_000);
        assert_eq!(node_price_ns(40), 600_000);
        assert_eq!(node_price_ns(0), 100_000);
        assert_eq!(node_price_ns(255), 1_000_000);
        assert_eq!(node_price_ns(u32::MAX), 1_000_000);
    }

    #[test]
    fn a_machine_of_one_node_has_the_default_prices() {
        let map = Map::new(&[cpu(0, 0, 0, 0), cpu(1, 1, 0, 0)], &[]).unwrap();
        assert_eq!(prices_ns(&map), DEFAULT_PRICES_NS);
    }

    #[test]
    fn the_machine_ring_is_the_mean_of_its_pairs() {
        let specs = [cpu(0, 0, 0, 0), cpu(1, 1, 1, 1), cpu(2, 2, 2, 2)];
        let row = |id, distance: [u32; 3]| NodeSpec {
            id,
            distance: distance.to_vec(),
        };
        let nodes = [
            row(0, [10, 20, 40]),
            row(1, [20, 10, 30]),
            row(2, [40, 30, 10]),
        ];
        let prices = prices_ns(&Map::new(&specs, &nodes).unwrap());
        assert_eq!(prices, [0, 2_000, 20_000, 100_000, 450_000]);
    }

    #[test]
    fn need_is_the_priced_move_plus_h() {
        let need = need_ns(&DEFAULT_PRICES_NS, 0.5, 30_000);
        assert_eq!(need, [0, 31_000, 40_000, 80_000, 180_000]);
        assert_eq!(need_ns(&DEFAULT_PRICES_NS, 0.0, 0), [0; NR_RINGS]);
    }
}
