/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Grants: so many tasks may leave this CPU for another, or come from another,
 * while no CPU idles. The agent sees gaps between LLCs and nodes that nobody
 * here looks for; it sees them late, so each is checked live before a task moves.
 *
 * What is left of a grant stands in the cell, under its CPU's rq lock: the signal
 * that it came with has another writer.
 */
#ifndef __HALLOWS_GRANT_BPF_H
#define __HALLOWS_GRANT_BPF_H

#define PULL_SCAN 4	/* tasks at the head of a track of which one may come along */
#define PULLED (-1)
#define HOME_GAP 4	/* tasks by which queues must differ for one to leave its home */

/*
 * Takes over the grants of @orders if they are new. Those that came before have
 * expired, as have those of an agent that went silent (@orders then has none).
 * Under the rq lock of the cell's CPU.
 */
static __always_inline void renew_grants(struct cell *cell, const struct orders *orders)
{
	if (cell->grant_seq == orders->seq)
		return;
	cell->grant_seq = orders->seq;
	if (cell->push_left)
		move_expired(MOVE_PUSH, cell->push_left);
	if (cell->fair_left)
		move_expired(MOVE_FAIR, cell->fair_left);
	cell->push_left = orders->push_tok;
	cell->fair_left = orders->fair_tok;
	if (orders->push_tok)
		move_requested(MOVE_PUSH, orders->push_tok);
	if (orders->fair_tok)
		move_requested(MOVE_FAIR, orders->fair_tok);
}

/*
 * Tasks that share @cpu by slices: those that wait and a hog that runs. Who runs
 * only for a moment has pushed a hog back into the queue, where it counts.
 */
static __always_inline u32 nr_sharing(s32 cpu)
{
	struct cell *cell = cell_of(cpu);

	return nr_waiting(cpu) + (cell && cell->run_since_ns && (cell->flags & CELL_HOG));
}

/*
 * Must a task not leave the LLC of its group on the way from @from to @to? Only
 * the difference between the queues is worth more than its cache, if it is large:
 * a group that grows is too large for its home before the agent knows.
 */
static __always_inline bool home_holds(const struct task_ctx *tctx, s32 from, s32 to)
{
	return leaves_home(tctx, from, to) && nr_sharing(from) < nr_sharing(to) + HOME_GAP;
}

/*
 * Spends a token on sending @p, which would wait on @cpu, to where the agent
 * says. Returns that CPU, or -1 if the move would not help.
 */
__noinline s32 spend_push(const struct task_struct *p __arg_trusted, const struct task_ctx *tctx __arg_nonnull,
			   s32 cpu, const struct orders *orders __arg_nonnull, u64 now)
{
	struct cell *cell = cell_of(cpu);
	s32 to = orders->push_cpu;
	enum hallows_reject why;
	bool idle = false;
	u64 ahead, there;

	if (!cell)
		return -1;
	cell->push_left--;
	if (llc_of(to) >= MAX_LLCS || cell_held(to))
		why = REJECT_GONE;
	else if (!allows(p, to))
		why = REJECT_MASK;
	else if (nr_sharing(cpu) + 1 < nr_sharing(to) + 2)
		why = REJECT_GAP;
	else if (home_holds(tctx, cpu, to))
		why = REJECT_PRICE;
	else {
		idle = scx_bpf_test_and_clear_cpu_idle(to);
		there = idle ? 0 : ahead_ns(to, p, tctx);
		ahead = ahead_ns(cpu, p, tctx);
		if (there + price_of(tctx, ring_between(cpu, to), now) < ahead) {
			move_applied(MOVE_PUSH);
			explain(p, tctx, WHY_PUSH, cpu, to, ahead - there);
			return to;
		}
		why = REJECT_PRICE;
	}
	if (idle)
		/* it was claimed for nothing: it may idle on */
		scx_bpf_kick_cpu(to, SCX_KICK_IDLE);
	move_rejected(MOVE_PUSH, why);
	return -1;
}

/* The same for those who mostly have no token. */
static __always_inline s32 push_target(const struct task_struct *p, const struct task_ctx *tctx, s32 cpu,
				       const struct orders *orders, u64 now)
{
	struct cell *cell = cell_of(cpu);

	if (!cell || !cell->push_left || cell->grant_seq != orders->seq)
		return -1;
	return spend_push(p, tctx, cpu, orders, now);
}

/*
 * Why @p, which waits on @from's track, can't come to @cpu; PULLED if it can. A
 * move that is not legal would be the end of us.
 */
static __always_inline s32 pullable(const struct task_struct *p, const struct task_ctx *tctx, s32 from, s32 cpu)
{
	if (is_pinned(p))
		return REJECT_PINNED;
	if (!allows(p, cpu))
		return REJECT_MASK;
	return home_holds(tctx, from, cpu) ? REJECT_PRICE : PULLED;
}

/*
 * What a task that comes from @from to @cpu is owed: what the tasks of @cpu had more than those
 * of @from. CPUs of two LLCs don't know that of each other; it is a slice then.
 */
static __always_inline s64 owed_ns(s32 from, s32 cpu)
{
	struct cell *there = cell_of(from), *here = cell_of(cpu);

	if (!there || !here || !there->pace_ns || !here->pace_ns || llc_of(from) != llc_of(cpu))
		return full_slice_ns();
	return here->pace_ns - there->pace_ns;
}

/* Takes the first task of @from's track that may come to @cpu. Returns PULLED, or why none came. */
__noinline s32 pull(s32 from, s32 cpu, u64 now)
{
	s32 why = REJECT_GONE, no;
	struct task_struct *p;
	struct task_ctx *tctx;
	u32 seen = 0;

	bpf_for_each(scx_dsq, p, track_dsq(from), 0) {
		if (seen++ >= PULL_SCAN)
			break;
		tctx = task_ctx_of(p);
		if (!tctx)
			continue;
		no = pullable(p, tctx, from, cpu);
		if (no != PULLED) {
			why = no;
			continue;
		}
		if (!scx_bpf_dsq_move(BPF_FOR_EACH_ITER, p, SCX_DSQ_LOCAL, 0))
			continue;
		tctx->vtime_ns -= owed_ns(from, cpu);
		why = PULLED;
		break;
	}
	if (why == PULLED)
		track_moved(from, now);
	return why;
}

/*
 * The end of a slice: spends a token on pulling a task from where the agent says.
 * From another LLC it comes for one task more, too: three hogs that go round on
 * two CPUs show two at most, and the agent counted all of that LLC. @slice, of whom
 * ran here, says how light those are who share this CPU.
 */
__noinline bool take_fair(s32 cpu, s32 from, u64 slice, u64 now)
{
	struct cell *cell = cell_of(cpu);
	s32 why = REJECT_GAP;
	u64 here;

	if (!cell || !cell->fair_left || from == cpu)
		return false;
	cell->fair_left--;
	if (llc_of(from) >= MAX_LLCS)
		why = REJECT_GONE;
	else {
		/* the task whose slice ended still counts as running here */
		here = nr_sharing(cpu) * full_slice_ns() / slice;
		if (nr_sharing(from) > here + (llc_of(from) == llc_of(cpu)))
			why = pull(from, cpu, now);
	}
	if (why != PULLED) {
		move_rejected(MOVE_FAIR, why);
		return false;
	}
	move_applied(MOVE_FAIR);
	count_dispatch(STAT_FAIR, from, 0);
	return true;
}

#endif
