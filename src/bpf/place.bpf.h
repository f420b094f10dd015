/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Placement: on which CPU, or which track, a task that can't run at once waits.
 */
#ifndef __HALLOWS_PLACE_BPF_H
#define __HALLOWS_PLACE_BPF_H

#define BIRTH_CHOICES 4

/* Does this run in an interrupt, and not on behalf of the task that has the CPU? */
static __always_inline bool in_interrupt(void)
{
	return get_preempt_count() & (NMI_MASK | HARDIRQ_MASK | SOFTIRQ_OFFSET);
}

/*
 * A hog, or who turns out to be one, makes way for a latency-critical task at once,
 * but not twice within preempt_gap_ns: a sparse wake-up never waits, a storm of
 * them can't turn the CPU's time into context switches. @nr_bursts: how many that task has behind it.
 * A light one makes way as often as the order of deadlines has it.
 */
__noinline bool can_preempt(s32 cpu, u32 nr_bursts, u64 now)
{
	struct cell *cell = cell_of(cpu);

	if (!cell || runs_light(cpu))
		return cell;
	return (runs_hog(cpu) || outstays(cell, nr_bursts >= KNOWN_BURSTS, now)) &&
	       time_before(cell->preempted_ns + preempt_gap_ns(), now);
}

/*
 * Does who runs on @cpu make way for @p, which woke up? For who is not latency-critical only a
 * light one does.
 */
static __always_inline bool makes_way_for(const struct task_struct *p, const struct task_ctx *tctx, s32 cpu,
					  u64 now)
{
	if (is_express(p, tctx))
		return can_preempt(cpu, tctx->nr_bursts, now);
	return runs_light(cpu) && !tctx->light;
}

/* Is @p at @cpu because the hog that runs there woke it? That makes way as often as it likes. */
static __always_inline bool waker_makes_way(const struct task_ctx *tctx, s32 cpu)
{
	return cpu == tctx->waker_cpu && cpu == bpf_get_smp_processor_id() && runs_hog(cpu);
}

/* A random other CPU of @cpu's LLC that @p may use, -1 if it isn't one. */
static __always_inline s32 random_peer(const struct task_struct *p, s32 cpu)
{
	const volatile struct llc_place *home;
	u32 llc = llc_of(cpu);
	s32 peer;

	home = ARRAY_ELEM_PTR(llc_places, llc, MAX_LLCS);
	if (!home || home->nr_cpus < 2)
		return -1;
	peer = cpu_in_slot(llc, bpf_get_prandom_u32() % home->nr_cpus);
	if (peer < 0 || peer == cpu || !allows(p, peer))
		return -1;
	return peer;
}

/* A CPU of @cpu's LLC where somebody makes way for @p: its own, else one of two. */
__noinline s32 preemptible_near(const struct task_struct *p __arg_trusted, const struct task_ctx *tctx __arg_nonnull,
				s32 cpu, u64 now)
{
	s32 peer, i;

	if (makes_way_for(p, tctx, cpu, now))
		return cpu;
	bpf_for(i, 0, 2) {
		peer = random_peer(p, cpu);
		if (peer >= 0 && makes_way_for(p, tctx, peer, now))
			return peer;
	}
	return -1;
}

/*
 * The ring from which on an idle CPU is looked for. Only wake-ups of short bursts are so many that
 * what the agent saw saves them more than it costs, where a load has ended since.
 */
static __always_inline u32 idle_lvl_for(const struct task_struct *p, const struct task_ctx *tctx, bool woke,
					const struct orders *orders)
{
	return woke && is_express(p, tctx) ? orders->idle_lvl : RING_SMT;
}

/* Claims an idle CPU for @p, which is at @cpu: in the LLC, else from @idle_lvl on as far as pays. */
static __always_inline s32 pick_idle_for(const struct task_struct *p, const struct task_ctx *tctx,
					 s32 cpu, u32 idle_lvl, u64 now)
{
	s32 idle = pick_idle_llc(p, cpu);

	if (idle >= 0 || nr_llcs == 1)
		return idle;
	return pick_idle_far(p, tctx, cpu, ahead_ns(cpu, p, tctx), idle_lvl, now);
}

