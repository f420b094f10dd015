// SPDX-License-Identifier: GPL-2.0-only
//! Each tunable steers something: another value of it gives another report of the
//! simulator. What the simulator lacks is tested where [`ELSEWHERE`] says.

use std::path::Path;

use scx_hallows::agent::params::{MS, Params};
use scx_hallows::config::KEYS;
use scx_hallows::config::change::{change, setting};
use scx_hallows::sim::Scenario;
use scx_hallows::sim::engine::costs::DEFAULT_COSTS_NS;
use scx_hallows::sim::policy::{Footprints, PolicyKind};
use scx_hallows::sim::report::Report;
use scx_hallows::sim::workload::WorkloadKind::{
    self, Bimodal, Exp, Fanout, Groups, Hogs, Imbalance, Mix,
};

/// Another value than the default, and a workload to which it matters.
const ACTS: [(&str, &str, WorkloadKind); 22] = [
    ("saturate_enter", "3", Fanout),
    ("saturate_leave", "0.7", Fanout),
    ("hungry_enter", "0.9", Bimodal),
    ("hungry_leave", "0.15", Exp),
    ("dwell", "10", Imbalance),
    ("period_ms", "20", Imbalance),
    ("max_period_ms", "20", Imbalance),
    ("band", "0.9", Imbalance),
    ("band_overloaded", "0.9", Imbalance),
    ("band_min", "5", Imbalance),
    ("slice_us", "2000", Hogs),
    ("min_slice_us", "1500", Mix),
    ("long_slice_us", "5000", Bimodal),
    ("target_latency_us", "30000", Imbalance),
    ("express_max_us", "200", Exp),
    ("preempt_gap_us", "5000", Exp),
    ("kappa", "4", Exp),
    ("hysteresis_us", "300", Exp),
    ("wait_max_us", "1000", Exp),
    ("lag_slices", "7", Hogs),
    ("affinity", "off", Groups),
    ("home_fill", "0.2", Groups),
];

/// Where what the simulator lacks is tested.
const ELSEWHERE: [(&str, &str); 9] = [
    ("signal_periods", "src/agent/pacing.rs"),
    ("band_quiet", "src/agent/super_cell.rs"),
    ("home_factor", "src/agent/group.rs"),
    ("home_gap_ms", "src/agent/group.rs"),
    ("starved_ms", "tests/vm/starvation.sh"),
    ("price", "tests/vm/prices.sh"),
    ("price_us", "tests/vm/kappa.sh"),
    ("guard", "tests/vm/guard.sh"),
    ("guard_period_s", "tests/vm/guard.sh"),
];

fn report(workload: WorkloadKind, params: Params) -> Report {
    let scenario = Scenario {
        topology: "2x2x2x2".parse().unwrap(),
        workload,
        policy: PolicyKind::Hallows,
        seed: 1,
        duration_ns: 400 * MS,
        load: None,
        params,
        costs_ns: DEFAULT_COSTS_NS,
        prices_ns: DEFAULT_COSTS_NS,
        footprints: Footprints::Resident,
    };
    scenario.run(|_| ())
}

#[test]
fn each_changes_what_happens() {
    for (name, value, workload) in ACTS {
        let setting = setting(name, value).unwrap();
        let (params, _) = change(&Params::default(), &[setting]).unwrap();
        let [before, after] = [Params::default(), params].map(|params| report(workload, params));
        assert!(before != after, "{name} = {value} changes nothing");
    }
}

#[test]
fn none_is_left_out() {
    for key in KEYS {
        let acts = ACTS.iter().any(|(name, ..)| *name == key.name);
        let elsewhere = ELSEWHERE.iter().find(|(name, _)| *name == key.name);
        assert!(acts != elsewhere.is_some(), "{}", key.name);
        if let Some((_, file)) = elsewhere {
            let root = Path::new(env!("CARGO_MANIFEST_DIR"));
            assert!(root.join(file).is_file(), "{file}");
        }
    }
}
