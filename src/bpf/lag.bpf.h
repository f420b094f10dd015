/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Lag: fairness between the CPUs of an LLC while none of them idles.
 *
 * Three hogs on two CPUs: nobody steals, since nobody idles, and one of them has
 * a CPU for itself. Each CPU counts the virtual service of its tasks (@pace_ns);
 * at the end of a slice it looks at one random peer, and if that one lags by
 * more than lag_slices() slices and has more tasks, one of them comes over. The
 * other CPU then gains on this one, so the third hog goes round.
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

/* The CPU in a random slot of @cpu's LLC, -1 if that is @cpu. */
static __always_inline s32 any_peer(s32 cpu, u32 llc)
{
	u32 nr_cpus = nr_cpus_of(llc);
	s32 peer;

	if (nr_cpus < 2)
		return -1;
	peer = cpu_in_slot(llc, bpf_get_prandom_u32() % nr_cpus);
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

__noinline bool take_lagging(s32 cpu, u32 llc, u64 now)
{
	s32 peer = any_peer(cpu, llc);
	struct cell *cell = cell_of(cpu), *other = cell_of(peer);
	u64 slice = full_slice_ns();
	u32 here, there;
	s64 ahead;

	if (peer < 0 || !cell || !other || cell_taken(peer))
		return false;
	ahead = pace_ahead(cell, other, LAG_MAX_SLICES * slice);
	here = nr_sharing(cpu);
	there = nr_sharing(peer);
	if (ahead < 0 || there <= here || (there == here + 1 && ahead <= (s64)(lag_slices() * slice)))
		return false;
	if (pull(peer, cpu, now) != PULLED)
		return false;
	count_dispatch(STAT_LAG, peer, 0);
	return true;
}

#endif
