// SPDX-License-Identifier: GPL-2.0-only
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use super::*;
use crate::combine::node::Group;

/// The order in which requests were served, by the slots that they are of.
#[derive(Default)]
struct Order(Vec<usize>);

impl Combine for Order {
    type Op = usize;
    type Ret = ();

    fn apply(&mut self, slot: usize) {
        self.0.push(slot);
    }
}

fn is_answered(request: &mut Submit<'_, Order>) -> bool {
    let context = &mut Context::from_waker(Waker::noop());
    Pin::new(request).poll(context) == Poll::Ready(())
}

/// Takes turns of `near` until no request is left, all of them on offer before the first.
/// Returns which slots each turn served. A slot is of the group at its place.
fn turns(groups: &[u16], pass: usize, near: u16) -> Vec<Vec<usize>> {
    let combiner = FlatCombiner::new(Order::default(), groups.len(), pass);
    let handles = groups.iter().map(|group| combiner.register_in(*group));
    let mut handles: Vec<_> = handles.map(|handle| handle.expect("a slot")).collect();
    let mut turn = combiner.shared.turn(Group::new(near));
    let requests = handles.iter_mut().enumerate();
    let mut requests: Vec<_> = requests.map(|(slot, h)| h.submit(slot)).collect();
    assert!(!requests.iter_mut().any(is_answered));
    let mut turns = Vec::new();
    while turns.iter().map(Vec::len).sum::<usize>() < groups.len() {
        let now = turn
            .take()
            .or_else(|| combiner.shared.turn(Group::new(near)));
        let now = now.expect("it is free");
        assert!(now.serve(None).is_none());
        // SAFETY: this is the only thread, and it has no turn.
        turns.push(unsafe {
            combiner
                .shared
                .place
                .with(|place| mem::take(&mut place.state.0))
        });
    }
    turns
}

#[test]
fn half_of_a_pass_is_for_the_own_group_first() {
    assert_eq!(
        turns(&[0, 0, 0, 1, 1, 1], 4, 1),
        [vec![3, 4, 0, 1], vec![5, 2]]
    );
    assert_eq!(
        turns(&[0, 0, 0, 1, 1, 1], 4, 0),
        [vec![0, 1, 2, 3], vec![4, 5]]
    );
    // A group that nobody is of, and a pass of one, are as none.
    assert_eq!(turns(&[0, 1, 1], 2, 7), [vec![0, 1], vec![2]]);
    assert_eq!(turns(&[0, 1], 1, 1), [vec![0], vec![1]]);
}

#[test]
fn a_slot_without_a_group_is_near_nobody() {
    let combiner = FlatCombiner::new(Order::default(), 2, 2);
    drop(combiner.register_in(3));
    // The slot's group went with its owner.
    let _handle = combiner.register();
    assert!(!combiner.shared.groups.is_near(0, Group::new(3)));
    assert!(!combiner.shared.groups.is_near(0, Group::NONE));
}

#[test]
fn the_kernel_knows_the_node() {
    let node = current_node();
    if !cfg!(miri) {
        let path = format!("/sys/devices/system/node/node{node}");
        assert!(node == 0 || std::path::Path::new(&path).exists());
    }
}

/// A thread of the turn's group is woken before one that is as long asleep.
#[test]
fn a_turn_is_handed_over_within_the_group() {
    let combiner = FlatCombiner::new(Log::default(), 3, 1);
    let mut first = combiner.register_in(1).expect("a slot");
    let far = combiner.register_in(0).expect("a slot");
    let near = combiner.register_in(1).expect("a slot");
    let slots = [far.slot, near.slot];
    let busy = combiner.shared.turn(Group::new(1)).expect("it is free");
    thread::scope(|scope| {
        let threads = [far, near].map(|mut handle| scope.spawn(move || handle.call(nothing()).0));
        for slot in slots {
            while !combiner.shared.slots[slot].is_asleep() {
                thread::yield_now();
            }
        }
        drop(busy);
        assert_eq!(threads.map(|t| t.join().expect("no panic")), [1, 0]);
    });
    assert_eq!(first.call(nothing()).0, 2);
}

#[cfg(not(miri))]
proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// However the groups lie, each turn serves as much as it may, and no slot waits for more
    /// turns than the module says, though the turns are of one group.
    #[test]
    fn nobody_far_starves(
        groups in prop::collection::vec(0..3_u16, 1..12),
        pass in 1..7_usize,
        near in 0..4_u16,
        rounds in 1..4_usize,
    ) {
        let pass = pass.min(groups.len());
        let bound = groups.len().div_ceil(pass.div_ceil(2));
        let combiner = FlatCombiner::new(Order::default(), groups.len(), pass);
        let handles = groups.iter().map(|group| combiner.register_in(*group));
        let mut handles: Vec<_> = handles.map(|handle| handle.expect("a slot")).collect();
        let mut waited = vec![0; groups.len()];
        for _ in 0..rounds * bound {
            // All are on offer again before each turn.
            let turn = combiner.shared.turn(Group::new(near)).expect("it is free");
            let requests = handles.iter_mut().enumerate();
            let mut requests: Vec<_> = requests.map(|(slot, h)| h.submit(slot)).collect();
            prop_assert!(!requests.iter_mut().any(is_answered));
            prop_assert!(turn.serve(None).is_none());
            // SAFETY: this is the only thread, and nobody runs in the place.
            let served = unsafe { combiner.shared.place.with(|p| mem::take(&mut p.state.0)) };
            prop_assert_eq!(served.len(), pass);
            // The rest is taken back.
            drop(requests);
            for (slot, waited) in waited.iter_mut().enumerate() {
                *waited = if served.contains(&slot) { 0 } else { *waited + 1 };
                prop_assert!(*waited < bound, "slot {slot} waited for {waited} turns");
            }
        }
    }
}