/*
 * The same, with the LLC of its group first, if @p is away, or a core of its own, and
 * @prev_cpu itself next: its cache is the warmest.
 */
static __always_inline s32 pick_idle_near(const struct task_struct *p, const struct task_ctx *tctx, u32 home,
					  s32 prev_cpu, u32 idle_lvl, u64 now)
{
	s32 cpu = is_away(home, prev_cpu) ? pick_idle_at_home(p, tctx, home) : pick_core_near(p, tctx, prev_cpu, now);

	if (cpu >= 0)
		return cpu;
	if (allows(p, prev_cpu) && scx_bpf_test_and_clear_cpu_idle(prev_cpu))
		return prev_cpu;
	return pick_idle_for(p, tctx, prev_cpu, idle_lvl, now);
}

static __always_inline bool acts_saturated(s32 cpu, const struct orders *orders)
{
	struct cell *cell = cell_of(cpu);

	if (orders->fresh && orders->state == CELL_SATURATED)
		return true;
	return cell && (u64)cell->nr_queued * cell->avg_run_ns > 3 * full_slice_ns();
}

/*
 * The CPU on whose track @p waits: where it is, unless that CPU is saturated
 * and a random peer of the LLC has less ahead (two choices: Mitzenmacher, 2001),
 * or a higher class holds it.
 */
static __always_inline s32 track_for(const struct task_struct *p, const struct task_ctx *tctx, s32 cpu,
				     const struct orders *orders, u64 now)
{
	s32 peer;

	if (!cell_taken(cpu) && !acts_saturated(cpu, orders))
		return cpu;
	peer = random_peer(p, cpu);
	if (peer < 0)
		return cpu;
	return ahead_ns(peer, p, tctx) + price_of(tctx, RING_LLC, now) < ahead_ns(cpu, p, tctx) ? peer : cpu;
}

/* Some CPU for @p, which it may not be allowed: the more of them are the likelier. MAX_CPUS: none. */
static __always_inline u32 some_cpu(const struct task_struct *p)
{
	const volatile u16 *slot;

	if (p->nr_cpus_allowed < nr_placed / 2)
		return any_allowed(p);
	slot = ARRAY_ELEM_PTR(llc_cpus, bpf_get_prandom_u32() % nr_placed, MAX_CPUS);
	return slot ? *slot : MAX_CPUS;
}

/*
 * Where a task begins its life if no CPU is idle: the shortest of a few tracks
 * anywhere, since it has no cache to lose yet.
 */
__noinline s32 birth_track(const struct task_struct *p __arg_trusted, s32 cpu)
{
	u32 best_nr = cell_taken(cpu) ? ~0U : nr_waiting(cpu), nr, at, i;
	s32 best = cpu;

	bpf_for(i, 0, BIRTH_CHOICES) {
		if (!best_nr)
			break;
		at = some_cpu(p);
		if (at >= MAX_CPUS || cell_taken(at) || !allows(p, at))
			continue;
		nr = nr_waiting(at);
		if (nr < best_nr) {
			best_nr = nr;
			best = at;
		}
	}
	return best;
}

/*
 * Did the task that has this CPU wake @p last, too? Then it waits for it, sleeping or
 * not; who wakes one after the other rather goes on.
 */
static __always_inline bool wakes_again(const struct task_struct *p)
{
	struct task_ctx *waker = task_ctx_of(bpf_get_current_task_btf());
	u32 woke = p->pid;

	if (!waker)
		return false;
	if (waker->woke_pid != woke) {
		waker->woke_pid = woke;
		waker->woke_again = 0;
		return false;
	}
	if (waker->woke_again < 255)
		waker->woke_again++;
	return true;
}

/* Does the task of @tctx, again and again, wake nobody but @waker? */
static __always_inline bool is_partner(const struct task_ctx *tctx, const struct task_struct *waker)
{
	return tctx->woke_again && tctx->woke_pid == (u32)waker->pid;
}

/*
 * Is @p to follow @waker, which does not share its cache? Two that pass a token would pay
 * for the distance each time, and pay once for the move. Each of them wakes nobody but
 * the other: who serves many stays where it is. An interrupt wakes whom it likes.
 */
