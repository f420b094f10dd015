/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Alone: does the agent still speak? Each decision looks at its own signal's
 * expiry; here it is told once, for the whole machine, when all of them are over
 * and when the agent is back. A line in the trace pipe says so even while the
 * agent, which has all other means, is stopped. ops.tick() looks too: after all
 * clocks have jumped the agent may speak before any CPU has to decide.
 */
#ifndef __HALLOWS_ALONE_BPF_H
#define __HALLOWS_ALONE_BPF_H

u64 alone_since_ns OWNER("rare");	/* since when BPF has been on its own, 0: it is not */
u64 nr_alone OWNER("rare");		/* how often it came to that */

/* Reads two words that hardly ever change; writes when they do. */
static __always_inline void note_agent(u64 now)
{
	u64 until = agent_word.until_ns, since = alone_since_ns;
	bool alone = until && until - now >= SIGNAL_MAX_NS;

	if (alone == !!since)
		return;
	if (__sync_val_compare_and_swap(&alone_since_ns, since, alone ? now : 0) != since)
		return;
	if (alone) {
		__sync_fetch_and_add(&nr_alone, 1);
		bpf_printk("hallows: the agent is silent: BPF schedules on its own");
	} else {
		bpf_printk("hallows: the agent is back after %llu us", since_ns(since, now) / 1000);
	}
}

#endif
