// SPDX-License-Identifier: GPL-2.0-only
use super::*;
use crate::agent::testing::{Machine, cpu, machines};
use proptest::prelude::*;

fn cpus_of(map: &Map, cells: Range<usize>) -> Vec<u16> {
    map.cells()[cells].iter().map(|place| place.cpu).collect()
}

#[test]
fn rings_follow_the_cache_tree() {
    let map = Machine {
        nodes: 2,
        llcs: 2,
        cores: 2,
        smt: 2,
    }
    .map();
    let ring = |a, b| map.ring(map.cell_of(a).unwrap(), map.cell_of(b).unwrap());
    assert_eq!(ring(0, 0), Ring::SelfCpu);
    assert_eq!(ring(0, 1), Ring::Smt);
    assert_eq!(ring(0, 2), Ring::Llc);
    assert_eq!(ring(0, 4), Ring::Node);
    assert_eq!(ring(0, 8), Ring::Machine);
    assert_eq!(ring(8, 0), Ring::Machine);
}

#[test]
fn sparse_ids_and_offline_cpus() {
    // CPUs 1, 3, 4 and 6 are offline; listed out of order.
    let specs = [
        cpu(7, 3, 9, 0),
        cpu(0, 0, 4, 0),
        cpu(5, 2, 9, 0),
        cpu(2, 0, 4, 0),
    ];
    let map = Map::new(&specs, &[]).unwrap();
    assert_eq!(cpus_of(&map, 0..4), [0, 2, 5, 7]);
    assert_eq!(map.cell_of(5), Some(2));
    assert_eq!(map.cell_of(1), None);
    assert_eq!(map.cell_of(5000), None);
    assert_eq!(
        map.cells()[1],
        Place {
            cpu: 2,
            llc: 0,
            node: 0,
            slot: 1,
            core: 0
        }
    );
    assert_eq!(
        map.cells()[3],
        Place {
            cpu: 7,
            llc: 1,
            node: 0,
            slot: 1,
            core: 7
        }
    );
    assert_eq!(map.core_sizes(), [2, 1, 1]);
}

#[test]
fn equal_core_ids_in_two_llcs_are_two_cores() {
    let map = Map::new(&[cpu(0, 0, 0, 0), cpu(1, 0, 1, 0)], &[]).unwrap();
    assert_eq!(map.ring(0, 1), Ring::Node);
    assert_eq!(map.cells()[1].core, 1);
}

#[test]
fn an_llc_that_spans_nodes_is_split() {
    let map = Map::new(&[cpu(0, 0, 0, 0), cpu(1, 1, 0, 1)], &[]).unwrap();
    assert_eq!(map.llcs().len(), 2);
    assert_eq!(map.ring(0, 1), Ring::Machine);
}

#[test]
fn nodes_without_cpus_shift_nothing() {
    // Node 1 has memory only; node 3 is nearer to node 0 than node 2 is.
    let slit = [
        [10, 17, 31, 21],
        [17, 10, 28, 28],
        [31, 28, 10, 15],
        [21, 28, 15, 10],
    ];
    let nodes: Vec<_> = (0..4)
        .map(|id| NodeSpec {
            id,
            distance: slit[id as usize].to_vec(),
        })
        .collect();
    let map = Map::new(&[cpu(0, 0, 0, 0), cpu(1, 0, 0, 2), cpu(2, 0, 0, 3)], &nodes).unwrap();
    assert_eq!(
        map.nodes().iter().map(|node| node.id).collect::<Vec<_>>(),
        [0, 2, 3]
    );
    assert_eq!(map.nodes()[0].others, [(21, 2), (31, 1)]);
    assert_eq!(map.llcs()[0].detour, [2, 1]);
    assert_eq!(map.cells()[2].node, 2);
}

