// SPDX-License-Identifier: GPL-2.0-only
use super::*;
use crate::sim::engine::costs::DEFAULT_COSTS_NS;
const MS: u64 = 1_000_000;
pub fn scenario(topology: &str, workload: WorkloadKind, policy: PolicyKind) -> Scenario {
    Scenario {
        topology: topology.parse().unwrap(),
        workload,
        policy,
        seed: 1,
        duration_ns: 400 * MS,
        load: None,
        params: Params::default(),
        costs_ns: DEFAULT_COSTS_NS,
        prices_ns: DEFAULT_COSTS_NS,
    }
}
