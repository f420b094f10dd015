/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Hotplug: CPUs come and go while scheduling goes on.
 *
 * A CPU that went offline keeps its place in the tables and looks like one that a
 * higher class has: its track is left alone by who queues, and open to who looks
 * for work. What waited there when it went is handed to the kernel, each task in
 * the local queue of the CPU that it is counted on: such a move is always legal,
 * and from the dying CPU the kernel sends a task to where it may run, widening a
 * mask that names no other CPU.
 *
 * A CPU that was busy queueing when the mark was set may queue there after that.
 * What it left behind is swept up a little later, by whichever CPU dispatches.
 */
#ifndef __HALLOWS_HOTPLUG_BPF_H
#define __HALLOWS_HOTPLUG_BPF_H

#define SWEEP_AFTER_NS 20000000ULL	/* longer than any callback takes */

u64 nr_hotplugs OWNER("rare");	/* how often a CPU came or went; the agent follows it */
u64 sweep_at_ns OWNER("rare");	/* when to look for what was left behind, 0: never */

/* The masks of LLC and node that @cpu, which has a place, is in while it is online. */
static __always_inline void spans_put(s32 cpu, bool in)
{
	const volatile struct cpu_place *place = place_of(cpu);

	if (!place || place->llc >= MAX_LLCS)
		return;
	span_put(&llc_spans, place->llc, cpu, in);
	span_put(&node_spans, place->node, cpu, in);
}

/* Hands what waits in @dsq to the CPUs that the tasks are counted on: of all, or of CPUs that are offline. */
static __always_inline void drain(u64 dsq, bool all)
{
	struct task_struct *p;

	bpf_rcu_read_lock();
	bpf_for_each(scx_dsq, p, dsq, 0)
		if ((all || cell_offline(scx_bpf_task_cpu(p))) &&
		    scx_bpf_dsq_move(BPF_FOR_EACH_ITER, p, SCX_DSQ_LOCAL_ON | scx_bpf_task_cpu(p), 0))
			count(STAT_RESCUE_OFFLINE);
	bpf_rcu_read_unlock();
}

/* Is no CPU of @llc online? Walks all of them. */
static __always_inline bool llc_offline(u32 llc)
{
	u32 nr_cpus = nr_cpus_of(llc), slot;

	bpf_for(slot, 0, nr_cpus)
		if (!cell_offline(cpu_in_slot(llc, slot)))
			return false;
	return true;
}

/* Drains the track of @cpu, and the express track of an LLC that has lost its last CPU. */
static __noinline int drain_offline(s32 cpu)
{
	u32 llc = llc_of(cpu);

	if (nr_waiting(cpu))
		drain(track_dsq(cpu), true);
	if (llc < MAX_LLCS && nr_express(llc) && llc_offline(llc))
		drain(express_dsq(llc), true);
	return 0;
}

/* The same for the emergency queue: who is counted on a CPU that left may have lost the last of its mask. */
static __noinline int drain_emergency(void)
{
	if (emergency)
		drain(EMERGENCY_DSQ, false);
	return 0;
}

/* @cpu is there, with or without a place. */
static __always_inline void arrive(s32 cpu)
{
	struct cell *cell = cell_of(cpu);

	if (!cell)
		return;
	cell->pace_ns = 0;
	cell->offline = 0;
	spans_put(cpu, true);
}

static __always_inline void leave(s32 cpu, u64 now)
{
	struct cell *cell = cell_of(cpu);

	if (!cell)
		return;
	cell->offline = 1;
	spans_put(cpu, false);
	drain_offline(cpu);
	drain_emergency();
	sweep_at_ns = now + SWEEP_AFTER_NS;
}

static __noinline int sweep_all(void)
{
	s32 cpu;

	bpf_for(cpu, 0, nr_cpu_ids)
		if (cell_offline(cpu))
			drain_offline(cpu);
	return drain_emergency();
}

/* Looks once more at the tracks of all CPUs that are offline, if it is time. */
static __always_inline void sweep(u64 now)
{
	u64 at = sweep_at_ns;

	if (at && !time_before(now, at) && __sync_val_compare_and_swap(&sweep_at_ns, at, 0) == at)
		sweep_all();
}

/*
 * Gives @cpu a place, at the end of @peer's LLC. Who reads while the LLCs behind
 * it move on by one meets a CPU of a neighbouring LLC, which costs a look.
 */
static __always_inline int settle(u32 cpu, u32 peer, u32 core)
{
	struct cpu_place *mine = ARRAY_ELEM_PTR(cpu_places, cpu, MAX_CPUS);
	struct cpu_place *at = ARRAY_ELEM_PTR(cpu_places, peer, MAX_CPUS);
	struct llc_place *home, *next;
	u16 *from, *to;
	u32 end, i;

	if (!mine || !at || mine->llc < MAX_LLCS)
		return -EINVAL;
	home = ARRAY_ELEM_PTR(llc_places, at->llc, MAX_LLCS);
	if (!home)
		return -EINVAL;
	end = home->first + home->nr_cpus;
	bpf_for(i, end, nr_placed) {
		from = ARRAY_ELEM_PTR(llc_cpus, nr_placed - 1 - (i - end), MAX_CPUS);
		to = ARRAY_ELEM_PTR(llc_cpus, nr_placed - (i - end), MAX_CPUS);
		if (from && to)
			*to = *from;
	}
	bpf_for(i, at->llc + 1, nr_llcs) {
		next = ARRAY_ELEM_PTR(llc_places, i, MAX_LLCS);
		if (next)
			next->first++;
	}
	to = ARRAY_ELEM_PTR(llc_cpus, end, MAX_CPUS);
	if (!to)
		return -EINVAL;
	*to = cpu;
	mine->node = at->node;
	mine->slot = home->nr_cpus;
	mine->core = core;
	join_core(cpu, core);
	mine->llc = at->llc;
	home->nr_cpus++;
	nr_placed++;
	if (!cell_offline(cpu))
		spans_put(cpu, true);
	return 0;
}

/* The agent's word about a CPU that was offline when the program loaded. */
SEC("syscall")
int hallows_place(struct newcomer *who)
{
	return settle(who->cpu, who->peer, who->core);
}

/* The masks and the queues of one CPU. */
static int init_cpu(s32 cpu)
{
	struct cell *cell = cell_of(cpu);
	int err;

	if (!cell)
		return -EINVAL;
	err = scx_bpf_create_dsq(track_dsq(cpu), -1);
	if (!err)
		err = span_create(&scratch_spans, cpu);
	if (err)
		return err;
	/* nobody is to find no orders at all */
	read_orders(cpu, scx_bpf_now());
	cell->patrol = cpu; /* each CPU begins elsewhere */
	/* who has a place was online at load */
	cell->offline = llc_of(cpu) >= MAX_LLCS;
	if (!cell->offline)
		spans_put(cpu, true);
	return 0;
}

#endif
