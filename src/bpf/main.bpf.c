/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * scx_hallows: CPUs are the cells of an automaton, dispatch is a railway.
 *
 * This file holds the callbacks of sched_ext, in the order of a task's life.
 * What they do is in one header for each idea:
 *
 *   knobs    what was decided before the program loaded
 *   machine  where each CPU is
 *   tunables what may change while it runs
 *   cell     what a CPU tells about itself
 *   ledger   what became of the moves that the agent asked for
 *   signal   what the agent asks of a CPU, while that is fresh
 *   alone    whether the agent still speaks
 *   mask     which CPUs a task may use
 *   task     virtual time, class
 *   turn     how runs begin, for the guard
 *   weight   cpu.weight and cpu.idle of cgroups
 *   burst    what the length of runs tells: class, price of moves, footprint
 *   refill   what a hardware counter tells of moves
 *   why      the decisions about one task, for whoever asks
 *   track    the queues
 *   slice    how long a task runs on
 *   held     who else has a CPU
 *   idle     idle CPUs, ring by ring
 *   core     whole idle cores, where hardware threads share them
 *   ahead    how long a task would wait on a CPU
 *   grant    moves that the agent allows while no CPU idles
 *   group    threads that share a cache
 *   lag      turns inside an LLC while no CPU idles
 *   place    which CPU's track suits a task
 *   route    where a CPU looks for work
 *   rescue   what keeps anybody from waiting too long
 *   emergency  who waited behind a CPU that could not serve
 *   enqueue  who waits where
 *   hotplug  CPUs that come and go
 *   dump     the post-mortem
 *
 * BPF alone conserves work: nothing here waits for the agent.
 */
#include <scx/common.bpf.h>
#include <bpf_experimental.h>
#include "intf.h"

char _license[] SEC("license") = "GPL";
UEI_DEFINE(uei);

#define SCHED_IDLE 5
#define SCHED_EXT 7
#define MAX_RT_PRIO 100

#include "knobs.bpf.h"
#include "machine.bpf.h"
#include "tunables.bpf.h"
#include "cell.bpf.h"
#include "ledger.bpf.h"
#include "signal.bpf.h"
#include "alone.bpf.h"
#include "mask.bpf.h"
#include "task.bpf.h"
#include "turn.bpf.h"
#include "weight.bpf.h"
#include "burst.bpf.h"
#include "refill.bpf.h"
#include "why.bpf.h"
#include "track.bpf.h"
#include "slice.bpf.h"
#include "held.bpf.h"
#include "idle.bpf.h"
#include "core.bpf.h"
#include "ahead.bpf.h"
#include "grant.bpf.h"
#include "group.bpf.h"
#include "lag.bpf.h"
#include "place.bpf.h"
#include "route.bpf.h"
#include "rescue.bpf.h"
#include "emergency.bpf.h"
#include "enqueue.bpf.h"
#include "hotplug.bpf.h"
#include "dump.bpf.h"

/*
 * A task wakes up: a CPU that is idle, or that its waker is about to leave, runs
 * it at once. Otherwise the CPU returned is where ops.enqueue() begins.
 */
s32 BPF_STRUCT_OPS(hallows_select_cpu, struct task_struct *p, s32 prev_cpu, u64 wake_flags)
{
	struct task_ctx *tctx = task_ctx_of(p);
	s32 here = bpf_get_smp_processor_id(), cpu;
	const struct orders *orders;
	u32 home;
	u64 now;

	if (!tctx || has_verdict(p))
		return prev_cpu;
	tctx->queued_ns = 0;
	tctx->on_express = tctx->out_of_turn = false;
	tctx->near_wake = wake_flags & SCX_WAKE_SYNC;
	home = home_of(p, tctx);
	if (!is_away(home, here) && waker_fits(p, tctx, prev_cpu, here)) {
		count_on(here, STAT_SYNC);
		explain(p, tctx, WHY_SYNC, prev_cpu, here, 0);
		scx_bpf_dsq_insert(p, SCX_DSQ_LOCAL, full_slice_ns(), 0);
		return here;
	}
	now = scx_bpf_now();
	orders = orders_of(prev_cpu, now);
	cpu = pick_idle_near(p, tctx, home, prev_cpu, idle_lvl_for(p, tctx, true, orders), now);
	if (cpu < 0)
		return begins_at(p, tctx, prev_cpu, here, now);
	count_idle(p, tctx, home, prev_cpu, cpu, now);
	scx_bpf_dsq_insert(p, SCX_DSQ_LOCAL, whole_slice(tctx, orders->slice_ns), 0);
	return cpu;
}

