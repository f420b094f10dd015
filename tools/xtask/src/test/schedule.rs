// SPDX-License-Identifier: GPL-2.0-only
//! VMs side by side, as many as the host has cores for, each on its own ones.

use std::cmp::Reverse;
use std::sync::mpsc;
use std::thread;

use anyhow::Result;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

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
    let all: u32 = (0..specs.len()).map(cost).sum();
    let mut waiting = order(specs.len(), |index| (cost(index), specs[index].timeout));
    let (sender, outcomes) = mpsc::channel();
    let (mut free, mut running) = (places(cores, all), 0);
    thread::scope(|scope| {
        loop {
            while let Some(index) = take_fitting(&mut waiting, |index| {
                cost(index) as usize <= free.len() && !interrupt::seen()
            }) {
                let taken = free.split_off(free.len() - cost(index) as usize);
                running += 1;
                let sender = sender.clone();
                scope.spawn(move || {
                    stay_on(&taken);
                    let outcome = vm::run(&specs[index], Output::Capture);
                    // The receiver lives as long as this scope.
                    drop(sender.send((index, taken, outcome)));
                });
            }
            if running == 0 {
                return waiting.len();
            }
            let Ok((index, taken, outcome)) = outcomes.recv() else {
                return waiting.len();
            };
            free.extend(taken);
            running -= 1;
            done(index, &outcome);
        }
    })
}

/// A core of the host that a VM can have.
type Core = Option<usize>;

/// As many as are wanted. They have names if these are all that this process has, since of
/// fewer somebody else may have taken the same ones; and if VMs that would keep `busy`
/// cores busy more than fill them, since otherwise each may as well spread.
fn places(cores: u32, busy: u32) -> Vec<Core> {
    let own = sched_getaffinity(None).unwrap_or_else(|_| CpuSet::new());
    if own.count() != cores || busy <= cores {
        return vec![None; cores as usize];
    }
    let ids = (0..CpuSet::MAX_CPU).filter(|&cpu| own.is_set(cpu));
    ids.map(Some).collect()
}

/// Binds this thread, and what it will start, to these cores: the threads of a VM wait
/// for one another all the time, and are sooner awake where they were.
fn stay_on(cores: &[Core]) {
    let mut set = CpuSet::new();
    cores.iter().flatten().for_each(|&core| set.set(core));
    // Without it tests take longer, and pass all the same.
    if set.count() > 0 {
        let _ = sched_setaffinity(None, &set);
    }
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
    use std::thread;

    use rustix::thread::sched_getaffinity;

    use super::{order, places, stay_on, take_fitting};

    #[test]
    fn each_of_all_cores_is_for_one() {
        let own = sched_getaffinity(None).unwrap();
        let all = places(own.count(), u32::MAX);
        assert_eq!(all.len(), own.count() as usize);
        assert!(all.iter().all(|core| own.is_set(core.unwrap())));
        let unnamed = |cores: u32| vec![None; cores as usize];
        assert_eq!(places(own.count(), own.count()), unnamed(own.count()));
        assert_eq!(places(own.count() + 1, u32::MAX), unnamed(own.count() + 1));
        let core = [all[0]];
        let stayed = thread::spawn(move || {
            stay_on(&core);
            sched_getaffinity(None).unwrap()
        });
        let stayed = stayed.join().unwrap();
        assert_eq!((stayed.count(), stayed.is_set(core[0].unwrap())), (1, true));
    }

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
