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

/* Claims a CPU of a whole idle core for @p, which is at @cpu, as far away as pays. */
__noinline s32 pick_core(const struct task_struct *p __arg_trusted, const struct task_ctx *tctx __arg_nonnull,
			 s32 cpu, u64 now)
{
	const volatile struct cpu_place *place = place_of(cpu);
	u64 saved = tctx->avg_burst_ns / 3;
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

/*
 * Claims a whole core for @p, which begins a run and was at @prev_cpu, unless it is short or
 * has that CPU for itself.
 */
static __always_inline s32 pick_core_near(const struct task_struct *p, const struct task_ctx *tctx, s32 prev_cpu,
					  u64 now)
{
	struct cell *cell = cell_of(prev_cpu);

	if (!has_smt || is_express(p, tctx) || !cell)
		return -EBUSY;
	if ((cell->flags & CELL_IDLE) && allows(p, prev_cpu) && !shares_core(prev_cpu))
		return -EBUSY;
	return pick_core(p, tctx, prev_cpu, now);
}

/* Should @p, whose slice on @cpu is over and for which nobody waits, go to a core of its own? */
static __always_inline bool leaves_for_core(const struct task_struct *p, const struct task_ctx *tctx, s32 cpu)
{
	const struct cpumask *cores;
	bool any;

	if (!has_smt || is_express(p, tctx) || is_pinned(p) || !shares_core(cpu))
		return false;
	cores = scx_bpf_get_idle_smtmask();
	any = !bpf_cpumask_empty(cores);
	scx_bpf_put_idle_cpumask(cores);
	return any;
}

#endif