void BPF_STRUCT_OPS(hallows_enqueue, struct task_struct *p, u64 enq_flags)
{
	struct task_ctx *tctx = task_ctx_of(p);
	s32 cpu = scx_bpf_task_cpu(p);
	u64 now = scx_bpf_now();
	const struct orders *orders;

	if (!tctx) {
		scx_bpf_dsq_insert(p, SCX_DSQ_GLOBAL, full_slice_ns(), enq_flags);
		return;
	}
	if (enq_flags & SCX_ENQ_REENQ)
		count(STAT_REENQ);
	notice_held(cpu, now);
	orders = orders_of(cpu, now);
	if (is_stray(p, cpu) && send_away(p, tctx, enq_flags, orders))
		return;
	if (!is_pinned(p))
		enqueue_movable(p, tctx, cpu, enq_flags, orders, now);
	else if (enq_flags & SCX_ENQ_LAST)
		go_on(p, cpu, enq_flags, orders);
	else
		enqueue_pinned(p, tctx, cpu, enq_flags, orders, now);
}

/* A CPU needs work. @prev ran until now and may want to go on. */
void BPF_STRUCT_OPS(hallows_dispatch, s32 cpu, struct task_struct *prev)
{
	bool prev_wants = prev && (prev->scx.flags & SCX_TASK_QUEUED) && !is_stray(prev, cpu);
	struct cell *cell = cell_of(cpu);
	struct task_ctx *tctx = prev_wants ? task_ctx_of(prev) : NULL;
	u64 now = scx_bpf_now(), deadline = 0, slice = 0;
	u32 llc = llc_of(cpu);
	const struct orders *orders;
	struct yard *yard;
	u64 waiting;
	bool asked_away, yields = tctx && tctx->yields;
	enum looked looked;

	if (!cell)
		return;
	if (llc >= MAX_LLCS || cpu != bpf_get_smp_processor_id()) {
		/* it came online, and the agent has not told yet where it is: until
		 * then it serves its own track. So it does where core scheduling asks
		 * about another thread of this core: scx_bpf_dsq_move() would move to
		 * the CPU that runs this. */
		if (!take_track(cpu, STAT_OWN, now) && prev_wants)
			scx_bpf_task_set_slice(prev, full_slice_ns());
		return;
	}
	note_agent(now);
	sweep(now);
	orders = orders_of(cpu, now);
	if (tctx) {
		charge(prev, tctx, cell);
		group_charge(prev, tctx, cpu);
		deadline = deadline_of(prev, tctx, orders->slice_ns);
		slice = slice_vtime(prev, tctx, full_slice_ns());
	}
	renew_grants(cell, orders);
	count_on(cpu, orders->fresh ? STAT_FRESH : STAT_STALE);
	if (runs_errands(cpu, now) || take_held(cpu, llc, now) || take_starved(cpu, now))
		return;
	asked_away = made_way(cpu);
	/* a slice ended: is there somebody elsewhere who had less? */
	if (tctx && !asked_away && !yields && (take_fair(cpu, orders->fair_cpu, slice, now) || take_lagging(cell, cpu, llc, deadline, slice, now)))
		return;
	if (asked_away && tctx && is_feather(prev, tctx))
		/* to all who are heavier, for whom alone it is asked, as if it idled */
		deadline = 0;
	if (take_head(cell, cpu, llc, yields || (asked_away && (cell->flags & CELL_AWAY)) ? 0 : deadline, now))
		return;
	if (prev_wants && tctx && !yields &&
	    (leaves_for_home(prev, tctx, cpu, now) || (has_smt && leaves_for_core(prev, tctx, cpu, now)))) {
		cell->declined = 0;
		return;
	}
	if (prev_wants) {
		if (!nr_waiting_hint(cpu))
			/* who looks for a turn is not to look here */
			yard_set(cpu, YARD_WAITING, false);
		count_dispatch(STAT_KEPT, cpu, 0);
		if (asked_away)
			/* whoever asks again is to leave it alone for a while, too */
			cell->preempted_ns = now;
		if (yields)
			tctx->yields = false;
		renew_slice(prev, tctx, cell, orders->slice_ns);
		return;
	}
	if (!nr_waiting(cpu))
		yard_set(cpu, YARD_WAITING, false);
	yard = yard_of(llc);
	waiting = yard ? yard_fold(yard, YARD_WAITING, nr_cpus_of(llc)) : 0;
	/* the agent says how much of the LLC to try first; an idle CPU tries all */
	looked = take_peer(cpu, llc, orders->scan_k, now);
	if (looked == TOOK_ONE || take_route(cpu, now) || take_detour(cpu, llc, now) ||
	    (looked == LOOKED_AT_SOME && take_peer(cpu, llc, MAX_SCAN_K, now) == TOOK_ONE))
		return;
	count(STAT_NONE);
	/* of before it looked: what came since nobody has declined */
	cell->declined = waiting;
}

