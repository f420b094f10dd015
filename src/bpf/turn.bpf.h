/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Turns: how runs begin. Who slept waited for it so long, and who did not was
 * made to stop before and goes on here or farther away. From these the agent
 * sees whether its signals hurt, which it can't from the cells.
 */
#ifndef __HALLOWS_TURN_BPF_H
#define __HALLOWS_TURN_BPF_H

/* @tctx runs on @cpu from @now on, at the distance @ring from where it last ran. */
static __always_inline void count_turn(const struct task_ctx *tctx, s32 cpu, u32 ring, u64 now)
{
	struct cell_stats *stats = ARRAY_ELEM_PTR(cell_stats, cpu, MAX_CPUS);
	u32 *slot = NULL;

	if (!stats)
		return;
	if (tctx->slept_ns)
		slot = MEMBER_VPTR(*stats, .turns.woken[log2_bucket(since_ns(tctx->queued_ns, now) / 1000)]);
	else if (tctx->last_cpu != NO_CPU)
		slot = MEMBER_VPTR(*stats, .turns.resumed[ring]);
	if (slot)
		(*slot)++;
}

#endif
