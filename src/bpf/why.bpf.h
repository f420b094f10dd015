/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Why: the decisions about one task, for whoever asks.
 *
 * Nobody asks most of the time: then each decision costs the test of a word that
 * never changes.
 */
#ifndef __HALLOWS_WHY_BPF_H
#define __HALLOWS_WHY_BPF_H

u32 why_pid;	/* whose decisions to tell, 0: nobody's. Written by the agent. */

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 256 * 1024);
} whys SEC(".maps");

/* Where the last task that a CPU dispatched came from. Written by that CPU. */
struct source {
	u16 stat;
	u16 from;
	u16 stop;
};

struct source sources[MAX_CPUS];

static __always_inline bool asked(const struct task_struct *p)
{
	return why_pid && (u32)p->pid == why_pid;
}

/* Counts a dispatch on the CPU that runs this code, from the track of @from. */
static __always_inline void count_dispatch(enum hallows_stat stat, s32 from, u32 stop)
{
	struct source *source;

	count(stat);
	if (!why_pid)
		return;
	source = ARRAY_ELEM_PTR(sources, bpf_get_smp_processor_id(), MAX_CPUS);
	if (source) {
		source->stat = stat;
		source->from = from;
		source->stop = stop;
	}
}

static __always_inline void tell(const struct why_event *event)
{
	bpf_ringbuf_output(&whys, (void *)event, sizeof(*event), 0);
}

/* @p was at @from and is placed at @cpu. */
static __always_inline void explain(const struct task_struct *p, const struct task_ctx *tctx,
				    enum hallows_why why, s32 from, s32 cpu, u64 saved_ns, u64 now)
{
	struct why_event event = {};

	if (!asked(p))
		return;
	event.at_ns = now;
	event.saved_ns = saved_ns;
	event.price_ns = price_of(tctx, ring_between(from, cpu), now);
	event.pid = p->pid;
	event.why = why;
	event.from = from;
	event.cpu = cpu;
	event.home = tctx->home_llc;
	tell(&event);
}

/* @p begins to run on @cpu; @waited_ns: since it was queued. */
static __always_inline void explain_run(const struct task_struct *p, const struct task_ctx *tctx, s32 cpu,
					u64 waited_ns, u64 now)
{
	struct why_event event = {};
	struct source *source;

	if (!asked(p))
		return;
	source = ARRAY_ELEM_PTR(sources, cpu, MAX_CPUS);
	if (!source)
		return;
	event.at_ns = now;
	event.waited_ns = waited_ns;
	event.price_ns = price_of(tctx, ring_between(tctx->last_cpu, cpu), now);
	event.pid = p->pid;
	event.why = WHY_RUN;
	event.source = tctx->queued_ns ? source->stat : NR_HALLOWS_STATS;
	event.from = tctx->queued_ns ? source->from : tctx->last_cpu;
	event.stop = source->stop;
	event.cpu = cpu;
	event.home = tctx->home_llc;
	tell(&event);
}

#endif
