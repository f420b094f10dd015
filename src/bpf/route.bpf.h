/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Routes: where a CPU that needs work looks, nearest first. Each function
 * takes at most one task to the local DSQ and says whether it did.
 */
#ifndef __HALLOWS_ROUTE_BPF_H
#define __HALLOWS_ROUTE_BPF_H

/* Takes the first task of @dsq, which had some, that this CPU may run. */
static __always_inline bool take_from(u64 dsq)
{
	if (scx_bpf_dsq_move_to_local(dsq, 0))
		return true;
	count(STAT_LOST);
	return false;
}

/* The same of @from's track. */
static __always_inline bool take_first(s32 from, enum hallows_stat stat, u32 stop, u64 now)
{
	if (!take_from(track_dsq(from)))
		return false;
	track_moved(from, now);
	count_dispatch(stat, from, stop);
	return true;
}

static __always_inline bool take_track_at(s32 from, enum hallows_stat stat, u32 stop, u64 now)
{
	return nr_waiting(from) && take_first(from, stat, stop, now);
}

static __always_inline bool take_track(s32 from, enum hallows_stat stat, u64 now)
{
	return take_track_at(from, stat, 0, now);
}

static __always_inline bool take_express(u32 llc, enum hallows_stat stat, u64 now)
{
	struct yard *yard = yard_of(llc);

	if (!yard)
		return false;
	if (!nr_express(llc)) {
		express_empty(yard, now);
		return false;
	}
	if (!take_from(express_dsq(llc)))
		return false;
	express_moved(yard, now);
	count_dispatch(stat, cpu_in_slot(llc, 0), 0);
	return true;
}

/*
 * Is whoever runs on @cpu, where @nr wait on the own track, to end its slice at a tick for the express
 * track of @llc? Two that wake each other come to no end of a slice, at which other tracks are seen.
 */
static __always_inline bool lets_express_in(const struct cell *cell, s32 cpu, u32 llc, u32 nr, u64 now)
{
	if (!nr && !(cell->flags & CELL_KTHREAD) && express_age(llc, now) > express_max_ns())
		return true;
	return (cell->express_ns < full_slice_ns() || !nr) && can_preempt(cpu, KNOWN_BURSTS, now);
}

/*
 * Two heads: the express track's, unless express work has had more than a
 * slice here while the own track waited, and the own track's. @deadline is that of
 * the task that ran so far and may go on, 0: none may.
 */
static __always_inline bool take_head(struct cell *cell, s32 cpu, u32 llc, u64 deadline, u64 now)
{
	struct task_struct *head;
	bool own = nr_waiting(cpu);

	track_waits(cpu, own);
	if (cell->express_ns < full_slice_ns() || !own)
		if (take_express(llc, STAT_EXPRESS, now))
			return true;
	if (!own)
		return false;
	if (deadline) {
		head = __COMPAT_scx_bpf_dsq_peek(track_dsq(cpu));
		if (head && time_before(deadline, head->scx.dsq_vtime))
			return false;
	}
	if (!take_first(cpu, STAT_OWN, 0, now))
		return false;
	cell->express_ns = 0;
	return true;
}

/* Did work on a track wait long enough to pay for its way, or longer than anybody should? */
static __always_inline bool worth(u64 age, u64 price)
{
	return age > price || age > wait_max_ns();
}

/* Of what is worth() its way: did it wait too long, without paying for it? */
static __always_inline bool overrules(u64 age, u64 price)
{
	return age <= price && age > wait_max_ns();
}

/* Takes from the track of @from, far away, what waited for @age there. */
static __always_inline bool take_aged(s32 cpu, s32 from, enum hallows_stat stat, u64 age, u64 now)
{
	bool rescue = overrules(age, price_between(cpu, from));

	if (!take_track(from, rescue ? STAT_RESCUE : stat, now))
		return false;
	if (rescue)
		count(STAT_RESCUE_PRICE);
	return true;
}

/*
 * Tracks of the LLC whose CPU somebody else has, if they wait longer than ours.
 * A bit whose CPU is back is stale, and cleared here.
 */
__noinline bool serve_held(s32 cpu, u32 llc, u64 now)
{
	struct yard *yard = yard_of(llc);
	s32 slot, from, first = -1;
	u32 at = 0, i;
	u64 age;

	if (!yard || !yard_fold(yard, YARD_HELD, nr_cpus_of(llc)))
		return false;
	bpf_for(i, 0, MAX_SCAN_K) {
		slot = yard_next(llc, YARD_HELD, at);
		if (slot < 0 || slot == first)
			break;
		if (first < 0)
			first = slot;
		at = slot + 1;
		from = cpu_in_slot(llc, slot);
		if (from < 0 || from == cpu)
			continue;
		if (!cell_taken(from)) {
			yard_set(from, YARD_HELD, false);
			continue;
		}
		age = track_age(from, now);
		/* an idle CPU that its waker just claimed will see to its track itself */
		if (age < (cell_held(from) ? 0 : short_slice_ns()) || (nr_waiting(cpu) && age < track_age(cpu, now)))
			continue;
		if (take_track(from, STAT_RESCUE, now))
			return true;
	}
	return false;
}

/* The same for those who mostly find none. */
static __always_inline bool take_held(s32 cpu, u32 llc, u64 now)
{
	struct yard *yard = yard_of(llc);

	return yard && (yard->held[0] || nr_cpus_of(llc) > 64) && serve_held(cpu, llc, now);
}

/*
 * Does what waits on @from's track wait long enough to pay for a move within
 * the LLC? Behind a hog, yes. Behind a short burst it is served where it is
 * sooner than it could be moved: taking it apart from the waker that is about
 * to sleep would cost both their caches. Where threads share cores an idle CPU was claimed for
 * the core that it is of, and is left to serve its track, unless it went to somebody else.
 */
