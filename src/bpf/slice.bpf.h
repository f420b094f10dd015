/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Slices: how long a task runs before its CPU looks again.
 *
 * Where the agent sees idle CPUs in the LLC and no queue to speak of, it asks for
 * slices longer than the usual: nobody waits, and each end of a slice costs a
 * dispatch. It sees that late, and a task may be bound to this very CPU. So the
 * tick ends what it finds too long: whoever comes to wait here waits no longer
 * than behind a usual slice that began when this one did, or a whole burst, and a tick. So does who
 * waits on the express track, which the end of any slice of the LLC serves, or on
 * the track of another CPU of the LLC: it may be its turn (lag.bpf.h). A bit of the
 * yard says so, which is a hint: a stale one costs slices of the usual length.
 */
#ifndef __HALLOWS_SLICE_BPF_H
#define __HALLOWS_SLICE_BPF_H

/*
 * Is @deadline one that a latency-critical task may have which owes the clock of @cell
 * nothing? What is not near comes after all of these.
 */
static __always_inline bool is_near(const struct cell *cell, u64 deadline)
{
	return time_before(deadline, cell->vclock_ns + express_max_ns());
}

/*
 * CELL_URGENT if the deadline of the hog @p, which begins a slice on the CPU of @cell, is near.
 * That of a light one is so at its turn only, and far a moment later.
 */
static __always_inline u32 urgency(const struct cell *cell, struct task_struct *p, struct task_ctx *tctx)
{
	if (slice_vtime(p, tctx, full_slice_ns()) > full_slice_ns() + express_max_ns())
		return 0;
	return is_near(cell, deadline_of(p, tctx, full_slice_ns())) ? CELL_URGENT : 0;
}

/* What a cell says of a hog that begins to run there (enum hallows_cell_flags). */
static __always_inline u32 hog_flags(const struct cell *cell, struct task_struct *p, struct task_ctx *tctx)
{
	tctx->light = is_light(p, tctx);
	return CELL_HOG | urgency(cell, p, tctx) | tctx->light * CELL_LIGHT;
}

/*
 * @p, whose slice is over, was charged for it and runs on for another of @slice. The clock
 * follows it beyond that slice, which a tick ended late: else what it had more than the
 * clock would be forgotten as soon as somebody comes to wait (rebase_vtime()).
 */
static __always_inline void renew_slice(struct task_struct *p, struct task_ctx *tctx, struct cell *cell,
					u64 slice)
{
	u64 full = full_slice_ns();

	if (tctx) {
		advance_clock(cell, p, tctx, bounded(tctx->granted_ns, full, SLICE_MAX_NS) + 2 * full);
		tctx->granted_ns = slice;
		cell->flags = (cell->flags & ~CELL_URGENT) | urgency(cell, p, tctx);
	}
	scx_bpf_task_set_slice(p, slice);
}

/*
 * Does who waits first on the track of @cpu come before @p, which runs there and wants @left of its
 * burst yet, and have a shorter one? It would wait for longer than it takes.
 */
__noinline bool comes_between(struct task_struct *p __arg_trusted, s32 cpu, u64 left)
{
	struct task_struct *head = __COMPAT_scx_bpf_dsq_peek(track_dsq(cpu));
	struct task_ctx *first = head ? task_ctx_of(head) : NULL, *tctx = task_ctx_of(p);

	return first && tctx && first->avg_burst_ns < left &&
	       time_before(head->scx.dsq_vtime, deadline_of(p, tctx, full_slice_ns()));
}

/*
 * Somebody waits for the CPU of @p, which runs: a long slice shrinks to a usual
 * one, a whole burst's, or to what it had of it. As if it had never been longer: the rest that is
 * taken away was no preemption (ops.stopping()).
 */
static __always_inline void cut_slice(struct task_struct *p, struct task_ctx *tctx, s32 cpu)
{
	u64 left = p->scx.slice, full, extra;

	full = whole_burst_ns(tctx, full_slice_ns());
	if (tctx->burst_ns >= full || (full > full_slice_ns() && comes_between(p, cpu, left)))
		/* longer than usual by now, or than others are to wait */
		full = full_slice_ns();
	if (tctx->granted_ns <= full || !left)
		return;
	extra = tctx->granted_ns - full;
	if (extra > left)
		extra = left;
	tctx->granted_ns -= extra;
	scx_bpf_task_set_slice(p, left - extra);
}

#endif
