// SPDX-License-Identifier: GPL-2.0-only
//! The memory that the agent shares with BPF, mapped once: reading a cell or
//! writing a signal is no system call.
//!
//! BPF writes cells while the agent reads them, so nothing here forms a
//! reference to shared memory, but to atomic words of it: words are copied with volatile
//! loads, and only the copy becomes a type. Each word is whole; two words may be of different
//! moments, which [`Window`](super::window::Window) bears.

#![allow(unsafe_code)]

use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicU64, Ordering, fence};

use anyhow::{Context, Result};
use hallows_lockfree::layout::prefetch;

use super::estimator::BurstSums;
use super::guard::Turns;
use super::held::Hold;
use super::matching::Grant;
use super::orders::Orders;
use super::params::Params;
use super::place::{NO_CPU, NR_RINGS};
use super::price::{self, Prices};
use super::window::{CELL_HELD, Sample};
use crate::bpf_intf::{cell, cell_stats, hallows_cell_flags_CELL_IDLE, holder, signal, tunables};
use crate::bpf_skel::BpfSkel;

const MAX_CPUS: usize = crate::bpf_intf::hallows_limits_MAX_CPUS as usize;

// SAFETY: integers only, no padding, every bit pattern is a value.
unsafe impl plain::Plain for cell {}
// SAFETY: as above.
unsafe impl plain::Plain for cell_stats {}
// SAFETY: as above.
unsafe impl plain::Plain for holder {}

/// A cache line of shared memory.
type Line = [AtomicU64; 8];

/// The mapped arrays. Valid as long as the skeleton it was made from.
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    cells: *const cell,
    stats: *const cell_stats,
    holders: *const holder,
    signals: *mut signal,
    tunables: *mut tunables,
    turns_wanted: *mut u32,
    why_pid: *mut u32,
    why_lost: *const u64,
    agent_until_ns: *mut u64,
    nr_alone: *const u64,
    nr_hotplugs: *const u64,
}

/// What BPF goes by, and may be changed while it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tunables {
    /// Time slice.
    pub slice_ns: u64,
    /// Shortest slice that a signal may ask for.
    pub min_slice_ns: u64,
    /// What a move of a usual task over each ring has to save.
    pub need_ns: [u64; NR_RINGS],
    /// The part of it that is the same for all tasks.
    pub hysteresis_ns: u64,
    /// A task whose bursts are shorter is latency-critical.
    pub express_max_ns: u64,
    /// Shortest time between two preemptions of hogs on a CPU.
    pub preempt_gap_ns: u64,
    /// What waited longer is moved whatever the move costs.
    pub wait_max_ns: u64,
    /// What waited longer on a busy CPU's own track jumps its queue.
    pub starved_ns: u64,
    /// A peer that is no more slices behind is left alone.
    pub lag_slices: u64,
    /// Longest slice that a signal may ask for.
    pub long_slice_ns: u64,
}

impl Tunables {
    /// What follows from `params` where moves cost `prices_ns`.
    pub fn new(params: &Params, prices_ns: &Prices) -> Tunables {
        Tunables {
            slice_ns: params.slice_ns,
            min_slice_ns: params.min_slice_ns,
            need_ns: price::need_ns(prices_ns, params.kappa, params.hysteresis_ns),
            hysteresis_ns: params.hysteresis_ns,
            express_max_ns: params.express_max_ns,
            preempt_gap_ns: params.preempt_gap_ns,
            wait_max_ns: params.wait_max_ns,
            starved_ns: params.starved_ns,
            lag_slices: params.lag_slices.into(),
            long_slice_ns: params.long_slice_ns,
        }
    }
}

