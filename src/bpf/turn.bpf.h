/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Turns: how runs begin. Who slept waited for it so long, and who did not was
 * made to stop before and goes on here or farther away. From these the agent
 * sees whether its signals hurt, which it can't from the cells. They are counted
 * while it looks.
 */
#ifndef __HALLOWS_TURN_BPF_H
#define __HALLOWS_TURN_BPF_H

/*
 * A run begins on @cpu, at the distance @ring from the last one: of a task that
 * slept and then waited for @waited_ns, or of one that goes on.
 */
__noinline int count_turn(s32 cpu, bool slept, u64 waited_ns, u32 ring)
{
	struct cell_stats *stats = ARRAY_ELEM_PTR(cell_stats, cpu, MAX_CPUS);
	u32 *slot;

	if (!stats)
		return 0;
	slot = slept ? MEMBER_VPTR(*stats, .turns.woken[log2_bucket(waited_ns / 1000)]) :
		       MEMBER_VPTR(*stats, .turns.resumed[ring]);
	if (slot)
		(*slot)++;
	return 0;
}

#endif
