// SPDX-License-Identifier: GPL-2.0-only
//! VMs side by side, as many as the host has cores for.

use std::cmp::Reverse;
use std::sync::mpsc;
use std::thread;

use anyhow::Result;

use crate::interrupt;
use crate::vm::{self, Outcome, Output, VmSpec};

/// Runs all VMs so that together they keep at most `cores` host cores busy (one
/// that wants more runs alone), and hands over each outcome, with its place in
/// `specs`, as it comes. After Ctrl-C no more are started; returns how many were
/// not.
pub fn run(specs: &[VmSpec], cores: u32, mut done: impl FnMut(usize, &Result<Outcome>)) -> usize {
    let cost = |index: usize| {
        specs[index]
            .accel
            .host_cores(specs[index].topology.cpus())
            .min(cores)
    };
    let mut waiting = order(specs.len(), |index| (cost(index), specs[index].timeout));
    let (sender, outcomes) = mpsc::channel();
    let (mut free, mut running) = (cores, 0);
    thread::scope(|scope| {
        loop {
            while let Some(index) = take_fitting(&mut waiting, |index| {
                cost(index) <= free && !interrupt::seen()
            }) {
                free -= cost(index);
                running += 1;
                let sender = sender.clone();
                // The receiver lives as long as this scope.
                scope.spawn(move || {
                    drop(sender.send((index, vm::run(&specs[index], Output::Capture))))
                });
            }
            if running == 0 {
                return waiting.len();
            }
            let Ok((index, outcome)) = outcomes.recv() else {
                return waiting.len();
            };
            free += cost(index);
            running -= 1;
            done(index, &outcome);
        }
    })
}

/// Places in the order of starting: the largest first, so that the end is not
/// one long run on an otherwise idle host.
fn order<K: Ord>(len: usize, size: impl Fn(usize) -> K) -> Vec<usize> {
    let mut places: Vec<_> = (0..len).collect();
    places.sort_by_key(|&place| Reverse(size(place)));
    places
}

fn take_fitting(waiting: &mut Vec<usize>, fits: impl Fn(usize) -> bool) -> Option<usize> {
    let at = waiting.iter().position(|&index| fits(index))?;
    Some(waiting.remove(at))
}

#[cfg(test)]
mod tests {
    use super::{order, take_fitting};

    #[test]
    fn the_largest_that_fits_starts_first() {
        let size = [1, 4, 2, 1];
        let mut waiting = order(4, |index| size[index]);
        assert_eq!(waiting, [1, 2, 0, 3]);
        assert_eq!(
            take_fitting(&mut waiting, |index| size[index] <= 2),
            Some(2)
        );
        assert_eq!(take_fitting(&mut waiting, |_| false), None);
        assert_eq!(waiting, [1, 0, 3]);
    }
}
