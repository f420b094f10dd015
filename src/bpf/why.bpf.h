/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Why: the decisions about one task, for whoever asks.
 *
 * Nobody asks most of the time: then each decision costs the test of a word that
 * never changes.
 */
#ifndef __HALLOWS_WHY_BPF_H
#define __HALLOWS_WHY_BPF_H

u64 why_lost OWNER("rare");	/* decisions that found no room in the ring buffer */

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 256 * 1024);
} whys SEC(".maps");

/* Where the last task that a CPU dispatched came from. Written by that CPU. */
struct OWNER("each-cpu") source {
	u16 stat;
	u16 from;
	u16 stop;
	u16 _pad[29];
};

struct source sources[MAX_CPUS] __attribute__((aligned(64)));

static __always_inline bool asked(const struct task_struct *p)
{
	return agent_word.why_pid && (u32)p->pid == agent_word.why_pid;
}

/* Counts a dispatch on the CPU that runs this code, from the track of @from. */
static __always_inline void count_dispatch(enum hallows_stat stat, s32 from, u32 stop)
{
	struct source *source;

	count(stat);
	if (!agent_word.why_pid)
		return;
	source = ARRAY_ELEM_PTR(sources, bpf_get_smp_processor_id(), MAX_CPUS);
	if (source) {
		source->stat = stat;
		source->from = from;
		source->stop = stop;
	}
}

/* Nobody is woken up: whoever asked comes to look. */
static __always_inline int tell(struct why_event *event)
{
	if (bpf_ringbuf_output(&whys, event, sizeof(*event), BPF_RB_NO_WAKEUP))
		__sync_fetch_and_add(&why_lost, 1);
	return 0;
}

/*
 * Tells of a placement. @what is the task's id, above 32 bits of why; @trip has
 * the CPUs and the home, 16 bits each from the lowest: from, cpu, home. Its own
 * program to the verifier, since it is called from everywhere.
 */
__noinline int tell_placed(u64 what, u64 trip, u64 saved_ns, u64 price_ns, u64 now)
{
	struct why_event event = {};

	event.at_ns = now;
	event.saved_ns = saved_ns;
	event.price_ns = price_ns;
	event.pid = what >> 32;
	event.why = what;
	event.from = trip;
	event.cpu = trip >> 16;
	event.home = trip >> 32;
	return tell(&event);
}

/* The same of a run, which began on the CPU where this is called; @what has @queued below. */
__noinline int tell_run(u64 what, u64 trip, u64 waited_ns, u64 price_ns, u64 now)
{
	struct source *source = ARRAY_ELEM_PTR(sources, bpf_get_smp_processor_id(), MAX_CPUS);
	struct why_event event = {};

	if (!source)
		return 0;
	event.at_ns = now;
	event.waited_ns = waited_ns;
	event.price_ns = price_ns;
	event.pid = what >> 32;
	event.why = WHY_RUN;
	event.source = (u32)what ? source->stat : NR_HALLOWS_STATS;
	event.from = (u32)what ? source->from : trip;
	event.stop = source->stop;
	event.cpu = trip >> 16;
	event.home = trip >> 32;
	return tell(&event);
}

static __always_inline u64 trip_of(const struct task_ctx *tctx, s32 from, s32 cpu)
{
	return (u16)from | (u64)(u16)cpu << 16 | (u64)tctx->home_llc << 32;
}

/* @p was at @from and is placed at @cpu, which saves it @saved_ns of waiting. */
static __always_inline void explain(const struct task_struct *p, const struct task_ctx *tctx,
				    enum hallows_why why, s32 from, s32 cpu, u64 saved_ns)
{
	u64 now;

	if (!asked(p))
		return;
	now = scx_bpf_now();
	tell_placed((u64)p->pid << 32 | why, trip_of(tctx, from, cpu), saved_ns,
		    price_of(tctx, ring_between(from, cpu), now), now);
}

/* @p begins to run on @cpu. */
static __always_inline void explain_run(const struct task_struct *p, const struct task_ctx *tctx, s32 cpu, u64 now)
{
	if (asked(p))
		tell_run((u64)p->pid << 32 | !!tctx->queued_ns, trip_of(tctx, tctx->last_cpu, cpu), since_ns(tctx->queued_ns, now),
			 price_of(tctx, ring_between(tctx->last_cpu, cpu), now), now);
}

#endif
