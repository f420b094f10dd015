/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What ops.enqueue() does with each kind of task: pinned, idle CPU at hand,
 * latency-critical, any other.
 */
#ifndef __HALLOWS_ENQUEUE_BPF_H
#define __HALLOWS_ENQUEUE_BPF_H

/*
 * An idle CPU for a task that ops.select_cpu() was not asked about: a remote
 * wake-up; one taken back from a CPU that a higher class has; one whose slice is
 * over, or which may use more CPUs than before, while it was in a queue.
 */
static __always_inline bool enqueue_idle(struct task_struct *p, struct task_ctx *tctx, s32 cpu,
					 u64 enq_flags, const struct orders *orders, u64 now)
{
	u32 home = home_of(p, tctx), idle_lvl = idle_lvl_for(p, tctx, enq_flags & SCX_ENQ_WAKEUP, orders);
	s32 to;

	if (enq_flags & SCX_ENQ_REENQ)
		to = pick_idle_for(p, tctx, cpu, idle_lvl, now);
	else
		to = pick_idle_near(p, tctx, home, cpu, idle_lvl, now);
	if (to < 0)
		return false;
	count_idle(p, tctx, home, cpu, to, now);
	queue_on_track(p, tctx, to, orders->slice_ns, enq_flags);
	alert(to);
	return true;
}

/*
 * Does @p come before the hog that runs on @cpu and all who wait for it? The next one is not to come
 * on top of it, so that hog is taken to have stopped.
 */
__noinline bool goes_first(struct task_struct *p __arg_trusted, s32 cpu, u64 now)
{
	struct cell *cell = cell_of(cpu);

	if (!cell || (cell->flags & CELL_URGENT) || nr_express(llc_of(cpu)) || !comes_first(p, cpu, now))
		return false;
	cell->preempted_ns = now;
	return true;
}

/*
 * Puts @p in the place of the hog that runs on its CPU, if the order of deadlines has it
 * there. To ask the hog to make way would take one more interrupt.
 */
static __always_inline bool displace(struct task_struct *p, struct task_ctx *tctx, s32 cpu, u64 enq_flags,
				     const struct orders *orders, u64 now)
{
	if (!goes_first(p, cpu, now))
		return false;
	count(STAT_PREEMPT);
	explain(p, tctx, WHY_INSTEAD, cpu, cpu, 0);
	scx_bpf_dsq_insert(p, SCX_DSQ_LOCAL, whole_slice(tctx, orders->slice_ns), enq_flags | SCX_ENQ_PREEMPT);
	return true;
}

/*
 * A latency-critical task that woke up and found no idle CPU: a hog makes way,
 * on the CPU whose track it joins or, from the express track, on another. In the
 * place of a hog where it is, as of the one that woke it, it runs without joining any.
 * Who would wait on a track for longer than a thief needs to take it joins the express
 * track: it would be overtaken by all who did.
 */
static __always_inline void enqueue_express(struct task_struct *p, struct task_ctx *tctx, s32 cpu, s32 to,
					    u64 enq_flags, const struct orders *orders, u64 now)
{
	s32 hog, peer;
	bool stay;

	if ((enq_flags & SCX_ENQ_WAKEUP) && waker_makes_way(tctx, cpu)) {
		count(STAT_PREEMPT);
		explain(p, tctx, WHY_INSTEAD, cpu, cpu, 0);
		scx_bpf_dsq_insert(p, SCX_DSQ_LOCAL, orders->slice_ns, enq_flags | SCX_ENQ_PREEMPT);
		return;
	}
	hog = preemptible_near(p, tctx, cpu, now);
	if (hog == cpu && to == cpu && displace(p, tctx, cpu, enq_flags, orders, now))
		return;
	if (hog >= 0 && hog != to && !has_whole_llc(p, llc_of(cpu)))
		/* it is not for the express track, but any hog of its CPUs may make way */
		to = hog;
	stay = hog == to || tctx->near_wake ||
	       ahead_ns(to, p, tctx) < need_scaled_ns(RING_LLC, FOOTPRINT_USUAL) || !has_whole_llc(p, llc_of(cpu));
	if (stay)
		queue_behind(p, tctx, to, orders->slice_ns, enq_flags);
	else
		queue_on_express(p, tctx, llc_of(cpu), orders->slice_ns, enq_flags);
	explain(p, tctx, stay ? WHY_TRACK : WHY_EXPRESS, cpu, to, 0);
	if (hog >= 0 && (!stay || hog == to)) {
		count(STAT_PREEMPT);
		make_way(hog);
	} else if (stay && to != cpu) {
		alert(to);
	} else if (!stay && cell_taken(cpu)) {
		/* its own CPU will not look at the express track soon */
		peer = random_peer(p, cpu);
		if (peer >= 0)
			alert(peer);
	}
}

/* Queues a task in the LLC of its group, if it is away and there is room. */
static __always_inline bool go_home(struct task_struct *p, struct task_ctx *tctx, s32 cpu, u64 enq_flags,
				    const struct orders *orders, u64 now)
{
	bool woke = enq_flags & (SCX_ENQ_WAKEUP | SCX_ENQ_REENQ);
	s32 to = nr_llcs > 1 ? home_for(p, tctx, cpu, woke, now) : -1;

	if (to < 0)
		return false;
	queue_behind(p, tctx, to, orders->slice_ns, enq_flags & ~SCX_ENQ_LAST);
	if (woke)
		alert(to);
	else
		/* who changes places does so now, lest this CPU idle and take it back */
		make_way(to);
	if (enq_flags & SCX_ENQ_LAST)
		/* it looks for other work before it idles */
		scx_bpf_kick_cpu(cpu, SCX_KICK_IDLE);
	return true;
}

