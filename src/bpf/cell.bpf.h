/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Cells: what each CPU tells the others and the agent about itself, and what others tell it.
 *
 * A cell is written under its CPU's rq lock and the counters by their own CPU,
 * so plain stores do; readers elsewhere see each word whole and act on it as a
 * hint.
 */
#ifndef __HALLOWS_CELL_BPF_H
#define __HALLOWS_CELL_BPF_H

#define STORM_QUEUE 2	/* tasks that wait on a track where one message is answered after the other */

struct cell cells[MAX_CPUS] __attribute__((aligned(128)));
struct cell_stats cell_stats[MAX_CPUS] __attribute__((aligned(128)));
struct track_state tracks[MAX_CPUS] __attribute__((aligned(64)));

static __always_inline struct cell *cell_of(s32 cpu)
{
	return ARRAY_ELEM_PTR(cells, cpu, MAX_CPUS);
}

static __always_inline struct track_state *track_of(s32 cpu)
{
	return ARRAY_ELEM_PTR(tracks, cpu, MAX_CPUS);
}

/*
 * Counts an event (enum hallows_stat) on @cpu, which is the one that runs this code or whose
 * rq is locked. The index of a CPU needs no check that costs a branch: it is one of the kernel's.
 */
static __always_inline void count_on(s32 cpu, u32 stat)
{
	struct cell_stats *stats = &cell_stats[(u32)cpu % MAX_CPUS];
	u64 *slot = __builtin_constant_p(stat) ? &stats->count[stat] : MEMBER_VPTR(*stats, .count[stat]);

	if (slot)
		(*slot)++;
}

/* The same on the CPU that runs this code. */
static __always_inline void count(u32 stat)
{
	count_on(bpf_get_smp_processor_id(), stat);
}

static __always_inline bool cell_offline(s32 cpu)
{
	struct cell *cell = cell_of(cpu);

	return cell && cell->offline;
}

/* Does somebody else have @cpu: a higher class, or nobody, since it is offline? */
static __always_inline bool cell_held(s32 cpu)
{
	struct cell *cell = cell_of(cpu);

	return cell && ((cell->flags & CELL_HELD) || cell->offline);
}

/*
 * Is @cpu out of reach of what waits on its track? Yes while a higher class has
 * it, or it is offline. Kernels before 6.19 don't tell when such a class takes an *idle* CPU: then
 * the cell still says idle, but the idle search did not get it.
 */
static __always_inline bool cell_taken(s32 cpu)
{
	struct cell *cell = cell_of(cpu);

	return cell && ((cell->flags & (CELL_HELD | CELL_IDLE)) || cell->offline);
}

/* Does a task that is no short burst run on @cpu? */
static __always_inline bool runs_hog(s32 cpu)
{
	struct cell *cell = cell_of(cpu);

	return cell && (cell->flags & (CELL_HOG | CELL_HELD)) == CELL_HOG && !cell->offline && cell->run_since_ns;
}

/* Does a hog run on @cpu that is light? */
static __always_inline bool runs_light(s32 cpu)
{
	struct cell *cell = cell_of(cpu);

	return cell && (cell->flags & CELL_LIGHT) && runs_hog(cpu);
}

/*
 * Does a task that was taken for one of short bursts have the CPU of @cell for so much longer
 * than they usually last that it is none? To wait for the tick that notes it would take as long
 * as several bursts. Nothing is usual of one that is new, to whoever is @known; of two that are
 * new neither goes first. In a storm of messages, where several wait, it is left to finish: to
 * run many bursts in one go is what makes it fast.
 */
static __always_inline bool outstays(const struct cell *cell, bool known, u64 now)
{
	u64 usual = known && (cell->flags & CELL_NEW) ? 0 : cell->curr_avg_ns, ran;

	if (!cell->run_since_ns || (cell->flags & (CELL_KTHREAD | CELL_HELD)) || cell->offline ||
	    cell->nr_queued >= STORM_QUEUE)
		return false;
	ran = since_ns(cell->run_since_ns, now);
	return ran >= express_max_ns() / 4 && ran >= 4 * usual;
}

/* EWMA with alpha 1/4, the shift that reacts within a few samples. */
static __always_inline u32 ewma(u32 avg, u64 sample)
{
	if (sample > (1U << 30))
		sample = 1U << 30;
	return avg - (avg >> 2) + (u32)(sample >> 2);
}

/*
 * Integrates the queue length, and the time that a task runs, up to @now. The
 * length between two events is taken as the mean of what both saw.
 */
static __always_inline void cell_sample(struct cell *cell, u32 nr_queued, u64 now)
{
	u64 dt = now - cell->updated_ns;

	if (cell->updated_ns && (s64)dt > 0) {
		cell->queue_integral_ns += (cell->nr_queued + nr_queued) * dt / 2;
		if (cell->run_since_ns)
			cell->busy_ns += dt;
	}
	cell->nr_queued = nr_queued;
	cell->updated_ns = now;
}

static __always_inline u32 log2_bucket(u64 us)
{
	u32 bucket = 63 - __builtin_clzll(us | 1);

	return bucket < WAIT_BUCKETS ? bucket : WAIT_BUCKETS - 1;
}

/*
 * A task that this idle CPU was allowed to run waited elsewhere: the overlap
 * of its wait and our idleness is what work conservation lost.
 */
static __always_inline void cell_count_idle_wait(struct cell *cell, s32 cpu, u64 placed_ns, u64 now)
{
	u64 from = cell->idle_since_ns, until = cell->idle_until_ns, overlap, *bucket;
	struct cell_stats *stats;

	if (!from || !placed_ns)
		return;
	if (time_before(from, placed_ns))
		from = placed_ns;
	/* it may have left idle for a higher class long before it ran this */
	if (time_before(until, cell->idle_since_ns))
		until = now;
	overlap = until - from;
	if ((s64)overlap <= 0)
		return;
	if (overlap > cell->idle_wait_max_ns)
		cell->idle_wait_max_ns = overlap;
	stats = ARRAY_ELEM_PTR(cell_stats, cpu, MAX_CPUS);
	bucket = stats ? MEMBER_VPTR(*stats, .idle_wait[log2_bucket(overlap / 1000)]) : NULL;
	if (bucket)
		(*bucket)++;
}

#endif