impl Memory {
    /// Finds the arrays of a loaded skeleton.
    ///
    /// # Errors
    /// The object's `.bss` or `.data` isn't mapped.
    ///
    /// # Safety
    /// The result must not be used after `skel` is gone.
    pub unsafe fn of(skel: &mut BpfSkel<'_>) -> Result<Memory> {
        let bss = skel
            .maps
            .bss_data
            .as_deref_mut()
            .context("the BPF object's .bss isn't mapped")?;
        let data = skel
            .maps
            .data_data
            .as_deref_mut()
            .context("the BPF object's .data isn't mapped")?;
        const {
            assert!(size_of::<crate::bpf_skel::types::cell>() == size_of::<cell>());
            assert!(size_of::<crate::bpf_skel::types::cell_stats>() == size_of::<cell_stats>());
            assert!(size_of::<crate::bpf_skel::types::holder>() == size_of::<holder>());
            assert!(size_of::<crate::bpf_skel::types::signal>() == size_of::<signal>());
            assert!(size_of::<crate::bpf_skel::types::tunables>() == size_of::<tunables>());
        }
        Ok(Memory {
            cells: (&raw const bss.cells).cast(),
            stats: (&raw const bss.cell_stats).cast(),
            holders: (&raw const bss.holders).cast(),
            signals: (&raw mut bss.signals).cast(),
            tunables: (&raw mut data.tunables).cast(),
            turns_wanted: &raw mut bss.agent_word.turns_wanted,
            why_pid: &raw mut bss.agent_word.why_pid,
            why_lost: &raw const bss.why_lost,
            agent_until_ns: &raw mut bss.agent_word.until_ns,
            nr_alone: &raw const bss.nr_alone,
            nr_hotplugs: &raw const bss.nr_hotplugs,
        })
    }

    /// What the cell of CPU `cpu` says now.
    ///
    /// # Panics
    /// When `cpu` isn't below the limit of CPUs.
    pub fn cell(&self, cpu: usize) -> cell {
        assert!(cpu < MAX_CPUS);
        // SAFETY: in bounds; the mapping lives, by the contract of `of`.
        unsafe { copy(self.cells.add(cpu)) }
    }

    /// Brings the cell of CPU `cpu` near, which [`sample`](Self::sample) is about to read.
    ///
    /// # Panics
    /// As [`cell`](Self::cell).
    pub fn prefetch(&self, cpu: usize) {
        assert!(cpu < MAX_CPUS);
        const LINES: usize = size_of::<cell>() / size_of::<Line>();
        // SAFETY: in bounds and mapped, and to atomic words there may be references.
        let lines = unsafe { &*self.cells.add(cpu).cast::<[Line; LINES]>() };
        lines.iter().for_each(prefetch);
    }

    /// The part of a cell that the automaton needs.
    ///
    /// # Panics
    /// As [`cell`](Self::cell).
    pub fn sample(&self, cpu: usize) -> Sample {
        let cell = self.cell(cpu);
        Sample {
            updated_ns: cell.updated_ns,
            busy_ns: cell.busy_ns,
            queue_integral_ns: cell.queue_integral_ns,
            vclock_ns: cell.vclock_ns,
            light_ns: cell.light_ns,
            run_since_ns: cell.run_since_ns,
            idle_since_ns: cell.idle_since_ns,
            nr_queued: cell.nr_queued,
            flags: cell.flags | left_idle(&cell),
        }
    }

    /// Who has CPU `cpu`, if a higher class does and BPF knows it.
    ///
    /// # Panics
    /// As [`cell`](Self::cell).
    pub fn hold(&self, cpu: usize) -> Option<Hold> {
        if self.cell(cpu).flags & CELL_HELD == 0 {
            return None;
        }
        // SAFETY: as in `cell`.
        let holder = unsafe { copy(self.holders.add(cpu)) };
        Some(Hold {
            cpu,
            since_ns: holder.since_ns,
            pid: holder.pid,
            prio: holder.prio,
            comm: Hold::name(&holder.comm),
        })
    }

    /// The bursts that all of `cpus` counted.
    ///
    /// # Panics
    /// As [`cell`](Self::cell).
    pub fn bursts(&self, cpus: impl Iterator<Item = usize>) -> BurstSums {
        let mut sums = BurstSums::default();
        for cpu in cpus {
            let bursts = self.stats(cpu).bursts;
            for ring in 0..NR_RINGS {
                sums.nr[ring] = sums.nr[ring].wrapping_add(bursts.nr[ring]);
                sums.sum[ring] = sums.sum[ring].wrapping_add(bursts.sum[ring] as i64);
                sums.sum_sq[ring] = sums.sum_sq[ring].wrapping_add(bursts.sum_sq[ring]);
            }
        }
        sums
    }