/* Queues a task that ran on a shared core and looks for one of its own. */
static __always_inline bool go_to_core(struct task_struct *p, struct task_ctx *tctx, s32 cpu, u64 enq_flags,
				       const struct orders *orders, u64 now)
{
	s32 to;

	if (!has_smt || !minds_sharing(tctx) || !shares_core(cpu))
		return false;
	to = pick_core(p, tctx, cpu, now);
	if (to < 0) {
		tctx->core_tried_ns = now;
		return false;
	}
	count(STAT_CORE);
	explain(p, tctx, WHY_CORE, cpu, to, 0);
	queue_on_track(p, tctx, to, orders->slice_ns, enq_flags & ~SCX_ENQ_LAST);
	alert(to);
	/* it looks for other work before it idles */
	scx_bpf_kick_cpu(cpu, SCX_KICK_IDLE);
	return true;
}

/* @p is the only runnable task of @cpu: it goes on, once that CPU looks again. */
static __always_inline void go_on(struct task_struct *p, s32 cpu, u64 enq_flags, const struct orders *orders)
{
	scx_bpf_dsq_insert(p, SCX_DSQ_LOCAL, orders->slice_ns, enq_flags);
	scx_bpf_kick_cpu(cpu, SCX_KICK_IDLE);
}

/*
 * Sends a stray to the track of a CPU that it may use. False if there is none now; then
 * it has to stay. Its own CPU may still take it from there, for the kernel asks nobody
 * for the mask whom that CPU has already; a local DSQ would be safe from that, but a mask
 * that changes before the kernel gets it there is the end of us.
 */
static __always_inline bool send_away(struct task_struct *p, struct task_ctx *tctx, u64 enq_flags,
				      const struct orders *orders)
{
	s32 to = pick_idle_allowed(p);
	bool idle = to >= 0;

	if (!idle)
		to = any_allowed(p);
	/* a CPU that idles is out of reach of its track only if nobody claimed it */
	if (to >= nr_cpu_ids || (idle ? cell_offline(to) : cell_taken(to)))
		return false;
	queue_behind(p, tctx, to, orders->slice_ns, enq_flags & ~SCX_ENQ_LAST);
	alert(to);
	return true;
}

/* Queues a task that found no idle CPU, or whose slice is over. */
static __always_inline void enqueue_movable(struct task_struct *p, struct task_ctx *tctx, s32 cpu,
					    u64 enq_flags, const struct orders *orders, u64 now)
{
	bool woke = enq_flags & SCX_ENQ_WAKEUP, moves = woke || (enq_flags & SCX_ENQ_REENQ);
	bool last = enq_flags & SCX_ENQ_LAST;
	s32 to, light;

	if (!last && (!woke || !__COMPAT_is_enq_cpu_selected(enq_flags))) {
		tctx->near_wake = woke;
		if (enqueue_idle(p, tctx, cpu, enq_flags, orders, now))
			return;
	}
	if (moves)
		count(STAT_NO_IDLE);
	if (go_home(p, tctx, cpu, enq_flags, orders, now))
		return;
	if (last) {
		if (!go_to_core(p, tctx, cpu, enq_flags, orders, now))
			go_on(p, cpu, enq_flags, orders);
		return;
	}
	to = push_target(p, tctx, cpu, orders, now);
	if (to >= 0) {
		queue_behind(p, tctx, to, orders->slice_ns, enq_flags);
		alert(to);
		return;
	}
	to = tctx->last_cpu == NO_CPU ? birth_track(p, cpu) : track_for(p, tctx, cpu, orders, now);
	if (moves && is_express(p, tctx)) {
		enqueue_express(p, tctx, cpu, to, enq_flags, orders, now);
		return;
	}
	light = moves ? preemptible_near(p, tctx, cpu, now) : -1;
	if (light >= 0)
		to = light;
	queue_behind(p, tctx, to, orders->slice_ns, enq_flags);
	explain(p, tctx, WHY_TRACK, cpu, to, 0);
	if (light >= 0) {
		count(STAT_PREEMPT);
		make_way(to);
	} else if (to != cpu) {
		/* only the task's own CPU is looked at by the core */
		alert(to);
	}
}

/*
 * A task that only this CPU may run, or so it seems: inside ops.cpu_release()
 * whoever was running looks migration-disabled. If the CPU is taken, an idle one
 * is asked to try.
 */
static __always_inline void enqueue_pinned(struct task_struct *p, struct task_ctx *tctx, s32 cpu,
					   u64 enq_flags, const struct orders *orders, u64 now)
{
	s32 guest;

	if (scx_bpf_test_and_clear_cpu_idle(cpu)) {
		count(STAT_IDLE_SELF);
		queue_on_track(p, tctx, cpu, orders->slice_ns, enq_flags);
		scx_bpf_kick_cpu(cpu, SCX_KICK_IDLE);
		return;
	}
	queue_behind(p, tctx, cpu, orders->slice_ns, enq_flags);
	explain(p, tctx, WHY_PINNED, cpu, cpu, 0);
	if ((enq_flags & SCX_ENQ_WAKEUP) && makes_way_for(p, tctx, cpu, now)) {
		count(STAT_PREEMPT);
		make_way(cpu);
	} else if ((enq_flags & SCX_ENQ_REENQ) && p->nr_cpus_allowed > 1) {
		guest = pick_idle_for(p, tctx, cpu, orders->idle_lvl, now);
		if (guest >= 0) {
			invite(guest, cpu);
			alert(guest);
		}
	}
}

#endif
