/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tracks: the queues that work waits on.
 *
 * Each CPU has a track, a DSQ ordered by virtual deadline on the CPU's own
 * clock. Each LLC has an express track, ordered by real-time deadline, for
 * latency-critical tasks that any of its CPUs should take.
 *
 * A yard says which tracks of an LLC hold work that others may take. A bit is
 * set by whoever queues the work and cleared by the track's own CPU alone, since
 * the insertion that ops.enqueue() asks for happens after it returns, under the
 * lock of the task's CPU: a thief can't tell an empty track from one about to be
 * filled. A stale bit costs a thief one look at the queue's length. The owner
 * can still clear a bit too early when another CPU queues on its track: if it idles
 * that CPU kicks it afterwards, and if it is busy its tick sets the bit again.
 */
#ifndef __HALLOWS_TRACK_BPF_H
#define __HALLOWS_TRACK_BPF_H

#define CROWD 64	/* tasks on a track, beyond which none runs for more than a usual slice in one go */

struct yard yards[MAX_LLCS] __attribute__((aligned(64)));

static __always_inline u64 track_dsq(s32 cpu)
{
	return cpu;
}

static __always_inline u64 express_dsq(u32 llc)
{
	return MAX_CPUS + llc;
}

static __always_inline u32 nr_waiting(s32 cpu)
{
	s32 nr = scx_bpf_dsq_nr_queued(track_dsq(cpu));

	return nr > 0 ? nr : 0;
}

static __always_inline u32 nr_express(u32 llc)
{
	s32 nr = scx_bpf_dsq_nr_queued(express_dsq(llc));

	return nr > 0 ? nr : 0;
}

static __always_inline struct yard *yard_of(u32 llc)
{
	return ARRAY_ELEM_PTR(yards, llc, MAX_LLCS);
}

/*
 * How long the track of @cpu has not moved; or the work on it, if that is more
 * than anybody should wait for: a long track that many drain moves all the time,
 * and would look fresh to each of them.
 */
__noinline u64 track_age(s32 cpu, u64 now)
{
	struct track_state *track = track_of(cpu);
	struct cell *cell = cell_of(cpu);
	u64 since = track ? track->since_ns : 0, run_ns, ahead;

	if (cell) {
		run_ns = cell->avg_run_ns < full_slice_ns() ? cell->avg_run_ns : full_slice_ns();
		ahead = nr_waiting(cpu) * run_ns;
		if (ahead > wait_max_ns())
			return ahead;
	}
	return since && time_before(since, now) ? now - since : 0;
}

/* How long the express track of @llc has not moved, 0: nobody waits there. */
static __always_inline u64 express_age(u32 llc, u64 now)
{
	struct yard *yard = yard_of(llc);

	if (!yard || !nr_express(llc))
		return 0;
	if (!yard->express_since_ns)
		/* found empty in the moment in which somebody came */
		yard->express_since_ns = now;
	return since_ns(yard->express_since_ns, now);
}

/*
 * Does the express track of @llc wait, without having moved, for a quarter of what a short burst may
 * take? A hint for those who ask at each wake-up: a tick makes it right at the latest.
 */
static __always_inline bool express_presses(u32 llc)
{
	struct yard *yard = yard_of(llc);
	u64 since = yard ? yard->express_since_ns : 0;

	return since && since_ns(since, scx_bpf_now()) > express_max_ns() / 4;
}

/* Nobody waits on the express track of @yard; who is about to has only just said so. */
static __always_inline void express_empty(struct yard *yard, u64 now)
{
	u64 since = yard ? yard->express_since_ns : 0;

	if (since && since_ns(since, now) > express_max_ns() / 8)
		__sync_val_compare_and_swap(&yard->express_since_ns, since, 0);
}

/*
 * The express track of @yard moved, or began to wait: its age starts again. To a sixteenth of what
 * a short burst may take: any CPU writes this line, so none does for each task.
 */
static __always_inline void express_moved(struct yard *yard, u64 now)
{
	u64 since = yard->express_since_ns;

	if (!since || since_ns(since, now) > express_max_ns() / 16)
		yard->express_since_ns = now;
}

/* Has the track of @cpu not moved for longer than anybody should wait? */
static __always_inline bool track_stands(s32 cpu, u64 now)
{
	struct track_state *track = track_of(cpu);

	return track && since_ns(track->since_ns, now) > wait_max_ns();
}

