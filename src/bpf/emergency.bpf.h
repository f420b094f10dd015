/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Emergency: one queue of the machine that every CPU serves before all else.
 *
 * Who waits there has waited for over 50 ms behind a CPU that could not serve its
 * track in all that time: a higher class has it, or it is offline. Its LLC and idle
 * CPUs take from such a track at once (take_held(), hand_off()), so what is left is
 * work that only CPUs elsewhere may run, which are busy. Finding it and running it are
 * two things: each tick of any CPU looks at one such track, another one each time,
 * and its next ops.dispatch() moves what is stranded here, whoever may run it.
 *
 * A long wait alone is no emergency. Forty hogs on a CPU wait for a hundred
 * milliseconds and more by the order of their deadlines, and who jumped that queue
 * at 50 would make nice levels and weights void: there take_starved() goes by a
 * longer measure. Nor is a changed mask: the kernel queues such a task anew. And
 * who is bound to the CPU stays, since nobody else may run it: the agent says so.
 *
 * The word @emergency, written when the queue gets its first task or has lost its
 * last, is all that a dispatch looks at else.
 */
#ifndef __HALLOWS_EMERGENCY_BPF_H
#define __HALLOWS_EMERGENCY_BPF_H

#define EMERGENCY_DSQ (MAX_CPUS + MAX_LLCS)
#define EMERGENCY_NS 50000000ULL
#define EVACUATE_SCAN 16	/* tasks of a track that are looked at in one go */
#define WANTED_SCAN 4		/* tasks of the queue that a tick looks at */
#define PATROL_SCAN 8		/* CPUs that a tick looks at until it finds one that can't serve who waits */

u32 emergency OWNER("rare");	/* somebody waits in the queue, or did a moment ago */

/* How long @cpu has not been able to serve its track, as far as anybody knows. */
static __always_inline u64 stuck_ns(s32 cpu, u64 now)
{
	struct holder *holder = ARRAY_ELEM_PTR(holders, cpu, MAX_CPUS);
	struct cell *cell = cell_of(cpu);

	if (!cell || !holder)
		return 0;
	if (cell->offline)
		return ~0ULL;
	if (cell->flags & CELL_HELD)
		return since_ns(holder->since_ns, now);
	/* it left idle for none of ours: see held.bpf.h */
	if ((cell->flags & CELL_IDLE) && time_before(cell->idle_since_ns, cell->idle_until_ns))
		return since_ns(cell->idle_until_ns, now);
	return 0;
}

/* Has @p, on the track of a CPU that is stuck, waited for too long, and may it leave? */
static __always_inline bool stranded(const struct task_struct *p, u64 now)
{
	struct task_ctx *tctx;

	if (is_pinned(p))
		return false;
	tctx = task_ctx_of((struct task_struct *)p);
	return tctx && since_ns(tctx->queued_ns, now) > EMERGENCY_NS;
}

/* Is anybody stranded on the track of @cpu? */
__noinline bool has_stranded(s32 cpu, u64 now)
{
	struct task_struct *p;
	u32 seen = 0;

	if (stuck_ns(cpu, now) <= EMERGENCY_NS)
		return false;
	bpf_for_each(scx_dsq, p, track_dsq(cpu), 0) {
		if (seen++ >= EVACUATE_SCAN)
			break;
		if (stranded(p, now))
			return true;
	}
	return false;
}

/* Moves those who are stranded on the track of @cpu to the emergency queue. */
static __noinline int evacuate(s32 cpu, u64 now)
{
	struct task_struct *p;
	u32 seen = 0;
	s32 idle;

	if (stuck_ns(cpu, now) <= EMERGENCY_NS)
		return 0;
	bpf_for_each(scx_dsq, p, track_dsq(cpu), 0) {
		if (seen++ >= EVACUATE_SCAN)
			break;
		if (!stranded(p, now))
			continue;
		if (scx_bpf_dsq_move(BPF_FOR_EACH_ITER, p, EMERGENCY_DSQ, 0))
			count(cell_offline(cpu) ? STAT_RESCUE_OFFLINE : STAT_RESCUE_HELD);
		/* who is about to idle reads the word after it said so: found here, or it looks */
		__sync_lock_test_and_set(&emergency, 1);
		idle = pick_idle_allowed(p);
		if (idle >= 0)
			scx_bpf_kick_cpu(idle, SCX_KICK_IDLE);
	}
	return 0;
}