void BPF_STRUCT_OPS(hallows_running, struct task_struct *p)
{
	struct task_ctx *tctx = task_ctx_of(p);
	s32 cpu = scx_bpf_task_cpu(p);
	struct cell *cell = cell_of(cpu);
	u64 now = scx_bpf_now();
	u32 ring;

	if (!tctx || !cell)
		return;
	unhold(cpu, cell);
	rest(p, tctx, now);
	rebase_vtime(p, tctx, cpu);
	advance_clock(cell, p, tctx, full_slice_ns());
	tctx->out_of_turn = tctx->yields = false;
	cell_count_idle_wait(cell, cpu, tctx->queued_ns ? tctx->placed_ns : 0, now);
	if (cell->idle_since_ns)
		/* nothing waited while it idled, whatever waits now */
		cell->updated_ns = now;
	cell->idle_since_ns = 0;
	cell->run_since_ns = now;
	cell->curr_avg_ns = expected_burst(tctx);
	cell->flags = is_express(p, tctx) ? express_flags(p, tctx) : hog_flags(cell, p, tctx);
	mark_away(p, tctx, cell, cpu, now);
	cell_sample(cell, nr_waiting_hint(cpu), now);
	explain_run(p, tctx, cpu, now);
	ring = ring_between(tctx->last_cpu, cpu);
	if (tctx->last_cpu != NO_CPU)
		count_on(cpu, STAT_MOVE_SELF + ring);
	if (agent_word.turns_wanted && (tctx->slept_ns || tctx->last_cpu != NO_CPU))
		count_turn(cpu, tctx->slept_ns, since_ns(tctx->queued_ns, now), ring);
	burst_starts(tctx, ring);
	tctx->slept_ns = 0;
	tctx->last_cpu = cpu;
	tctx->queued_ns = 0;
	tctx->waker_cpu = NO_CPU;
	tctx->granted_ns = p->scx.slice;
	tctx->exec_start_ns = p->se.sum_exec_runtime;
}

void BPF_STRUCT_OPS(hallows_tick, struct task_struct *p)
{
	struct task_ctx *tctx = task_ctx_of(p);
	s32 cpu = bpf_get_smp_processor_id();
	struct cell *cell = cell_of(cpu);
	u64 now = scx_bpf_now(), age;
	u32 llc = llc_of(cpu), nr, nr_short;

	if (!tctx || !cell || llc >= MAX_LLCS)
		return;
	note_agent(now);
	nr = nr_waiting(cpu);
	nr_short = nr_express(llc);
	if (!nr_short)
		express_empty(yard_of(llc), now);
	track_waits(cpu, nr);
	cell_sample(cell, nr, now);
	if (since_ns(cell->run_since_ns, now) >= express_max_ns() && !is_pcpu_kthread(p))
		/* it began as one of short bursts, and those who look for work here are not to think so */
		cell->flags |= CELL_HOG;
	look_at_group(p, tctx);
	if (nr_llcs > 1)
		tick_group(p, tctx, cell, cpu, now);
	if (patrol(cpu, now) || is_wanted(cpu))
		scx_bpf_task_set_slice(p, 0);
	/* a waker that did not sleep holds up whom it woke; express work is waited for */
	if (scx_bpf_dsq_nr_queued(SCX_DSQ_LOCAL) > 0 || (nr_short && lets_express_in(cell, cpu, llc, nr, now)))
		scx_bpf_task_set_slice(p, 0);
	if (nr || nr_short || (cell->flags & CELL_AWAY) || somebody_waits(llc))
		cut_slice(p, tctx, cpu);
	age = track_age(cpu, now);
	if (nr && age)
		hand_off(cpu, age, now);
}

