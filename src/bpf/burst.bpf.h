/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Bursts: what the length of a task's runs, from wake-up to sleep, tells.
 *
 *  - Its average is the task's class (is_express()).
 *  - How much longer bursts are that began on another CPU is what a move over
 *    that ring costs: no counter of the hardware is needed for that.
 *  - A short burst, or a small process, can't have filled much of a cache, so
 *    its moves cost less than the usual. Where a counter of the hardware may be
 *    used, it says so instead (refill.bpf.h).
 */
#ifndef __HALLOWS_BURST_BPF_H
#define __HALLOWS_BURST_BPF_H

#define FOOTPRINT_USUAL 4	/* quarters */
#define FOOTPRINT_MIN 1
#define FOOTPRINT_MAX 16
#define FOOTPRINT_PAGES 2048	/* resident pages of a usual process, 8 MiB */
#define TINY_BURST_NS 50000
#define COLD_SLEEP_NS 50000000ULL
#define LONGEST_BURSTS 16		/* times express_max_ns(): more of a burst does not count */
#define PAGE_KINDS 2		/* file and anonymous pages, the first two of rss_stat */

#define REFILL_NS 100000	/* how long after a move its misses count */
#define REFILL_USUAL 200	/* of a usual task, at 100 ns each the usual price in an LLC */

/* A run begins at the distance @ring from the last one. */
static __always_inline void burst_starts(struct task_ctx *tctx, u32 ring)
{
	if (!tctx->burst_ns)
		tctx->burst_ring = tctx->last_cpu == NO_CPU ? NR_RINGS : ring;
	else if (ring != RING_SELF)
		tctx->burst_ring = NR_RINGS;
	tctx->refilling = tctx->last_cpu != NO_CPU && ring >= RING_LLC;
}

/* Adds a whole burst to the sums, if it was short and moved at its start only. */
static __always_inline void count_burst(const struct task_ctx *tctx, s32 cpu)
{
	struct cell_stats *stats = ARRAY_ELEM_PTR(cell_stats, cpu, MAX_CPUS);
	s64 off = (s64)(tctx->burst_ns >> 10) - (tctx->avg_burst_ns >> 10);
	u64 longest = full_slice_ns() / 3, *nr, *sum, *sum_sq;
	u32 ring = tctx->burst_ring;

	if (!stats || ring >= NR_RINGS || tctx->burst_ns > longest || tctx->avg_burst_ns > longest)
		return;
	nr = MEMBER_VPTR(*stats, .bursts.nr[ring]);
	sum = MEMBER_VPTR(*stats, .bursts.sum[ring]);
	sum_sq = MEMBER_VPTR(*stats, .bursts.sum_sq[ring]);
	if (!nr || !sum || !sum_sq)
		return;
	(*nr)++;
	*sum += off;
	*sum_sq += off * off;
}

/* How much cache the task fills, by what it was seen to fill again. */
static __always_inline u32 footprint_by_refills(const struct task_ctx *tctx)
{
	return bounded((u64)tctx->refills * FOOTPRINT_USUAL / REFILL_USUAL, FOOTPRINT_MIN, FOOTPRINT_MAX);
}

/*
 * How much cache the task fills, from its resident set and its bursts. The set
 * is that of the process, read without its lock and now and then: it need not
 * be right, only of the right size.
 */
static __always_inline u32 footprint_of(const struct task_struct *p, const struct task_ctx *tctx)
{
	struct mm_struct *mm = p->mm;
	u64 quarters = FOOTPRINT_USUAL;
	s64 pages = 0;
	u32 i;

	if (tctx->knows_refills)
		return footprint_by_refills(tctx);
	if (tctx->avg_burst_ns < TINY_BURST_NS)
		return FOOTPRINT_MIN;
	if (mm && bpf_core_field_exists(mm->rss_stat[0].count)) {
		bpf_for(i, 0, PAGE_KINDS)
			pages += BPF_CORE_READ(mm, rss_stat[i].count);
		quarters = pages > 0 ? pages * FOOTPRINT_USUAL / FOOTPRINT_PAGES : 0;
	}
	return bounded(quarters, FOOTPRINT_USUAL / 2, FOOTPRINT_MAX);
}

/*
 * The average after one more burst. The first stands for all: what just began
 * need not wait behind hogs until an average has forgotten where it started. Of
 * long ones not all counts: a program that computed for seconds and now waits for
 * its user is known for that after ten short bursts, not thirty.
 */
static __always_inline u32 next_average(const struct task_ctx *tctx)
{
	u64 longest = LONGEST_BURSTS * express_max_ns(), burst;

	/* more than what would run in one go, whatever the slice */
	if (longest < whole_most_ns() + full_slice_ns())
		longest = whole_most_ns() + full_slice_ns();
	burst = at_most(tctx->burst_ns, longest);

	return tctx->nr_bursts ? ewma(tctx->avg_burst_ns, burst) : burst;
}

/*
 * A burst ends when the task goes to sleep, which a change of its attributes,
 * though it dequeues the task, is not. One longer than thought counts before.
 */
static __always_inline void burst_stops(struct task_struct *p, struct task_ctx *tctx, s32 cpu,
					bool runnable, u64 now)
{
	bool sleeps = !runnable && p->__state;

	if (sleeps)
		count_burst(tctx, cpu);
	if (sleeps || tctx->burst_ns > tctx->avg_burst_ns)
		tctx->avg_burst_ns = next_average(tctx);
	if (!sleeps)
		return;
	tctx->burst_ns = 0;
	tctx->slept_ns = now;
	if (!(tctx->nr_bursts++ % 64)) {
		tctx->footprint = footprint_of(p, tctx);
		look_at_group(p, tctx);
	}
}

/* How long others are to expect the burst to be that the task begins. */
static __always_inline u32 expected_burst(const struct task_ctx *tctx)
{
	return is_new(tctx) ? express_max_ns() / 2 : tctx->avg_burst_ns;
}

/* What a move of @p over @ring has to save now. Who slept long has a cold cache. */
static __always_inline u64 price_of(const struct task_ctx *tctx, u32 ring, u64 now)
{
	u32 footprint = tctx->footprint;

	if (footprint > FOOTPRINT_MIN && since_ns(tctx->slept_ns, now) > COLD_SLEEP_NS)
		footprint /= 2;
	return need_scaled_ns(ring, footprint);
}

#endif
