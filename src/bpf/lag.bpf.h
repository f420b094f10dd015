/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Lag: turns between the CPUs of an LLC while none of them idles.
 *
 * Three hogs on two CPUs: nobody steals, since nobody idles, and one of them has
 * a CPU for itself. So at the end of a slice a CPU looks at one track on which
 * somebody waits. If its first lags behind the task that ran here by more than
 * lag_slices() slices, and one more shares that CPU than this one, it comes over, or
 * the first after it that may. Deadlines of two CPUs are on two clocks. What makes
 * them comparable is the virtual service that each CPU counts of its tasks
 * (@pace_ns): a clock that all in the LLC share.
 *
 * Two tasks more are not a matter of turns: one comes over at once, unless by its
 * weight the first there had more than who ran here. Where as many share both CPUs it takes
 * a slice more of lag, and somebody light: among others that lag is of what was, and turns only
 * stir them, unless it grows because somebody heavy or interrupts take of one CPU. From fewer
 * only somebody heavier comes. Slices are those of who would come.
 *
 * A pace is compared, never used as a key: it may jump to stay comparable. Who
 * idled has none, and takes that of the peer. That of a CPU with light ones only runs
 * away from the others': it does not take them along, and is no lead of whoever comes there.
 */
#ifndef __HALLOWS_LAG_BPF_H
#define __HALLOWS_LAG_BPF_H

#define PACE_START (1ULL << 40)	/* far from 0, which is none */
#define LAG_STANDING 7	/* slices of lag beyond which two CPUs don't serve equals alike */

/*
 * Another CPU of @llc on whose track somebody waits, -1: found none. A bit may be stale, so
 * it looks at a few.
 */
static __always_inline s32 waiting_peer(s32 cpu, u32 llc)
{
	u32 nr_cpus = nr_cpus_of(llc), at, i;
	s32 slot, peer;

	if (nr_cpus < 2)
		return -1;
	at = bpf_get_prandom_u32() % nr_cpus;
	bpf_for(i, 0, DEFAULT_SCAN_K) {
		slot = yard_next(llc, YARD_WAITING, at);
		if (slot < 0)
			break;
		at = slot + 1;
		peer = cpu_in_slot(llc, slot);
		if (peer >= 0 && peer != cpu && !cell_taken(peer) && nr_waiting(peer))
			return peer;
	}
	return -1;
}

/* By how much @cell, which gets a pace if it has none, is ahead of @there. */
static __always_inline s64 pace_ahead(struct cell *cell, u64 there)
{
	if (!cell->pace_ns)
		cell->pace_ns = there ?: PACE_START;
	return there ? cell->pace_ns - there : 0;
}

/*
 * The same, where no more than @most counts. A pace that lags by more is brought up to that,
 * but for who is @lighter than who ran here: that one's CPU runs away from the others'.
 */
static __always_inline s64 pace_bounded(struct cell *cell, u64 there, s64 most, bool lighter)
{
	s64 ahead = pace_ahead(cell, there);

	if (ahead < -most && !lighter)
		cell->pace_ns = there - most;
	return ahead > most ? most : ahead;
}

/*
 * Whether who waits first on @cpu weighs less than who ran there, with slices of @slice. One
 * behind that is seen when its own turn has come.
 */
__noinline bool lighter_waits(s32 cpu, u64 slice)
{
	struct task_struct *head = __COMPAT_scx_bpf_dsq_peek(track_dsq(cpu));
	struct task_ctx *tctx = head ? task_ctx_of(head) : NULL;

	return tctx && slice_vtime(head, tctx, full_slice_ns()) > slice;
}

/*
 * The CPU on whose track waits whose turn it is, if that is not who ran until now on @cpu, with
 * @deadline and slices of @slice on its clock; -1: nobody's. @after: the pace of @cpu once
 * that one has come. A pace begins with a look at any peer: what is gained on it counts from then on.
 */
__noinline s32 lagging_peer(s32 cpu, u32 llc, u64 deadline, u64 slice, u64 *after __arg_nonnull)
{
	s32 peer = waiting_peer(cpu, llc), at = peer < 0 ? any_cpu_of(llc) : peer;
	struct cell *cell = cell_of(cpu), *other = cell_of(at);
	struct task_struct *head;
	struct task_ctx *tctx;
	u64 own, pace;
	u32 here, there;
	s64 lead, ahead;

	if (!cell || !other || at == cpu || (peer < 0 && cell->pace_ns))
		return -1;
	pace = other->pace_ns;
	here = nr_sharing(cpu);
	there = nr_sharing(at);
	ahead = pace_ahead(cell, pace) + (s64)(deadline - cell->vclock_ns);
	/* nobody lags by more than a slice of its own: most looks end here, without a lock */
	if (peer < 0 || (there <= here && ahead <= (s64)(lag_slices() * full_slice_ns())))
		return -1;
	head = __COMPAT_scx_bpf_dsq_peek(track_dsq(peer));
	tctx = head ? task_ctx_of(head) : NULL;
	if (!tctx || (there <= here && pullable(head, tctx, peer, cpu) != PULLED))
		return -1;
	own = slice_vtime(head, tctx, full_slice_ns());
	lead = pace_bounded(cell, pace, LAG_MAX_SLICES * own, own > slice);
	ahead = lead + (s64)(deadline - cell->vclock_ns) - (s64)(head->scx.dsq_vtime - other->vclock_ns);
	if (ahead < 0 || (there < here && own >= slice))
		return -1;
	if (there <= here + 1 && ahead <= (s64)(own * (lag_slices() + (there <= here))))
		return -1;
	if (there == here && own == slice && slice == full_slice_ns() && ahead <= (s64)(own * LAG_STANDING) &&
	    !lighter_waits(cpu, slice))
		return -1;
	/* what it was ahead by more, or of who is heavier, nobody here is to pay for */
	*after = pace ? pace + (own < slice ? 0 : lead) : 0;
	return peer;
}

/*
 * Takes whom it is the turn of. Of three functions that call each other, and take 512 bytes of stack
 * at most, this is in the first.
 */
static __always_inline bool take_lagging(struct cell *cell, s32 cpu, u32 llc, u64 deadline, u64 slice, u64 now)
{
	u64 pace = 0;
	s32 peer = lagging_peer(cpu, llc, deadline, slice, &pace);

	if (peer < 0 || pull(peer, cpu, now) != PULLED)
		return false;
	cell->pace_ns = pace;
	count_dispatch(STAT_LAG, peer, 0);
	return true;
}

#endif
