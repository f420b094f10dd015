/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Idle CPUs, searched ring by ring: the nearest first, and a ring beyond the
 * LLC only if the wait it saves is worth more than its price.
 *
 * The kernel's idle masks are used as they are; a CPU found is claimed by
 * clearing its bit, so that one waker gets it.
 */
#ifndef __HALLOWS_IDLE_BPF_H
#define __HALLOWS_IDLE_BPF_H

struct OWNER("rare") span {
	struct bpf_cpumask __kptr *mask;
};

/* One mask for each LLC, for each node, and a scratch one for each CPU. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MAX_LLCS);
	__type(key, u32);
	__type(value, struct span);
} llc_spans SEC(".maps"), node_spans SEC(".maps"), scratch_spans SEC(".maps");

static __always_inline struct span *llc_span(u32 llc)
{
	return bpf_map_lookup_elem(&llc_spans, &llc);
}

/* Puts a new mask into slot @at of @map, or keeps the one that is there. */
static __always_inline int span_create(void *map, u32 at)
{
	struct bpf_cpumask *mask;
	struct span *span = bpf_map_lookup_elem(map, &at);

	if (!span)
		return -EINVAL;
	mask = bpf_cpumask_create();
	if (!mask)
		return -ENOMEM;
	mask = bpf_kptr_xchg(&span->mask, mask);
	if (mask)
		bpf_cpumask_release(mask);
	return 0;
}

/* Puts @cpu into the mask in slot @at of @map, or takes it out. */
static __always_inline void span_put(void *map, u32 at, s32 cpu, bool in)
{
	struct span *span = bpf_map_lookup_elem(map, &at);
	struct bpf_cpumask *mask;

	if (!span)
		return;
	bpf_rcu_read_lock();
	mask = span->mask;
	if (mask && in)
		bpf_cpumask_set_cpu(cpu, mask);
	else if (mask)
		bpf_cpumask_clear_cpu(cpu, mask);
	bpf_rcu_read_unlock();
}

/*
 * Claims an idle CPU of @span that @p may use; a whole idle core if there is one, by @flags
 * nothing else. Those who call it are verified once each (mask.bpf.h).
 */
static __always_inline s32 pick_idle_in(const struct task_struct *p, struct span *span, u64 flags)
{
	u32 here = bpf_get_smp_processor_id();
	const struct cpumask *allowed = p->cpus_ptr;
	struct bpf_cpumask *mask, *both;
	struct span *scratch;

	if (!span)
		return -ENOENT;
	mask = span->mask;
	if (!mask)
		return -ENOENT;
	if (bpf_cpumask_subset(cast_mask(mask), allowed))
		return scx_bpf_pick_idle_cpu(cast_mask(mask), flags);
	scratch = bpf_map_lookup_elem(&scratch_spans, &here);
	if (!scratch)
		return -ENOENT;
	both = scratch->mask;
	if (!both || !bpf_cpumask_and(both, allowed, cast_mask(mask)))
		return -EBUSY;
	return scx_bpf_pick_idle_cpu(cast_mask(both), flags);
}

__noinline s32 pick_idle_in_llc(const struct task_struct *p __arg_trusted, u32 llc)
{
	return pick_idle_in(p, llc_span(llc), 0);
}

__noinline s32 pick_idle_in_node(const struct task_struct *p __arg_trusted, u32 node)
{
	return pick_idle_in(p, bpf_map_lookup_elem(&node_spans, &node), 0);
}

/* May @p use every CPU of @llc? */
__noinline bool has_whole_llc(const struct task_struct *p __arg_trusted, u32 llc)
{
	struct span *span = llc_span(llc);
	struct bpf_cpumask *mask;

	if (!span)
		return false;
	mask = span->mask;
	return mask && bpf_cpumask_subset(cast_mask(mask), p->cpus_ptr);
}

/* Does any CPU of @llc idle, or if asked for a whole core of it? Nothing is claimed. */
static __always_inline bool has_idle(u32 llc, bool core)
{
	struct span *span = llc_span(llc);
	const struct cpumask *idle;
	struct bpf_cpumask *mask;
	bool any;

	if (!span)
		return false;
	mask = span->mask;
	if (!mask)
		return false;
	idle = core ? scx_bpf_get_idle_smtmask() : scx_bpf_get_idle_cpumask();
	any = bpf_cpumask_intersects(idle, cast_mask(mask));
	scx_bpf_put_idle_cpumask(idle);
	return any;
}

/* Claims an idle CPU of @home's LLC, whatever it costs. */
static __always_inline s32 pick_idle_llc(const struct task_struct *p, s32 home)
{
	u32 llc = llc_of(home);

	/* one LLC is the machine: the task's own mask says it all */
	if (nr_llcs == 1 || llc >= MAX_LLCS)
		return pick_idle_allowed(p);
	return pick_idle_in_llc(p, llc);
}

/*
 * Claims an idle CPU beyond @home's LLC, at most as far as waiting
 * @wait_saved_ns at home is worth. The search starts at the ring @idle_lvl,
 * below which the agent saw nobody hungry; who would wait longer than anybody
 * should does not believe that, since the agent saw it a window ago.
 */
static __always_inline s32 pick_idle_far(const struct task_struct *p, const struct task_ctx *tctx, s32 home,
					 u64 wait_saved_ns, u32 idle_lvl, u64 now)
{
	const volatile struct cpu_place *place = place_of(home);
	bool urgent = wait_saved_ns > wait_max_ns();
	s32 cpu;

	if (!place || place->llc >= MAX_LLCS)
		return -EBUSY;
	if (urgent || (idle_lvl <= RING_NODE && wait_saved_ns > price_of(tctx, RING_NODE, now))) {
		cpu = pick_idle_in_node(p, place->node);
		if (cpu >= 0)
			return cpu;
	}
	if (many_nodes &&
	    (urgent || (idle_lvl <= RING_MACHINE && wait_saved_ns > price_of(tctx, RING_MACHINE, now))))
		return pick_idle_allowed(p);
	return -EBUSY;
}

/*
 * Counts that @p, which was at @from, found @cpu idle; and what that means for
 * its way to the LLC @home of its group, if it was away.
 */
static __always_inline void count_idle(const struct task_struct *p, const struct task_ctx *tctx, u32 home,
				       s32 from, s32 cpu, u64 now)
{
	bool was_away = is_away(home, from), arrives = was_away && !is_away(home, cpu);

	count(STAT_IDLE_SELF + ring_between(from, cpu));
	decision("%d found CPU %d idle, was at %d", p->pid, cpu, from);
	explain(p, tctx, arrives ? WHY_HOME_IDLE : WHY_IDLE, from, cpu, 0);
	if (!was_away)
		return;
	move_requested(MOVE_HOME, 1);
	if (arrives)
		move_applied(MOVE_HOME);
	else
		move_rejected(MOVE_HOME, REJECT_GONE);
}

#endif
