// SPDX-License-Identifier: GPL-2.0-only
//! Prices of moves, as statistics.

use std::collections::BTreeMap;

use scx_stats_derive::Stats;
use serde::{Deserialize, Serialize};

use crate::agent::estimator::Estimate;

/// Names of the rings, from the CPU itself outwards.
const RINGS: [&str; 5] = ["self", "smt", "llc", "node", "machine"];

/// What a move over a ring costs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, Stats)]
#[stat(desc = "a ring", _om_prefix = "hallows_price_", _om_label = "ring")]
pub struct PriceMetrics {
    #[stat(desc = "the price in force, us")]
    pub price_us: f64,
    #[stat(desc = "1 when it was learnt from bursts, 0 when it is static")]
    pub learnt: u64,
    #[stat(desc = "bursts that the estimate is based on")]
    pub samples: f64,
    #[stat(desc = "standard error of the estimate, us; 0 without samples")]
    pub error_us: f64,
}

/// The prices, in nanoseconds, by the name of the ring; that of staying is none.
pub fn by_ring(prices: &[(u64, Estimate)]) -> BTreeMap<String, PriceMetrics> {
    let rings = RINGS.iter().zip(prices).skip(1);
    rings
        .map(|(ring, (price_ns, estimate))| {
            let error_us = estimate.error_ns / 1000.0;
            let metrics = PriceMetrics {
                price_us: *price_ns as f64 / 1000.0,
                learnt: estimate.learnt.into(),
                samples: estimate.samples,
                // JSON has no infinity.
                error_us: if error_us.is_finite() { error_us } else { 0.0 },
            };
            (ring.to_string(), metrics)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn staying_has_no_price_and_infinity_is_not_printed() {
        let estimate = Estimate {
            error_ns: f64::INFINITY,
            ..Estimate::default()
        };
        let prices = by_ring(&[(0, estimate), (2_000, estimate), (20_500, estimate)]);
        assert_eq!(prices.len(), 2);
        assert_eq!(
            (prices["llc"].price_us, prices["llc"].error_us),
            (20.5, 0.0)
        );
    }
}
