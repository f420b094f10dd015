/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tunables: numbers that the agent may change while the program runs.
 *
 * This is memory that user space writes, so each is bounded where it is read:
 * whatever stands there, a slice ends and a price is paid in the end.
 */
#ifndef __HALLOWS_TUNABLES_BPF_H
#define __HALLOWS_TUNABLES_BPF_H

#define SLICE_MIN_NS 50000ULL
#define SLICE_MAX_NS 100000000ULL
#define NEED_MAX_NS 20000000ULL
#define EXPRESS_LIMIT_NS 10000000ULL
#define PREEMPT_GAP_LIMIT_NS 100000000ULL
#define WAIT_LIMIT_NS 100000000ULL
#define STARVED_LEAST_NS 20000000ULL
#define STARVED_MOST_NS 2000000000ULL
#define LAG_MAX_SLICES 8		/* nobody keeps a larger lead, which others would have to make up for */

/* The values here are those that let the program load by itself (veristat). */
struct tunables tunables __attribute__((aligned(64))) = {
	.slice_ns = 3000000,
	.min_slice_ns = 500000,
	.express_max_ns = 1000000,
	.preempt_gap_ns = 500000,
	.wait_max_ns = 4000000,
	.starved_ns = 500000000,
	.lag_slices = 1,
};

static __always_inline u64 at_most(u64 value, u64 high)
{
	return value > high ? high : value;
}

static __always_inline u64 bounded(u64 value, u64 low, u64 high)
{
	return value < low ? low : value > high ? high : value;
}

/* The time slice of a task that nobody asked another one for. */
static __always_inline u64 full_slice_ns(void)
{
	return bounded(tunables.slice_ns, SLICE_MIN_NS, SLICE_MAX_NS);
}

/* The shortest slice that a signal may ask for. */
static __always_inline u64 short_slice_ns(void)
{
	return bounded(tunables.min_slice_ns, SLICE_MIN_NS, SLICE_MAX_NS);
}

/* The longest slice that a signal may ask for. */
static __always_inline u64 long_slice_ns(void)
{
	return bounded(tunables.long_slice_ns, full_slice_ns(), SLICE_MAX_NS);
}

/* A task whose bursts are shorter than this is latency-critical. */
static __always_inline u64 express_max_ns(void)
{
	return at_most(tunables.express_max_ns, EXPRESS_LIMIT_NS);
}

/* The shortest time between two preemptions of hogs on a CPU. */
static __always_inline u64 preempt_gap_ns(void)
{
	return at_most(tunables.preempt_gap_ns, PREEMPT_GAP_LIMIT_NS);
}

/* What waited longer is moved whatever the move costs. */
static __always_inline u64 wait_max_ns(void)
{
	return at_most(tunables.wait_max_ns, WAIT_LIMIT_NS);
}

/*
 * What waited longer on a busy CPU's own track jumps its queue. No tunable makes
 * it wait for half as long as the kernel's watchdog.
 */
static __always_inline u64 starved_ns(void)
{
	u64 limit = at_most(watchdog_ms * 500000ULL, STARVED_MOST_NS);

	return bounded(tunables.starved_ns, STARVED_LEAST_NS, limit);
}

/* Who waits on another CPU of the LLC and is no more slices behind is left there. */
static __always_inline u64 lag_slices(void)
{
	return bounded(tunables.lag_slices, 1, LAG_MAX_SLICES - 1);
}

/* What a move over @ring has to save to be worth it. */
static __always_inline u64 need_ns(u32 ring)
{
	u64 *need = MEMBER_VPTR(tunables, .need_ns[ring]);

	return need ? bounded(*need, 0, NEED_MAX_NS) : NEED_MAX_NS;
}

/* The same for a task with a @footprint, in quarters of the usual one. */
__noinline u64 need_scaled_ns(u32 ring, u32 footprint)
{
	u64 need = need_ns(ring), h = tunables.hysteresis_ns;

	return need <= h ? need : h + (need - h) * footprint / 4;
}

/* What a move of a usual task from @from to @to has to save. */
static __always_inline u64 price_between(s32 from, s32 to)
{
	return need_ns(ring_between(from, to));
}

#endif