/* A track moved, or began to wait: its age starts again. */
static __always_inline void track_moved(s32 cpu, u64 now)
{
	struct track_state *track = track_of(cpu);

	if (track)
		track->since_ns = now;
}

/*
 * Lets @cpu look for whom ops.enqueue() queues on its track from another CPU. SCX_KICK_IDLE
 * would be forgotten at once while that CPU is busy. It might go idle before the kernel gets
 * to queue the task, which is after ops.enqueue() has returned, and nobody would know of it.
 */
static __always_inline void alert(s32 cpu)
{
	scx_bpf_kick_cpu(cpu, 0);
}

/* Asks whoever runs on @cpu to make way for somebody who waits there or near. */
static __always_inline void make_way(s32 cpu)
{
	struct track_state *track = track_of(cpu);

	if (track)
		track->make_way = 1;
	scx_bpf_kick_cpu(cpu, SCX_KICK_PREEMPT);
}

/* Was whoever ran on @cpu until now asked to? */
static __always_inline bool made_way(s32 cpu)
{
	struct track_state *track = track_of(cpu);

	if (!track || !track->make_way)
		return false;
	track->make_way = 0;
	return true;
}

/*
 * nr_waiting() for those who ask often about the CPU that they are on, and need
 * no right answer: to find a DSQ takes as long as all else that they do. Who finds
 * none saves the next one the look. Like a bit of a yard the hint may be lost for a
 * moment, until the tick.
 */
static __always_inline u32 nr_waiting_hint(s32 cpu)
{
	struct track_state *track = track_of(cpu);
	u32 nr;

	if (!track || !track->waits)
		return 0;
	nr = nr_waiting(cpu);
	if (!nr)
		track->waits = false;
	return nr;
}

/* Notes that one comes to wait on @cpu's track whose slice was over, and who does not sleep soon. */
static __always_inline void note_tireless(s32 cpu, const struct task_ctx *tctx, u64 now)
{
	struct track_state *track = track_of(cpu);

	if (!track || tctx->slept_ns || !is_tireless(tctx))
		return;
	if (!track->tireless_ns || since_ns(track->tireless_ns, now) > starved_ns() / 4)
		track->tireless_ns = now;
}

/* Notes for the hint whether anything waits on @cpu's track; tests before it writes. */
static __always_inline void track_waits(s32 cpu, bool waits)
{
	struct track_state *track = track_of(cpu);

	if (track && track->waits != waits)
		track->waits = waits;
}

enum yard_bits {
	YARD_WAITING,
	YARD_HELD,
};

static __always_inline u64 *yard_word(struct yard *yard, enum yard_bits bits, u32 slot)
{
	return bits == YARD_WAITING ? MEMBER_VPTR(*yard, .waiting[slot / 64]) :
				      MEMBER_VPTR(*yard, .held[slot / 64]);
}

/* Tests before it writes: most of the time the bit is as it should be. */
static __always_inline void yard_set(s32 cpu, enum yard_bits bits, bool on)
{
	const volatile struct cpu_place *place = place_of(cpu);
	struct yard *yard = yard_of(llc_of(cpu));
	u64 *word, bit;

	if (!yard || !place)
		return;
	word = yard_word(yard, bits, place->slot);
	if (!word)
		return;
	bit = 1ULL << (place->slot % 64);
	if (on && !(*word & bit))
		__sync_fetch_and_or(word, bit);
	else if (!on && (*word & bit))
		__sync_fetch_and_and(word, ~bit);
}

/*
 * The slot of the first CPU of @llc at or after @from, going round, whose bit is set; -1 if
 * there is none. Its own program to the verifier, as many look for one.
 */
__noinline s32 yard_next(u32 llc, enum yard_bits bits, u32 from)
{
	u32 nr_cpus = nr_cpus_of(llc), nr_words = (nr_cpus + 63) / 64, i, at;
	struct yard *yard = yard_of(llc);
	u64 *word, set;

	if (!yard)
		return -1;
	if (from >= nr_cpus)
		from = 0;
	if (nr_words < 2) {
		set = yard->waiting[0];
		if (bits == YARD_HELD)
			set = yard->held[0];
		if (set >> from)
			set = set >> from << from;
		return set ? __builtin_ctzll(set) : -1;
	}
	/* the first word is met twice: its high part first, its low part last */
	bpf_for(i, 0, CPU_WORDS + 1) {
		if (i > nr_words)
			break;
		at = from / 64 + i;
		if (at >= nr_words)
			at -= nr_words;
		word = yard_word(yard, bits, at * 64);
		if (!word)
			break;
		set = *word;
		if (i == 0)
			set &= ~0ULL << (from % 64);
		if (set)
			return at * 64 + __builtin_ctzll(set);
	}
	return -1;
}

