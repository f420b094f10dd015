// SPDX-License-Identifier: GPL-2.0-only
//! What a window costs the agent, without the I/O: `cargo bench
//! --no-default-features`.

use std::hint::black_box;

use divan::Bencher;
use fastrand::Rng;
use scx_hallows::agent::group::Groups;
use scx_hallows::agent::params::Params;
use scx_hallows::agent::round::Controller;

#[path = "../tests/load/mod.rs"]
mod load;

use load::{Cells, Load, WINDOW_NS};

/// Windows before the first that is measured: averages have settled by then.
const WARM_UP: usize = 20;

fn main() {
    divan::main();
}

#[divan::bench(args = [64, 256, 1024], sample_count = 2000, sample_size = 1)]
fn round_balanced(bencher: Bencher, cpus: u32) {
    round(bencher, cpus, Load::Balanced);
}

#[divan::bench(args = [64, 256, 1024], sample_count = 2000, sample_size = 1)]
fn round_mixed(bencher: Bencher, cpus: u32) {
    round(bencher, cpus, Load::Mixed);
}

#[divan::bench(args = [64, 256, 1024], sample_count = 2000, sample_size = 1)]
fn round_halves(bencher: Bencher, cpus: u32) {
    round(bencher, cpus, Load::Halves);
}

/// Readings in, orders out: [`Controller::round`].
fn round(bencher: Bencher, cpus: u32, load: Load) {
    let map = load::machine(cpus);
    let mut cells = Cells::new(map.cells().len());
    cells.turn_to(load);
    let mut controller = Controller::new(&map, Params::default());
    for _ in 0..WARM_UP {
        let (samples, now_ns) = cells.next_window();
        controller.round(&map, samples, now_ns);
    }
    bencher
        .with_inputs(|| {
            let (samples, now_ns) = cells.next_window();
            (samples.to_vec(), now_ns)
        })
        .bench_local_refs(|(samples, now_ns)| {
            black_box(controller.round(&map, samples, *now_ns));
        });
}

/// Homes for so many processes on a machine of 64 LLCs: [`Groups::observe`].
#[divan::bench(args = [200, 1000], sample_count = 2000, sample_size = 1)]
fn observe_groups(bencher: Bencher, nr: u32) {
    let map = load::machine(1024);
    let (params, mut rng) = (Params::default(), Rng::with_seed(1));
    let mut groups = Groups::default();
    let (mut usages, mut now_ns) = (Vec::new(), 0);
    for _ in 0..WARM_UP {
        now_ns += WINDOW_NS;
        load::usages(&mut rng, nr, &mut usages);
        groups.observe(&map, &params, usages.iter().copied(), now_ns);
    }
    bencher
        .with_inputs(|| {
            now_ns += WINDOW_NS;
            load::usages(&mut rng, nr, &mut usages);
            (usages.clone(), now_ns)
        })
        .bench_local_refs(|(usages, now_ns)| {
            groups.observe(&map, &params, usages.iter().copied(), *now_ns);
        });
}
