/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Lag: turns between the CPUs of an LLC while none of them idles.
 *
 * Three hogs on two CPUs: nobody steals, since nobody idles, and one of them has
 * a CPU for itself. So at the end of a slice a CPU looks at one track on which
 * somebody waits, and takes the first of it whose turn it is: who lags behind the
 * task that ran here by more than lag_slices() slices, and comes from where more share
 * a CPU. Deadlines of two CPUs are on two clocks. What makes them comparable is the
 * virtual service that each CPU counts of its tasks (@pace_ns): a clock that all
 * in the LLC share.
 *
 * Two tasks more are not a matter of turns: one comes over at once, unless those
 * there, of whatever weights, had more of their CPU than those here.
 *
 * A pace is compared, never used as a key: it may jump to stay comparable. Who
 * idled has none, and takes that of the peer.
 */
#ifndef __HALLOWS_LAG_BPF_H
#define __HALLOWS_LAG_BPF_H

#define PACE_START (1ULL << 40)	/* far from 0, which is none */

/* Another CPU of @cpu's LLC on whose track somebody waits, -1: found none. */
static __always_inline s32 waiting_peer(s32 cpu, u32 llc)
{
	u32 nr_cpus = nr_cpus_of(llc);
	s32 slot, peer;

	if (nr_cpus < 2)
		return -1;
	slot = yard_next(llc, YARD_WAITING, bpf_get_prandom_u32() % nr_cpus);
	if (slot < 0)
		return -1;
	peer = cpu_in_slot(llc, slot);
	return peer == cpu ? -1 : peer;
}

/* By how much @cell, which gets a pace if it has none, is ahead of @other. */
static __always_inline s64 pace_ahead(struct cell *cell, const struct cell *other, s64 most)
{
	u64 there = other->pace_ns ?: PACE_START;
	s64 ahead;

	if (!cell->pace_ns)
		cell->pace_ns = there;
	ahead = cell->pace_ns - there;
	if (!other->pace_ns)
		return 0;
	if (ahead < -most)
		cell->pace_ns = there - most;
	return ahead;
}

/* Takes whom it is the turn of, if that is not who ran until now on @cpu, with @deadline. */
__noinline bool take_lagging(s32 cpu, u32 llc, u64 deadline, u64 now)
{
	s32 peer = waiting_peer(cpu, llc);
	struct cell *cell = cell_of(cpu), *other = cell_of(peer);
	u64 slice = full_slice_ns();
	struct task_struct *head;
	u32 here, there;
	s64 ahead;

	if (peer < 0 || !cell || !other || cell_taken(peer))
		return false;
	head = __COMPAT_scx_bpf_dsq_peek(track_dsq(peer));
	here = nr_sharing(cpu);
	there = nr_sharing(peer);
	ahead = pace_ahead(cell, other, LAG_MAX_SLICES * slice);
	if (!head || there <= here)
		return false;
	ahead += (deadline - cell->vclock_ns) - (head->scx.dsq_vtime - other->vclock_ns);
	if (ahead < 0 || (there == here + 1 && ahead <= (s64)(lag_slices() * slice)))
		return false;
	if (pull(peer, cpu, now) != PULLED)
		return false;
	count_dispatch(STAT_LAG, peer, 0);
	return true;
}

#endif
