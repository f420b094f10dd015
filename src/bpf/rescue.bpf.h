/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Rescue: nobody waits long for reasons of order, price or place.
 *
 *  - A busy CPU's tick sends an idle CPU to its track (invitation).
 *  - A CPU that a higher class takes gives away what waits there.
 *  - A task that starves at the end of its own track, out-weighed by the
 *    others, jumps the queue.
 */
#ifndef __HALLOWS_RESCUE_BPF_H
#define __HALLOWS_RESCUE_BPF_H

#define HANDOFF_SCAN 4	/* tasks at the head of a track that may find a CPU */
#define AUDIT_PART 32	/* of a CPU, at most, goes into looking for who starves */
#define AUDIT_SLICES 4	/* at least between two rescues: where all starve, most turns are still taken in order */

/* Sends the idle CPU @guest, already claimed, to the track of @host. */
static __always_inline void invite(s32 guest, s32 host)
{
	struct track_state *track = track_of(guest);

	if (!track)
		return;
	track->invited_by = host + 1;
	scx_bpf_kick_cpu(guest, SCX_KICK_IDLE);
	count(STAT_INVITE);
	decision("CPU %d is invited to the track of CPU %d", guest, host);
}

/*
 * Finds an idle CPU for one of the first tasks on @cpu's track, as far away as
 * their wait is worth, and invites it. What the agent saw is not asked: if a load has ended
 * since, nobody else looks for those who idle.
 */
__noinline int hand_off(s32 cpu, u64 wait_ns, u64 now)
{
	struct task_struct *p;
	struct task_ctx *tctx;
	u32 seen = 0;
	s32 guest;

	bpf_for_each(scx_dsq, p, track_dsq(cpu), 0) {
		if (seen++ >= HANDOFF_SCAN)
			break;
		if (is_pinned(p))
			continue;
		yard_set(cpu, YARD_WAITING, true);
		guest = pick_idle_llc(p, cpu);
		tctx = nr_llcs > 1 ? task_ctx_of(p) : NULL;
		if (guest < 0 && tctx)
			guest = pick_idle_far(p, tctx, cpu, wait_ns, RING_SMT, now);
		if (guest >= 0)
			invite(guest, cpu);
		/* who may run anywhere found nobody: nor will the rest */
		if (guest >= 0 || p->nr_cpus_allowed >= nr_placed)
			break;
	}
	return 0;
}

/*
 * An aged track sent this idle CPU an invitation: it looks there first, and asks
 * the next idle CPU if more waits than it takes. One tick thus empties a track
 * into all idle CPUs.
 */
static __always_inline bool take_invited(s32 cpu, u64 now)
{
	struct track_state *mine = track_of(cpu);
	u64 age;
	s32 from;

	if (!mine || !mine->invited_by)
		return false;
	from = mine->invited_by - 1;
	mine->invited_by = 0;
	age = track_age(from, now);
	if (!take_aged(cpu, from, STAT_PEER, age, now))
		return false;
	if (nr_waiting(from))
		hand_off(from, age, now);
	return true;
}

/*
 * @by of a higher class has @cpu: what waits on its track is offered to the LLC, and
 * to an idle CPU at any price. Local tasks are enqueued again by the caller.
 */
static __always_inline void hold(s32 cpu, const struct task_struct *by, u64 now)
{
	struct cell *cell = cell_of(cpu);

	if (!cell)
		return;
	note_held(cpu, cell, by, now);
	if (!nr_waiting(cpu))
		return;
	yard_set(cpu, YARD_HELD, true);
	hand_off(cpu, WAIT_LIMIT_NS + 1, now);
}

/* The CPU is ours again. */
static __always_inline void unhold(s32 cpu, struct cell *cell)
{
	if (!(cell->flags & (CELL_HELD | CELL_IDLE)))
		return;
	cell->flags &= ~CELL_HELD;
	yard_set(cpu, YARD_HELD, false);
}