    /// How runs on all of `cpus` began.
    ///
    /// # Panics
    /// As [`cell`](Self::cell).
    pub fn turns(&self, cpus: impl Iterator<Item = usize>) -> Turns {
        let mut sums = Turns::default();
        for cpu in cpus {
            let turns = self.stats(cpu).turns;
            for (sum, count) in sums.woken.iter_mut().zip(turns.woken) {
                *sum = sum.wrapping_add(count);
            }
            for (sum, count) in sums.resumed.iter_mut().zip(turns.resumed) {
                *sum = sum.wrapping_add(count);
            }
        }
        sums
    }

    /// Has BPF count how runs begin, from now on, or has it stop.
    pub fn want_turns(&self, wanted: bool) {
        // SAFETY: mapped, and only this process writes it.
        unsafe { self.turns_wanted.write_volatile(wanted.into()) }
    }

    /// The counters of CPU `cpu`.
    ///
    /// # Panics
    /// As [`cell`](Self::cell).
    pub fn stats(&self, cpu: usize) -> cell_stats {
        assert!(cpu < MAX_CPUS);
        // SAFETY: as in `cell`.
        unsafe { copy(self.stats.add(cpu)) }
    }

    /// Publishes `orders` for CPU `cpu`, to be obeyed until `expires_ns` on the
    /// cells' clock.
    ///
    /// The sequence lock of `struct signal`: odd, then the rest, then even. The
    /// agent is the only writer, so a plain increment does.
    ///
    /// # Panics
    /// As [`cell`](Self::cell).
    pub fn publish(&self, cpu: usize, orders: &Orders, expires_ns: u64) {
        assert!(cpu < MAX_CPUS);
        // SAFETY: in bounds, mapped, and only this process writes signals.
        unsafe {
            let line = self.signals.add(cpu);
            let seq = (&raw const (*line).seq).read_volatile();
            let odd = seq | 1;
            (&raw mut (*line).seq).write_volatile(odd);
            fence(Ordering::Release);
            (&raw mut (*line).state).write_volatile(orders.state as u8);
            (&raw mut (*line).idle_lvl).write_volatile(orders.idle_lvl);
            (&raw mut (*line).scan_k).write_volatile(orders.scan_k);
            (&raw mut (*line).slice_ns).write_volatile(orders.slice_ns);
            let stops = orders.route.stops();
            let route = (&raw mut (*line).route).cast::<u16>();
            for (at, stop) in stops.iter().enumerate() {
                route.add(at).write_volatile(*stop);
            }
            (&raw mut (*line).nr_route).write_volatile(stops.len() as u8);
            let (push_cpu, push_tok) = ends(orders.push);
            (&raw mut (*line).push_cpu).write_volatile(push_cpu);
            (&raw mut (*line).push_tok).write_volatile(push_tok);
            let (fair_cpu, fair_tok) = ends(orders.fair);
            (&raw mut (*line).fair_cpu).write_volatile(fair_cpu);
            (&raw mut (*line).fair_tok).write_volatile(fair_tok);
            (&raw mut (*line).expires_ns).write_volatile(expires_ns);
            fence(Ordering::Release);
            (&raw mut (*line).seq).write_volatile(odd.wrapping_add(1));
        }
    }

    /// Takes back what was published for CPU `cpu`: BPF goes by its static defaults
    /// at once, as if the signal had expired.
    ///
    /// # Panics
    /// As [`cell`](Self::cell).
    pub fn withdraw(&self, cpu: usize) {
        assert!(cpu < MAX_CPUS);
        // SAFETY: as in `publish`.
        unsafe {
            let line = self.signals.add(cpu);
            if (&raw const (*line).expires_ns).read_volatile() == 0 {
                return;
            }
            let odd = (&raw const (*line).seq).read_volatile() | 1;
            (&raw mut (*line).seq).write_volatile(odd);
            fence(Ordering::Release);
            // No route has to expire, either.
            (&raw mut (*line).nr_route).write_volatile(0);
            (&raw mut (*line).expires_ns).write_volatile(0);
            fence(Ordering::Release);
            (&raw mut (*line).seq).write_volatile(odd.wrapping_add(1));
        }
    }

