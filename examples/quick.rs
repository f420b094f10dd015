use scx_hallows::sim::{
    Scenario, engine::costs::DEFAULT_COSTS_NS, policy::PolicyKind, workload::WorkloadKind,
};
fn main() {
    let args: Vec<String> = std::env::args().collect();
    let ms: u64 = args[2].parse().unwrap();
    for wl in WorkloadKind::ALL {
        if args[3] != "all" && !args[3].split(',').any(|x| x == wl.name()) {
            continue;
        }
        for p in PolicyKind::ALL {
            if args.len() > 4 && !args[4].split(',').any(|x| x == p.name()) {
                continue;
            }
            let t = std::time::Instant::now();
            let r = Scenario {
                topology: args[1].parse().unwrap(),
                workload: wl,
                policy: p,
                seed: 1,
                duration_ns: ms * 1_000_000,
                load: None,
                params: Default::default(),
                costs_ns: DEFAULT_COSTS_NS,
                prices_ns: DEFAULT_COSTS_NS,
                preempt_gap_ns: std::env::var("GAP").map_or(2_000_000, |g| g.parse().unwrap()),
            }
            .run(|_| ());
            println!(
                "{:9} {:10} mean {:7.1} p50 {:6.1} p99 {:8.1} mig {:5.0}/{:5.0}/{:4.0}/{:4.0} ovh {:5.2} rem {:4.1} dec {:4.2} busy {:5.1} wasted {:5.2} jain {:?} allbusy {:?} mk {:?} flips {:.1} [{:.1}s] {:?}",
                r.workload,
                r.policy,
                r.wait.mean_us,
                r.wait.p50_us,
                r.wait.p99_us,
                r.migrations_per_cpu_s.smt,
                r.migrations_per_cpu_s.llc,
                r.migrations_per_cpu_s.node,
                r.migrations_per_cpu_s.machine,
                r.overhead_pct,
                r.remote_pct,
                r.decision_pct,
                r.busy_pct,
                r.wasted_idle_pct,
                r.jain,
                r.all_busy_ms,
                r.makespan_ms,
                r.flips_per_cell_s,
                t.elapsed().as_secs_f64(),
                if args.len() > 5 {
                    r.decisions
                } else {
                    Default::default()
                }
            );
        }
    }
}