void BPF_STRUCT_OPS(hallows_stopping, struct task_struct *p, bool runnable)
{
	struct task_ctx *tctx = task_ctx_of(p);
	s32 cpu = scx_bpf_task_cpu(p);
	struct cell *cell = cell_of(cpu);
	u64 now = scx_bpf_now(), ran;

	if (!tctx || !cell)
		return;
	refresh_weight(p, tctx);
	charge(p, tctx, cell);
	group_charge(p, tctx, cpu);
	burst_stops(p, tctx, cpu, runnable, now);
	cell_sample(cell, cell->nr_queued, now);
	ran = now - cell->run_since_ns;
	cell->run_since_ns = 0;
	cell->avg_run_ns = ewma(cell->avg_run_ns, ran);
	if (runnable && !p->scx.slice && ran < tctx->granted_ns && !tctx->yields && !(cell->flags & CELL_LIGHT))
		cell->preempted_ns = now;
	if (tctx->on_express && cell->nr_queued)
		cell->express_ns += ran;
	tctx->on_express = false;
}

/* sched_yield(). To let @to run instead, which KVM asks for, is refused. */
bool BPF_STRUCT_OPS(hallows_yield, struct task_struct *from, struct task_struct *to)
{
	struct task_ctx *tctx = task_ctx_of(from);

	if (to)
		return false;
	if (tctx)
		tctx->yields = true;
	scx_bpf_task_set_slice(from, 0);
	return false;
}

/*
 * The CPU goes idle, or stops being. By now its idle bit is set, so whoever
 * queues work from here on sees it; what was queued since ops.dispatch() looked
 * is looked for here.
 */
void BPF_STRUCT_OPS(hallows_update_idle, s32 cpu, bool idle)
{
	struct cell *cell = cell_of(cpu);
	u64 now = scx_bpf_now();
	u32 llc = llc_of(cpu);
	struct yard *yard = yard_of(llc);

	if (!cell || !yard)
		return;
	if (cell->offline) {
		/* nobody shall find it idle */
		scx_bpf_test_and_clear_cpu_idle(cpu);
		return;
	}
	if (!idle) {
		cell->idle_until_ns = now;
		return;
	}
	unhold(cpu, cell);
	cell->flags = CELL_IDLE;
	cell->pace_ns = 0;
	cell->idle_since_ns = now;
	cell_sample(cell, nr_waiting(cpu), now);
	if (cell->nr_queued || nr_express(llc) || is_wanted(cpu) ||
	    (yard_fold(yard, YARD_WAITING, nr_cpus_of(llc)) & ~cell->declined))
		scx_bpf_kick_cpu(cpu, SCX_KICK_IDLE);
}

/* Kernels before 6.19 say when a higher class takes and returns the CPU. */
void BPF_STRUCT_OPS(hallows_cpu_release, s32 cpu, struct scx_cpu_release_args *args)
{
	/* the stopper is gone before anybody else could take over */
	if (args->reason == SCX_CPU_PREEMPT_STOP)
		return;
	hold(cpu, args->task, scx_bpf_now());
	scx_bpf_reenqueue_local();
}

void BPF_STRUCT_OPS(hallows_cpu_acquire, s32 cpu, struct scx_cpu_acquire_args *args)
{
	struct cell *cell = cell_of(cpu);

	if (cell)
		unhold(cpu, cell);
}

s32 BPF_STRUCT_OPS_SLEEPABLE(hallows_init_task, struct task_struct *p, struct scx_init_task_args *args)
{
	struct task_ctx *tctx;

	tctx = bpf_task_storage_get(&task_ctxs, p, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!tctx)
		return -ENOMEM;
	/* not latency-critical until it has shown it */
	tctx->avg_burst_ns = 2 * express_max_ns();
	tctx->cgroup_weight = 100;
	tctx->weight_epoch = weight_epoch - 1;
	tctx->last_cpu = tctx->waker_cpu = NO_CPU;
	tctx->footprint = FOOTPRINT_USUAL;
	tctx->burst_ring = NR_RINGS;
	tctx->home_llc = MAX_LLCS;
	return 0;
}

void BPF_STRUCT_OPS(hallows_exit_task, struct task_struct *p, struct scx_exit_task_args *args)
{
	bpf_task_storage_delete(&task_ctxs, p);
}

void BPF_STRUCT_OPS(hallows_enable, struct task_struct *p)
{
	struct task_ctx *tctx = task_ctx_of(p);
	s32 cpu = scx_bpf_task_cpu(p);
	struct cell *cell = cell_of(cpu);

	if (!tctx || !cell)
		return;
	tctx->clock_cpu = cpu;
	tctx->vtime_ns = tctx->rested_clock_ns = cell->vclock_ns;
	tctx->slept_ns = tctx->queued_ns = 0;
	refresh_weight(p, tctx);
}