static __always_inline bool follows_far(const struct task_struct *p, const struct task_ctx *tctx,
					const struct task_struct *waker, s32 here)
{
	return !in_interrupt() && wakes_again(p) && is_partner(tctx, waker) && !node_disagrees(p, llc_of(here));
}

/* Does @p, with a deadline that is near, come before all who wait on the track of @cpu? */
__noinline bool comes_first(struct task_struct *p __arg_trusted, s32 cpu, u64 now)
{
	struct task_ctx *tctx = task_ctx_of(p);
	struct cell *cell = cell_of(cpu);
	struct task_struct *head;
	u64 deadline;

	if (!tctx || !cell)
		return false;
	rest(p, tctx, now);
	rebase_vtime(p, tctx, cpu);
	deadline = deadline_of(p, tctx, full_slice_ns());
	if (!is_near(cell, deadline))
		return false;
	if (!nr_waiting_hint(cpu))
		return true;
	head = __COMPAT_scx_bpf_dsq_peek(track_dsq(cpu));
	return !head || time_before(deadline, head->scx.dsq_vtime);
}

/*
 * The same where ops.dispatch() is not to be called. Whoever waits is not to starve for want of a call:
 * a track that has not moved for long is looked at.
 */
static __always_inline bool may_overtake(struct task_struct *p, s32 cpu, u64 now)
{
	return !track_stands(cpu, now) && comes_first(p, cpu, now);
}

/*
 * May the task run where its waker is about to stop? Yes if the waker's bursts are
 * so short that waiting for the rest of this one costs less than a move: a sync
 * waker says itself that it will sleep, any other has to be the task's old
 * neighbour, or one whom it follows. Nobody may wait there who comes first, or for any CPU of
 * the LLC while such pairs, which come to no end of a slice, have them all. No idle CPU is
 * looked for: on a machine of ping-pong pairs that search, and the line of the idle
 * mask, are what costs.
 */
static __always_inline bool waker_fits(struct task_struct *p, const struct task_ctx *tctx, s32 prev_cpu,
				       s32 here)
{
	struct task_struct *waker = (void *)bpf_get_current_task_btf();
	bool sync = tctx->near_wake, far = llc_of(here) != llc_of(prev_cpu);
	struct cell *cell = cell_of(here);

	if (!cell || (waker->flags & PF_EXITING))
		return false;
	if (!sync && ((prev_cpu != here && !far) || scx_bpf_now() - cell->run_since_ns >= need_ns(RING_LLC)))
		return false;
	if (far && !follows_far(p, tctx, waker, here))
		return false;
	if ((cell->flags & (CELL_HOG | CELL_HELD | CELL_IDLE)) ||
	    cell->curr_avg_ns >= (sync ? express_max_ns() / 4 : need_ns(RING_LLC)))
		return false;
	return allows(p, here) && !express_presses(llc_of(here)) && !scx_bpf_dsq_nr_queued(SCX_DSQ_LOCAL) &&
	       (!nr_waiting_hint(here) || may_overtake(p, here, scx_bpf_now()));
}

/*
 * Where a task begins that @here woke up and that found no idle CPU: where it was. If
 * no hog makes way there, but the waker is one that wakes nobody else, in the waker's
 * place; as one of short bursts that wakes nobody but its waker, behind that. An interrupt
 * is no waker.
 */
static __always_inline s32 begins_at(const struct task_struct *p, struct task_ctx *tctx, s32 prev_cpu, s32 here,
				     u64 now)
{
	tctx->waker_cpu = NO_CPU;
	if (!is_express(p, tctx) || llc_of(here) != llc_of(prev_cpu) || in_interrupt() || !wakes_again(p) ||
	    !allows(p, here))
		return prev_cpu;
	if (!runs_hog(here))
		return is_partner(tctx, bpf_get_current_task_btf()) ? here : prev_cpu;
	if (can_preempt(prev_cpu, tctx->nr_bursts, now))
		return prev_cpu;
	tctx->waker_cpu = here;
	return here;
}

#endif