#[test]
fn a_missing_or_senseless_slit_is_the_default() {
    let specs = [cpu(0, 0, 0, 0), cpu(1, 1, 1, 1)];
    let short = NodeSpec {
        id: 0,
        distance: vec![10],
    };
    let zero = NodeSpec {
        id: 1,
        distance: vec![0, 10],
    };
    for nodes in [vec![], vec![short.clone()], vec![short, zero]] {
        let map = Map::new(&specs, &nodes).unwrap();
        assert_eq!(map.nodes()[0].others, [(SLIT_REMOTE, 1)]);
        assert_eq!(map.nodes()[1].others, [(SLIT_REMOTE, 0)]);
    }
}

#[test]
fn detours_are_near_first_and_rotated() {
    let map = Machine {
        nodes: 2,
        llcs: 3,
        cores: 1,
        smt: 1,
    }
    .map();
    let detour = |llc: usize| map.llcs()[llc].detour.clone();
    assert_eq!(detour(0), [1, 2, 3, 4, 5]);
    assert_eq!(detour(1), [2, 0, 4, 5, 3]);
    assert_eq!(detour(2), [0, 1, 5, 3, 4]);
    assert_eq!(detour(5), [3, 4, 2, 0, 1]);
}

#[test]
fn a_long_detour_keeps_stops_for_other_nodes() {
    let map = Machine {
        nodes: 2,
        llcs: 20,
        cores: 1,
        smt: 1,
    }
    .map();
    for (index, llc) in map.llcs().iter().enumerate() {
        assert_eq!(llc.detour.len(), DETOUR_LEN);
        let is_far = |stop: &u16| map.llcs()[*stop as usize].node != llc.node;
        assert!(!llc.detour[..12].iter().any(is_far), "{index}");
        assert!(llc.detour[12..].iter().all(is_far), "{index}");
    }
}

#[test]
fn bad_input_is_an_error() {
    let says = |specs: &[CpuSpec]| Map::new(specs, &[]).unwrap_err().to_string();
    assert!(says(&[cpu(65_535, 0, 0, 0)]).contains("CPU 65535"));
    assert!(says(&[cpu(3, 0, 0, 0), cpu(3, 1, 0, 0)]).contains("twice"));
    assert!(says(&[cpu(0, 0, 0, 70_000)]).contains("node 70000"));
    assert!(says(&[]).contains("no online CPU"));
}

#[test]
fn memory_has_room_for_1024_ids() {
    let fits = |ids: &[u32]| {
        let specs: Vec<_> = ids.iter().map(|id| cpu(*id, *id, 0, 0)).collect();
        Map::new(&specs, &[]).unwrap().fits_memory()
    };
    assert!(fits(&[0, 1023]).is_ok());
    assert!(
        fits(&[0, 1024])
            .unwrap_err()
            .to_string()
            .contains("CPU 1024")
    );
}

proptest! {
    #[test]
    fn every_map_is_consistent(map in machines()) {
        for (cell, place) in map.cells().iter().enumerate() {
            prop_assert_eq!(map.cell_of(place.cpu as usize), Some(cell));
            let llc = &map.llcs()[place.llc as usize];
            prop_assert_eq!(llc.cells.start + place.slot as usize, cell);
            prop_assert_eq!(llc.node, place.node);
            let node = &map.nodes()[place.node as usize];
            prop_assert!(node.cells.contains(&cell));
            prop_assert!(node.llcs.contains(&(place.llc as usize)));
            let threads = map.cells().iter().filter(|other| other.core == place.core);
            prop_assert_eq!(threads.count(), map.core_sizes()[map.core_of(cell)] as usize);
        }
        for (index, llc) in map.llcs().iter().enumerate() {
            prop_assert_eq!(llc.detour.len(), (map.llcs().len() - 1).min(DETOUR_LEN));
            let mut stops = llc.detour.clone();
            stops.push(index as u16);
            stops.sort_unstable();
            stops.dedup();
            prop_assert_eq!(stops.len(), llc.detour.len() + 1);
        }
    }
}
