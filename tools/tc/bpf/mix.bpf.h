/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Mixes: who works, for how long, and who wakes whom.
 */
#ifndef __TC_MIX_BPF_H
#define __TC_MIX_BPF_H

#define TC_FOREVER (1ULL << 62)
#define US 1000ULL

/* So many tasks of one kind; times vary by a half of themselves to either side. */
struct tc_kind {
	u32 nr;
	u32 burst_us;		/* 0: it never sleeps */
	u32 sleep_us;
	u32 weight;
	bool pairs;		/* each wakes the next, which wakes it */
	bool bound;		/* to the CPU where it is */
};

#define TC_KINDS 4
#define TC_MIXES 4

struct tc_mix {
	struct tc_kind kinds[TC_KINDS];
};

const volatile struct tc_mix tc_mixes[TC_MIXES] = {
	/* wake-ups: most CPUs idle, bursts are short */
	{ { { .nr = 18, .burst_us = 60, .sleep_us = 400, .weight = 100 },
	    { .nr = 6, .burst_us = 25, .sleep_us = 80, .weight = 100, .pairs = true },
	    { .nr = 2, .burst_us = 300, .sleep_us = 900, .weight = 100, .bound = true } } },
	/* a crowd: more hogs than CPUs, and short bursts among them */
	{ { { .nr = 14, .weight = 100 },
	    { .nr = 16, .burst_us = 150, .sleep_us = 3000, .weight = 100 },
	    { .nr = 4, .burst_us = 4000, .sleep_us = 6000, .weight = 200 } } },
	/* held out: fewer hogs than CPUs, work in the middle, pairs, other weights */
	{ { { .nr = 5, .weight = 100 },
	    { .nr = 8, .burst_us = 1800, .sleep_us = 3500, .weight = 50 },
	    { .nr = 20, .burst_us = 90, .sleep_us = 1200, .weight = 100, .pairs = true },
	    { .nr = 3, .burst_us = 200, .sleep_us = 2500, .weight = 100, .bound = true } } },
	/* bound: nobody may go anywhere */
	{ { { .nr = 12, .weight = 100, .bound = true },
	    { .nr = 16, .burst_us = 200, .sleep_us = 3000, .weight = 300, .bound = true } } },
};

/* Which of them runs: written before the program first runs. */
u32 tc_mix = 0;

/* About @us, as nanoseconds. */
TC_INLINE u64 tc_about(u64 us)
{
	return us * US / 2 + tc_random() % (us * US + 1);
}

#endif
