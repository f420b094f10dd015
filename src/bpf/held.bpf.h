/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Held: a higher class has the CPU, real-time, deadline or the stopper, and what
 * waits on its track waits for as long as that likes.
 *
 * The kernel tells of it at each switch (sched_switch from 6.19 on), or when such
 * a class takes the CPU from one of our tasks (ops.cpu_release() before). Nobody
 * tells when it takes an *idle* CPU on the latter, or when the task that runs
 * changes its class. Whoever queues a task there notices.
 *
 * Who has the CPU is noted in a line of its own, for the agent to name.
 */
#ifndef __HALLOWS_HELD_BPF_H
#define __HALLOWS_HELD_BPF_H

struct holder holders[MAX_CPUS] __attribute__((aligned(64)));

/* @by, of a higher class, has @cpu, whose rq is locked. */
static __always_inline void note_held(s32 cpu, struct cell *cell, const struct task_struct *by, u64 now)
{
	struct holder *holder = ARRAY_ELEM_PTR(holders, cpu, MAX_CPUS);

	if (!holder)
		return;
	if (!(cell->flags & CELL_HELD))
		holder->since_ns = now;
	if (!(cell->flags & CELL_HELD) || holder->pid != by->pid) {
		holder->pid = by->pid;
		holder->prio = by->prio;
		bpf_probe_read_kernel(holder->comm, sizeof(holder->comm), by->comm);
	}
	cell->flags |= CELL_HELD;
}

/*
 * Is @p of a class that goes before ours? Not the stopper, which is gone before
 * anybody else could take over.
 */
static __always_inline bool outranks(const struct task_struct *p)
{
	if (!p->prio && (p->flags & PF_KTHREAD))
		return false;
	return p->prio < MAX_RT_PRIO || (partial && p->policy != SCHED_EXT && !(p->flags & PF_IDLE));
}

/* A task is about to queue on @cpu, whose rq is locked: who has that, if not we? */
__noinline int look_who_has(s32 cpu, u64 now)
{
	struct cell *cell = cell_of(cpu);
	struct task_struct *by;

	if (!cell)
		return 0;
	bpf_rcu_read_lock();
	by = __COMPAT_scx_bpf_cpu_curr(cpu);
	if (by && outranks(by))
		note_held(cpu, cell, by, now);
	bpf_rcu_read_unlock();
	return 0;
}

static __always_inline void notice_held(s32 cpu, u64 now)
{
	struct cell *cell = cell_of(cpu);

	if (cell && !cell->run_since_ns && !(cell->flags & CELL_HELD))
		look_who_has(cpu, now);
}

/* The agent asks how many of the tasks on a track can't leave it. */
SEC("syscall")
int hallows_look(struct held_track *at)
{
	struct task_struct *p;
	u32 bound = 0;

	bpf_rcu_read_lock();
	bpf_for_each(scx_dsq, p, track_dsq(at->cpu), 0)
		bound += is_pinned(p);
	bpf_rcu_read_unlock();
	return bound;
}

#endif
