/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a post-mortem shows of the machine, of each CPU and task.
 */
#ifndef __HALLOWS_DUMP_BPF_H
#define __HALLOWS_DUMP_BPF_H

static __always_inline void dump_queues(u64 now)
{
	u32 llc, nr;

	if (laid_out)
		scx_bpf_dump("code laid out along profiles\n");
	if (alone_since_ns)
		scx_bpf_dump("no agent since %llu us\n", since_ns(alone_since_ns, now) / 1000);
	if (emergency)
		scx_bpf_dump("emergency: queued %d\n", scx_bpf_dsq_nr_queued(EMERGENCY_DSQ));
	bpf_for(llc, 0, nr_llcs) {
		nr = nr_express(llc);
		if (nr)
			scx_bpf_dump("express %u: queued %u\n", llc, nr);
	}
}

static __always_inline void dump_cell(s32 cpu, bool idle, u64 now)
{
	struct signal *signal = signal_of(cpu);
	struct cell *cell = cell_of(cpu);
	struct track_state *track = track_of(cpu);

	if (!signal || !cell || !track)
		return;
	scx_bpf_dump("cell %d: %s%s%s state %u%s queued %u age %llu us llc %u\n", cpu,
		     idle ? "idle" : "busy", cell->flags & CELL_HOG ? " hog" : "",
		     cell->flags & CELL_HELD ? " held" : "", signal->state,
		     signal_fresh(signal, now) ? "" : " (expired)", nr_waiting(cpu),
		     track_age(cpu, now) / 1000, llc_of(cpu));
	scx_bpf_dump("cell %d: run %llu us avg %u us express %u us vclock %llu route %u\n", cpu,
		     cell->run_since_ns ? (now - cell->run_since_ns) / 1000 : 0,
		     cell->avg_run_ns / 1000, cell->express_ns / 1000, cell->vclock_ns,
		     signal->nr_route);
}

static __always_inline void dump_task(struct task_struct *p, u64 now)
{
	struct task_ctx *tctx = task_ctx_of(p);

	if (!tctx)
		return;
	scx_bpf_dump("hallows: %s%s waits %llu us burst %u us vtime %llu clock %u weight %llu%s\n",
		     is_express(p, tctx) ? "express" : "normal", is_pinned(p) ? " pinned" : "",
		     tctx->queued_ns && tctx->queued_ns < now ? (now - tctx->queued_ns) / 1000 : 0,
		     tctx->avg_burst_ns / 1000, tctx->vtime_ns, tctx->clock_cpu,
		     task_weight(p, tctx), tctx->on_express ? " on the express track" : "");
}

#endif
