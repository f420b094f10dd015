/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Refills: how much of a cache a task fills again after a move, by a counter of
 * the hardware (--pmu). Its footprint then is what it was seen to miss, and no
 * guess from its resident set.
 *
 * ops.stopping() may not read such counters, a tracepoint may. It fires between
 * ops.running() of the next task and that task, so each run is what was counted
 * between two of them. It is loaded with --pmu only, and counts nothing while no
 * agent keeps the counters open.
 */
#ifndef __HALLOWS_REFILL_BPF_H
#define __HALLOWS_REFILL_BPF_H

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(max_entries, MAX_CPUS);
	__type(key, u32);
	__type(value, u32);
} refill_events SEC(".maps");

/* What the counter of a CPU said when its task began to run. Its line is that CPU's alone. */
struct OWNER("each-cpu") refill_mark {
	u64 count;
	u64 at_ns;
	u64 _pad[6];
};

struct refill_mark refill_marks[MAX_CPUS] __attribute__((aligned(64)));

/* @p missed @count times in @ran_ns after a move. A longer run counts by its mean. */
static __always_inline void note_refill(struct task_ctx *tctx, u64 count, u64 ran_ns)
{
	if (ran_ns > REFILL_NS)
		count = count * REFILL_NS / ran_ns;
	tctx->refills = tctx->knows_refills ? ewma(tctx->refills, count) : at_most(count, 1 << 20);
	tctx->knows_refills = true;
	tctx->footprint = footprint_by_refills(tctx);
	count_on(bpf_get_smp_processor_id(), STAT_REFILL);
}

SEC("tp_btf/sched_switch")
int BPF_PROG(hallows_refill, bool preempt, struct task_struct *prev, struct task_struct *next)
{
	struct refill_mark *mark = ARRAY_ELEM_PTR(refill_marks, bpf_get_smp_processor_id(), MAX_CPUS);
	struct bpf_perf_event_value value;
	u64 now = bpf_ktime_get_ns();
	struct task_ctx *tctx;

	if (!mark || bpf_perf_event_read_value(&refill_events, BPF_F_CURRENT_CPU, &value, sizeof(value)))
		return 0;
	tctx = task_ctx_of(prev);
	if (tctx && tctx->refilling && mark->at_ns)
		note_refill(tctx, value.counter - mark->count, now - mark->at_ns);
	if (tctx)
		tctx->refilling = false;
	mark->count = value.counter;
	mark->at_ns = now;
	return 0;
}

#endif