/*
 * How long after a rescue of one that waited for @waited_ns to look again: the longer they
 * wait the sooner, so that many who starve don't wait for the sum of their turns. Half of the
 * watchdog's patience is for those in front, the other half for the last.
 */
static __always_inline u64 audit_gap_ns(u64 waited_ns)
{
	u64 patience = watchdog_ms * 1000000ULL, usual = at_most(starved_ns(), patience / 8);
	u64 gap = starved_ns() / 4, least = AUDIT_SLICES * full_slice_ns();
	u64 eighths = waited_ns / (usual / 8 + 1);

	if (waited_ns > patience / 2)
		return full_slice_ns();
	if (eighths > 8)
		gap = usual * 16 / (eighths * eighths);
	return gap > least ? gap : least;
}

/* May @p, which waits on the track of @cpu, run there? A move that is not legal ejects us. */
static __always_inline bool rescuable(struct task_struct *p, s32 cpu)
{
	return scx_bpf_task_cpu(p) == cpu || (!is_migration_disabled(p) && allows(p, cpu));
}

/*
 * When the task began to wait that waits longest on @cpu's own track, @now: none starves. Only
 * a look at all of them tells: those that were rescued come to the end of it again.
 */
__noinline u64 longest_wait_since(s32 cpu, u64 now)
{
	u64 latest = now - starved_ns(), since = latest;
	struct task_struct *p;
	struct task_ctx *tctx;

	bpf_for_each(scx_dsq, p, track_dsq(cpu), 0) {
		tctx = task_ctx_of(p);
		if (tctx && time_before(tctx->queued_ns, since) && rescuable(p, cpu))
			since = tctx->queued_ns;
	}
	return since == latest ? now : since;
}

/*
 * Now and then, looks on the own track for the task that waited too long and longest, and
 * takes it at once. Weights are shares, not a right to starve others:
 * without this a nice 19 task waits for half a minute beside a nice -20 one.
 */
__noinline bool audit(s32 cpu, u64 now)
{
	struct track_state *track = track_of(cpu);
	struct task_struct *p;
	struct task_ctx *tctx;
	bool taken = false;
	u64 since, gap, took;

	if (!track || !nr_waiting(cpu))
		return false;
	/* scx_bpf_now() stands still meanwhile */
	took = bpf_ktime_get_ns();
	since = longest_wait_since(cpu, now);
	took = bpf_ktime_get_ns() - took;
	gap = audit_gap_ns(now - since);
	/* a look during which a hypervisor had the CPU took long, too */
	took = at_most(AUDIT_PART * took, starved_ns());
	track->audit_at_ns = now + (gap > took ? gap : took);
	if (since == now)
		return false;
	bpf_for_each(scx_dsq, p, track_dsq(cpu), 0) {
		tctx = task_ctx_of(p);
		if (!tctx || tctx->queued_ns != since || !rescuable(p, cpu))
			continue;
		taken = scx_bpf_dsq_move(BPF_FOR_EACH_ITER, p, SCX_DSQ_LOCAL, 0);
		if (taken)
			tctx->out_of_turn = true;
		break;
	}
	if (taken) {
		count_dispatch(STAT_RESCUE, cpu, 0);
		count(STAT_RESCUE_ORDER);
	}
	return taken;
}

static __always_inline bool take_starved(s32 cpu, u64 now)
{
	struct track_state *track = track_of(cpu);

	return track && !time_before(now, track->audit_at_ns) && audit(cpu, now);
}

/*
 * Kernels from 6.19 on leave it to this tracepoint, which fires at each switch, to
 * tell when a higher class takes a CPU.
 */
SEC("tp_btf/sched_switch")
int BPF_PROG(hallows_sched_switch, bool preempt, struct task_struct *prev, struct task_struct *next)
{
	s32 cpu = bpf_get_smp_processor_id();

	if (!outranks(next))
		return 0;
	hold(cpu, next, scx_bpf_now());
	if (scx_bpf_dsq_nr_queued(SCX_DSQ_LOCAL_ON | cpu) > 0)
		scx_bpf_reenqueue_local_from_anywhere();
	return 0;
}

#endif
