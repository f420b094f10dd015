/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Cores: hardware threads share one, and a hog beside another on the same core runs at little
 * more than half of the speed. So who is no short burst looks for a core that idles as a whole
 * before it shares one; and where a hog that runs shares its core, as others that ended left
 * it, the end of its slice looks again.
 *
 * To share costs a third of a burst. By that a core beyond the LLC is worth the way, or not;
 * a task whose group has a home stays there.
 */
#ifndef __HALLOWS_CORE_BPF_H
#define __HALLOWS_CORE_BPF_H

#define CORE_THREADS 8	/* the most that one has */
#define CORE_RECHECK_NS 10000000ULL

u16 core_next[MAX_CPUS] OWNER("rare");	/* the next CPU of its core, going round */

/* A CPU of the core whose lowest one is @core, and of which others may be known. */
static __always_inline void join_core(s32 cpu, s32 core)
{
	u16 *mine = ARRAY_ELEM_PTR(core_next, cpu, MAX_CPUS), *first = ARRAY_ELEM_PTR(core_next, core, MAX_CPUS);

	if (!mine || !first)
		return;
	*mine = core == cpu ? cpu : *first;
	if (core != cpu)
		*first = cpu;
}

/* Does a hog run on another thread of @cpu's core? */
__noinline bool shares_core(s32 cpu)
{
	const volatile u16 *next;
	s32 at = cpu;
	u32 i;

	bpf_for(i, 0, CORE_THREADS) {
		next = ARRAY_ELEM_PTR(core_next, at, MAX_CPUS);
		if (!next || *next == cpu)
			break;
		at = *next;
		if (runs_hog(at))
			return true;
	}
	return false;
}

__noinline s32 pick_core_in_llc(const struct task_struct *p __arg_trusted, u32 llc)
{
	return pick_idle_in(p, llc_span(llc), SCX_PICK_IDLE_CORE);
}

__noinline s32 pick_core_in_node(const struct task_struct *p __arg_trusted, u32 node)
{
	return pick_idle_in(p, bpf_map_lookup_elem(&node_spans, &node), SCX_PICK_IDLE_CORE);
}

/* Claims a CPU of a whole idle core out of all that @p may use. */
__noinline s32 pick_core_allowed(const struct task_struct *p __arg_trusted)
{
	return scx_bpf_pick_idle_cpu(p->cpus_ptr, SCX_PICK_IDLE_CORE);
}

/*
 * How long a burst of @tctx is expected to be, or is by now: of a hog that runs on, slice after
 * slice, the average has not heard yet.
 */
static __always_inline u64 burst_by_now_ns(const struct task_ctx *tctx)
{
	return tctx->burst_ns > tctx->avg_burst_ns ? tctx->burst_ns : tctx->avg_burst_ns;
}

/* Is it worth a search for a core of its own, where it shares one? */
static __always_inline bool minds_sharing(const struct task_ctx *tctx)
{
	return burst_by_now_ns(tctx) >= express_max_ns();
}

/* Claims a CPU of a whole idle core for @p, which is at @cpu, as far away as pays. */
__noinline s32 pick_core(const struct task_struct *p __arg_trusted, const struct task_ctx *tctx __arg_nonnull,
			 s32 cpu, u64 now)
{
	const volatile struct cpu_place *place = place_of(cpu);
	u64 saved = burst_by_now_ns(tctx) / 3;
	s32 idle;

	if (!place || place->llc >= MAX_LLCS)
		return -EBUSY;
	if (nr_llcs == 1)
		return pick_core_allowed(p);
	idle = pick_core_in_llc(p, place->llc);
	if (idle >= 0 || tctx->home_llc < MAX_LLCS)
		return idle;
	if (saved > price_of(tctx, RING_NODE, now))
		idle = pick_core_in_node(p, place->node);
	if (idle < 0 && many_nodes && saved > price_of(tctx, RING_MACHINE, now))
		idle = pick_core_allowed(p);
	return idle;
}

/* Claims a CPU of @home, the LLC of @p's group, for @p; a whole core or nothing, if it minds sharing one. */
__noinline s32 pick_idle_at_home(const struct task_struct *p __arg_trusted, const struct task_ctx *tctx __arg_nonnull,
				 u32 home)
{
	return pick_idle_in(p, llc_span(home), has_smt && minds_sharing(tctx) ? SCX_PICK_IDLE_CORE : 0);
}

/*
 * Claims a whole core for @p, which begins a run and was at @prev_cpu, unless it is short or
 * has that CPU for itself.
 */
static __always_inline s32 pick_core_near(const struct task_struct *p, const struct task_ctx *tctx, s32 prev_cpu,
					  u64 now)
{
	struct cell *cell = cell_of(prev_cpu);
	const volatile u16 *next;
	s32 cpu;

	if (!has_smt || !minds_sharing(tctx) || !cell)
		return -EBUSY;
	if ((cell->flags & CELL_IDLE) && allows(p, prev_cpu) && !shares_core(prev_cpu))
		return -EBUSY;
	cpu = pick_core(p, tctx, prev_cpu, now);
	if (cpu >= 0 || runs_hog(prev_cpu))
		return cpu;
	/* who took its CPU is gone soon: its core is its own still */
	next = ARRAY_ELEM_PTR(core_next, prev_cpu, MAX_CPUS);
	if (next && *next != prev_cpu && allows(p, *next) && scx_bpf_test_and_clear_cpu_idle(*next))
		return *next;
	return -EBUSY;
}

/*
 * Should @p, whose slice on @cpu is over and for which nobody waits, go to a core of its own? If
 * pick_core() would find one; nothing is claimed. A search in vain costs a way through idle, so it
 * is not repeated soon.
 */
__noinline bool leaves_for_core(const struct task_struct *p __arg_trusted, const struct task_ctx *tctx __arg_nonnull,
				s32 cpu, u64 now)
{
	bool stays = tctx->home_llc < MAX_LLCS || burst_by_now_ns(tctx) / 3 <= price_of(tctx, RING_NODE, now), any;
	const struct cpumask *cores;
	struct span *span;

	if (!minds_sharing(tctx) || is_pinned(p) || time_before(now, tctx->core_tried_ns + CORE_RECHECK_NS) ||
	    !shares_core(cpu))
		return false;
	span = nr_llcs > 1 && stays ? llc_span(llc_of(cpu)) : NULL;
	cores = scx_bpf_get_idle_smtmask();
	any = bpf_cpumask_intersects(cores, p->cpus_ptr);
	if (any && span && span->mask)
		any = bpf_cpumask_intersects(cores, cast_mask(span->mask));
	scx_bpf_put_idle_cpumask(cores);
	return any;
}

#endif