static __always_inline bool worth_taking(s32 from, u64 now)
{
	struct cell *cell = cell_of(from);

	if (!cell || (cell->flags & CELL_HOG) || outstays(cell, true, now) || cell_held(from))
		return true;
	if (cell->flags & CELL_IDLE)
		return !has_smt || time_before(cell->idle_since_ns, cell->idle_until_ns) ||
		       track_age(from, now) >= short_slice_ns();
	return cell->curr_avg_ns + (u64)nr_waiting(from) * cell->avg_run_ns > need_ns(RING_LLC);
}

enum looked {
	LOOKED_AT_SOME,
	LOOKED_AT_ALL,
	TOOK_ONE,
};

/*
 * Tracks of the own LLC with work that others may take, beginning anywhere: from
 * a fixed start, tracks whose heads can't move here would hide the rest. Who looked at all
 * need not look again: to find that of many who wait nobody may come takes a walk.
 */
__noinline enum looked take_peer(s32 cpu, u32 llc, u32 scan_k, u64 now)
{
	u32 nr_cpus = nr_cpus_of(llc), at, i;
	s32 slot, from, first = -1;

	if (!nr_cpus)
		return LOOKED_AT_ALL;
	at = bpf_get_prandom_u32() % nr_cpus;
	bpf_for(i, 0, MAX_SCAN_K) {
		if (i >= scan_k)
			return LOOKED_AT_SOME;
		slot = yard_next(llc, YARD_WAITING, at);
		if (slot < 0 || slot == first)
			return LOOKED_AT_ALL;
		if (first < 0)
			first = slot;
		from = cpu_in_slot(llc, slot);
		if (from >= 0 && from != cpu && worth_taking(from, now) && take_track(from, STAT_PEER, now))
			return TOOK_ONE;
		at = slot + 1;
	}
	return LOOKED_AT_SOME;
}

/* Takes work from a stop of the agent's route, verified live before it is believed. */
static __always_inline s32 take_stop(s32 cpu, s32 from, u32 stop, u64 now)
{
	u64 age, price;

	if (from >= nr_cpu_ids || from == cpu || !nr_waiting(from))
		return REJECT_GONE;
	age = track_age(from, now);
	price = price_between(cpu, from);
	if (!worth(age, price))
		return REJECT_PRICE;
	if (take_track_at(from, STAT_ROUTE, stop, now)) {
		if (overrules(age, price))
			count(STAT_RESCUE_PRICE);
		return PULLED;
	}
	return nr_waiting(from) ? REJECT_MASK : REJECT_GONE;
}

__noinline bool take_route(s32 cpu, u64 now)
{
	const volatile struct signal *signal = signal_of(cpu);
	u32 seq, nr, i;
	s32 why;

	if (!signal)
		return false;
	seq = signal->seq;
	nr = signal->nr_route;
	if (!nr || (seq & 1))
		return false;
	if (!signal_fresh(signal, now)) {
		move_requested(MOVE_ROUTE, 1);
		move_expired(MOVE_ROUTE, 1);
		return false;
	}
	bpf_for(i, 0, ROUTE_LEN) {
		if (i >= nr || signal->seq != seq)
			break;
		why = take_stop(cpu, signal->route[i], i, now);
		move_requested(MOVE_ROUTE, 1);
		if (why == PULLED) {
			move_applied(MOVE_ROUTE);
			return true;
		}
		move_rejected(MOVE_ROUTE, why);
	}
	return false;
}

/* The express track of @llc, another one than @cpu's, if its wait pays for the way. */
__noinline bool take_far_express(s32 cpu, u32 llc, u64 now)
{
	u64 age = express_age(llc, now), price = price_between(cpu, cpu_in_slot(llc, 0));
	bool rescue = overrules(age, price);

	if (!age || !worth(age, price) || !take_express(llc, rescue ? STAT_RESCUE : STAT_DETOUR, now))
		return false;
	if (rescue)
		count(STAT_RESCUE_PRICE);
	return true;
}

/*
 * A waiting track of @llc whose wait pays for the way, from anywhere on. Of many bits nobody
 * has cleared that their tracks are empty by now: one look would find nothing, mostly.
 */
__noinline bool take_far(s32 cpu, u32 llc, u64 now)
{
	u32 nr_cpus = nr_cpus_of(llc), at, i;
	s32 slot, from, first = -1;
	u64 age;

	if (!nr_cpus)
		return false;
	if (take_far_express(cpu, llc, now))
		return true;
	at = bpf_get_prandom_u32() % nr_cpus;
	bpf_for(i, 0, MAX_SCAN_K) {
		slot = yard_next(llc, YARD_WAITING, at);
		if (slot < 0 || slot == first)
			break;
		if (first < 0)
			first = slot;
		at = slot + 1;
		from = cpu_in_slot(llc, slot);
		if (from < 0 || !nr_waiting(from))
			continue;
		age = track_age(from, now);
		if (worth(age, price_between(cpu, from)) && take_aged(cpu, from, STAT_DETOUR, age, now))
			return true;
	}
	return false;
}

/* The static route: other LLCs, nearest ring first, written before load. */
__noinline bool take_detour(s32 cpu, u32 llc, u64 now)
{
	const volatile struct llc_place *home = ARRAY_ELEM_PTR(llc_places, llc, MAX_LLCS);
	const volatile u16 *stop;
	u32 i;

	if (!home)
		return false;
	bpf_for(i, 0, DETOUR_LEN) {
		if (i >= home->nr_detour)
			break;
		stop = MEMBER_VPTR(*home, .detour[i]);
		if (stop && take_far(cpu, *stop, now))
			return true;
	}
	return false;
}

#endif