    /// Lets BPF tell its decisions about the task `pid`, 0: none.
    pub fn watch(&self, pid: u32) {
        // SAFETY: mapped, and only this process writes it.
        unsafe { self.why_pid.write_volatile(pid) }
    }

    /// How many of these decisions found no room in the ring buffer so far.
    pub fn lost(&self) -> u64 {
        // SAFETY: mapped, by the contract of `of`.
        unsafe { self.why_lost.read_volatile() }
    }

    /// Tells BPF that all signals are published, or withdrawn, and that this holds
    /// until `expires_ns` on the cells' clock: after that it is on its own.
    pub fn speak_until(&self, expires_ns: u64) {
        // SAFETY: mapped, and only this process writes it.
        unsafe { self.agent_until_ns.write_volatile(expires_ns) }
    }

    /// How often BPF was on its own because all signals had expired.
    pub fn lapses(&self) -> u64 {
        // SAFETY: mapped, by the contract of `of`.
        unsafe { self.nr_alone.read_volatile() }
    }

    /// How often a CPU went offline or came online so far.
    pub fn hotplugs(&self) -> u64 {
        // SAFETY: mapped, by the contract of `of`.
        unsafe { self.nr_hotplugs.read_volatile() }
    }

    /// Lets BPF go by `new` from its next decision on. Each word changes whole;
    /// a decision in between may see old and new ones, which all are valid.
    pub fn tune(&self, new: &Tunables) {
        // SAFETY: mapped, and only this process writes tunables.
        unsafe {
            let line = self.tunables;
            (&raw mut (*line).slice_ns).write_volatile(new.slice_ns);
            (&raw mut (*line).min_slice_ns).write_volatile(new.min_slice_ns);
            (&raw mut (*line).hysteresis_ns).write_volatile(new.hysteresis_ns);
            (&raw mut (*line).express_max_ns).write_volatile(new.express_max_ns);
            (&raw mut (*line).preempt_gap_ns).write_volatile(new.preempt_gap_ns);
            (&raw mut (*line).wait_max_ns).write_volatile(new.wait_max_ns);
            (&raw mut (*line).starved_ns).write_volatile(new.starved_ns);
            (&raw mut (*line).lag_slices).write_volatile(new.lag_slices);
            (&raw mut (*line).long_slice_ns).write_volatile(new.long_slice_ns);
            let need_ns = (&raw mut (*line).need_ns).cast::<u64>();
            for (ring, need) in new.need_ns.iter().enumerate() {
                need_ns.add(ring).write_volatile(*need);
            }
        }
    }
}

/// [`CELL_HELD`] for a CPU that is not idle any more, though it runs none of our
/// tasks. Kernels before 6.19 do not tell whom it went to.
fn left_idle(cell: &cell) -> u32 {
    let idle = cell.flags & hallows_cell_flags_CELL_IDLE != 0;
    if idle && cell.idle_until_ns > cell.idle_since_ns {
        CELL_HELD
    } else {
        0
    }
}

/// The CPU and the tokens of a grant, as `struct signal` has them.
fn ends(grant: Option<Grant>) -> (u16, u16) {
    grant.map_or((NO_CPU, 0), |grant| (grant.cpu, grant.tokens))
}

/// Copies a shared value word by word.
///
/// # Safety
/// `from` is valid for reads and aligned to 8 bytes.
unsafe fn copy<T: plain::Plain + Copy>(from: *const T) -> T {
    const { assert!(size_of::<T>().is_multiple_of(8) && align_of::<T>() == 8) };
    let mut value = MaybeUninit::<T>::uninit();
    let to = value.as_mut_ptr().cast::<u64>();
    for at in 0..size_of::<T>() / 8 {
        // SAFETY: both are within a `T`, which is a whole number of words and as
        // aligned as they are; `from` by the contract, `to` is our own.
        unsafe { to.add(at).write(from.cast::<u64>().add(at).read_volatile()) };
    }
    // SAFETY: every word was written, and any bit pattern is a `Plain` value.
    unsafe { value.assume_init() }
}