s32 BPF_STRUCT_OPS_SLEEPABLE(hallows_cgroup_init, struct cgroup *cgrp, struct scx_cgroup_init_args *args)
{
	return set_cgroup_weight(cgrp, args->weight);
}

void BPF_STRUCT_OPS(hallows_cgroup_set_weight, struct cgroup *cgrp, u32 weight)
{
	set_cgroup_weight(cgrp, weight);
	__sync_fetch_and_add(&weight_epoch, 1);
}

void BPF_STRUCT_OPS(hallows_cgroup_move, struct task_struct *p, struct cgroup *from, struct cgroup *to)
{
	struct task_ctx *tctx = task_ctx_of(p);

	if (tctx)
		tctx->cgroup_weight = cgroup_product(to);
}

void BPF_STRUCT_OPS(hallows_dump, struct scx_dump_ctx *dctx)
{
	dump_queues(dctx->at_ns);
}

void BPF_STRUCT_OPS(hallows_dump_cpu, struct scx_dump_ctx *dctx, s32 cpu, bool idle)
{
	dump_cell(cpu, idle, dctx->at_ns);
}

void BPF_STRUCT_OPS(hallows_dump_task, struct scx_dump_ctx *dctx, struct task_struct *p)
{
	dump_task(p, dctx->at_ns);
}

/* The kernel asks about tasks of @cpu from now on. */
void BPF_STRUCT_OPS_SLEEPABLE(hallows_cpu_online, s32 cpu)
{
	if (cpu < 0 || cpu >= nr_cpu_ids) {
		scx_bpf_exit(SCX_ECODE_ACT_RESTART | SCX_ECODE_RSN_HOTPLUG, "CPU %d is out of range", cpu);
		return;
	}
	arrive(cpu);
	__sync_fetch_and_add(&nr_hotplugs, 1);
}

/* It has ceased to: what waits there is not for it to run. */
void BPF_STRUCT_OPS_SLEEPABLE(hallows_cpu_offline, s32 cpu)
{
	leave(cpu, scx_bpf_now());
	__sync_fetch_and_add(&nr_hotplugs, 1);
}

s32 BPF_STRUCT_OPS_SLEEPABLE(hallows_init)
{
	int err;
	u32 i;

	err = scx_bpf_create_dsq(EMERGENCY_DSQ, -1);
	if (err)
		return err;
	bpf_for(i, 0, nr_llcs) {
		err = scx_bpf_create_dsq(express_dsq(i), -1);
		if (!err)
			err = span_create(&llc_spans, i);
		if (!err)
			err = span_create(&node_spans, i);
		if (err)
			return err;
	}
	bpf_for(i, 0, nr_cpu_ids) {
		err = init_cpu(i);
		if (err)
			return err;
	}
	return 0;
}

void BPF_STRUCT_OPS(hallows_exit, struct scx_exit_info *ei)
{
	UEI_RECORD(uei, ei);
}

SCX_OPS_DEFINE(hallows_ops,
	       .select_cpu		= (void *)hallows_select_cpu,
	       .enqueue			= (void *)hallows_enqueue,
	       .dispatch		= (void *)hallows_dispatch,
	       .running			= (void *)hallows_running,
	       .tick			= (void *)hallows_tick,
	       .stopping		= (void *)hallows_stopping,
	       .yield			= (void *)hallows_yield,
	       .update_idle		= (void *)hallows_update_idle,
	       .cpu_release		= (void *)hallows_cpu_release,
	       .cpu_acquire		= (void *)hallows_cpu_acquire,
	       .init_task		= (void *)hallows_init_task,
	       .exit_task		= (void *)hallows_exit_task,
	       .enable			= (void *)hallows_enable,
	       .cpu_online		= (void *)hallows_cpu_online,
	       .cpu_offline		= (void *)hallows_cpu_offline,
	       .cgroup_init		= (void *)hallows_cgroup_init,
	       .cgroup_set_weight	= (void *)hallows_cgroup_set_weight,
	       .cgroup_move		= (void *)hallows_cgroup_move,
	       .dump			= (void *)hallows_dump,
	       .dump_cpu		= (void *)hallows_dump_cpu,
	       .dump_task		= (void *)hallows_dump_task,
	       .init			= (void *)hallows_init,
	       .exit			= (void *)hallows_exit,
	       .timeout_ms		= 5000U,
	       .name			= "hallows");