/*
 * A tick: looks at the track of one CPU that is taken, another one each time, and lets the CPU's next
 * ops.dispatch(), which alone can move tasks, come at once if it is needed.
 * Returns whether it is. Who waits there, or on the express track of that LLC, for
 * longer than anybody should is not stranded yet: that dispatch looks there in turn.
 */
__noinline bool patrol(s32 cpu, u64 now)
{
	struct track_state *mine = track_of(cpu);
	struct cell *cell = cell_of(cpu);
	bool waits;
	u32 llc, i;
	u16 *at = NULL;

	if (!mine || !cell)
		return false;
	bpf_for(i, 0, PATROL_SCAN) {
		at = ARRAY_ELEM_PTR(llc_cpus, cell->patrol, MAX_CPUS);
		cell->patrol = cell->patrol + 1 < nr_placed ? cell->patrol + 1 : 0;
		if (at && cell_taken(*at) && (nr_waiting(*at) || nr_express(llc_of(*at))))
			break;
		at = NULL;
	}
	if (!at)
		return false;
	if (has_stranded(*at, now)) {
		mine->evacuates = *at + 1;
		return true;
	}
	waits = nr_waiting(*at) && track_age(*at, now) > wait_max_ns();
	if (waits && nr_llcs > 1)
		mine->invited_by = *at + 1;
	llc = llc_of(*at);
	if (llc != llc_of(cpu) && express_age(llc, now) > wait_max_ns()) {
		mine->relieves = llc + 1;
		waits = true;
	}
	return waits;
}

/* Would @cpu find somebody in the emergency queue whom it may run? */
__noinline bool is_wanted(s32 cpu)
{
	struct task_struct *p;
	u32 seen = 0;

	if (!emergency)
		return false;
	bpf_for_each(scx_dsq, p, EMERGENCY_DSQ, 0) {
		if (seen++ >= WANTED_SCAN)
			break;
		if (allows(p, cpu))
			return true;
	}
	return false;
}

/* Does what the tick found to do elsewhere, and serves the emergency queue. */
static __always_inline bool take_emergency(s32 cpu, u64 now)
{
	struct track_state *mine = track_of(cpu);
	s32 from;
	u32 llc;

	if (mine && mine->evacuates) {
		from = mine->evacuates - 1;
		mine->evacuates = 0;
		evacuate(from, now);
	}
	if (mine && mine->relieves) {
		llc = mine->relieves - 1;
		mine->relieves = 0;
		if (take_far_express(cpu, llc, now))
			return true;
	}
	if (!emergency)
		return false;
	if (scx_bpf_dsq_move_to_local(EMERGENCY_DSQ, 0)) {
		count_dispatch(STAT_RESCUE, cpu, 0);
		return true;
	}
	/* whoever fills it meanwhile does so before it writes the word: seen here, or after */
	if (scx_bpf_dsq_nr_queued(EMERGENCY_DSQ) <= 0 && __sync_val_compare_and_swap(&emergency, 1, 0) &&
	    scx_bpf_dsq_nr_queued(EMERGENCY_DSQ) > 0)
		emergency = 1;
	return false;
}

__noinline bool take_errands(s32 cpu, u64 now)
{
	return take_emergency(cpu, now) || take_invited(cpu, now);
}

/* What others, or a tick, want of @cpu before all else. Mostly nothing. */
static __always_inline bool runs_errands(s32 cpu, u64 now)
{
	struct track_state *mine = track_of(cpu);

	return mine && (mine->evacuates | mine->relieves | mine->invited_by | emergency) && take_errands(cpu, now);
}

#endif
