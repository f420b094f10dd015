/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Ahead: how long a task would wait on a CPU.
 */
#ifndef __HALLOWS_AHEAD_BPF_H
#define __HALLOWS_AHEAD_BPF_H

/*
 * Work ahead of a task on @cpu, in deadline order: a latency-critical one
 * overtakes a queue of hogs, so they don't count for it.
 */
__noinline u64 ahead_of_kind_ns(s32 cpu, bool express)
{
	struct cell *cell = cell_of(cpu);
	u64 run_ns, ahead = 0;

	if (!cell)
		return 0;
	if (cell_taken(cpu))
		/* longer than anybody should */
		return wait_max_ns() + 1;
	run_ns = cell->avg_run_ns < full_slice_ns() ? cell->avg_run_ns : full_slice_ns();
	if (!express || run_ns < express_max_ns())
		ahead = nr_waiting(cpu) * run_ns;
	if (!(cell->flags & CELL_HOG))
		return ahead + cell->curr_avg_ns;
	return ahead + (express ? short_slice_ns() : full_slice_ns() / 2);
}

static __always_inline u64 ahead_ns(s32 cpu, const struct task_struct *p, const struct task_ctx *tctx)
{
	return ahead_of_kind_ns(cpu, is_express(p, tctx));
}

#endif