/* All of these bits in one word; beyond 64 CPUs they overlap. */
static __always_inline u64 yard_fold(struct yard *yard, enum yard_bits bits, u32 nr_cpus)
{
	u64 *word = yard_word(yard, bits, 0), fold = word ? *word : 0;
	u32 nr_words = (nr_cpus + 63) / 64, i;

	if (nr_words < 2)
		return fold;
	bpf_for(i, 1, CPU_WORDS) {
		if (i >= nr_words)
			break;
		word = yard_word(yard, bits, i * 64);
		if (word)
			fold |= *word;
	}
	return fold;
}

/* Does anybody wait on a track of @llc whom others may take? */
static __always_inline bool somebody_waits(u32 llc)
{
	struct yard *yard = yard_of(llc);

	return yard && yard_fold(yard, YARD_WAITING, nr_cpus_of(llc));
}

/*
 * A wait lasts until the task runs, as the kernel's watchdog counts it: to be queued anew, since its
 * mask, its weight or its place changed, does not begin another.
 */
static __always_inline void begin_wait(struct task_ctx *tctx, u64 now)
{
	if (!tctx->queued_ns)
		tctx->queued_ns = now;
	tctx->placed_ns = now;
}

/*
 * Queues @p on the track of @cpu, ordered on that CPU's clock; if that CPU is
 * offline, where @p is: the kernel asks about tasks of online CPUs only.
 */
__noinline int queue_on_track(struct task_struct *p __arg_trusted, struct task_ctx *tctx __arg_nonnull,
			      s32 cpu, u64 slice, u64 enq_flags)
{
	u64 now = scx_bpf_now(), most;
	u32 nr;

	if (cell_offline(cpu))
		cpu = scx_bpf_task_cpu(p);
	nr = nr_waiting_hint(cpu);
	most = nr < CROWD ? SLICE_MAX_NS : full_slice_ns();
	rest(p, tctx, now);
	rebase_vtime(p, tctx, cpu);
	begin_wait(tctx, now);
	tctx->on_express = tctx->out_of_turn = false;
	scx_bpf_dsq_insert_vtime(p, track_dsq(cpu), at_most(whole_slice(tctx, slice), most),
				 deadline_of(p, tctx, slice), enq_flags);
	if (!nr)
		track_moved(cpu, now);
	track_waits(cpu, true);
	note_tireless(cpu, tctx, now);
	if (!is_pinned(p))
		yard_set(cpu, YARD_WAITING, true);
	count(STAT_ENQ_TRACK);
	decision("%d waits on the track of CPU %d", p->pid, cpu);
	return 0;
}

/* The same on a CPU that nobody claimed for it: others may have to help. */
static __always_inline void queue_behind(struct task_struct *p, struct task_ctx *tctx, s32 cpu,
					 u64 slice, u64 enq_flags)
{
	queue_on_track(p, tctx, cpu, slice, enq_flags);
	if (cell_taken(cpu))
		yard_set(cpu, YARD_HELD, true);
}

/*
 * Queues @p where every CPU of @llc takes it before its own track. The keys of
 * this queue are real time: how soon a burst as short as its own should start.
 */
__noinline int queue_on_express(struct task_struct *p __arg_trusted, struct task_ctx *tctx __arg_nonnull,
				u32 llc, u64 slice, u64 enq_flags)
{
	struct yard *yard = yard_of(llc);
	u64 now = scx_bpf_now();

	begin_wait(tctx, now);
	tctx->on_express = true;
	tctx->out_of_turn = false;
	scx_bpf_dsq_insert_vtime(p, express_dsq(llc), slice,
				 now + to_vtime(p, tctx, tctx->avg_burst_ns), enq_flags);
	if (yard && !nr_express(llc))
		express_moved(yard, now);
	count(STAT_ENQ_EXPRESS);
	decision("%d waits on the express track of LLC %u", p->pid, llc);
	return 0;
}

#endif
