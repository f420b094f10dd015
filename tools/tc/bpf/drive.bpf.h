/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The driver: what happens on the CPUs, one after the other, and which callbacks
 * follow from it, in the order in which the core of sched_ext calls them.
 *
 * A visit lets the task of one CPU run until its burst or its slice is over, and
 * wakes whom it is time for. It then dispatches. The clock goes on by a share of
 * what ran, since the other CPUs run meanwhile.
 */
#ifndef __TC_DRIVE_BPF_H
#define __TC_DRIVE_BPF_H

#define TC_WAKES 3		/* sleepers that a visit wakes, at most */
#define TC_TICK_NS 1000000	/* a run this long meets a tick */
#define TC_AGENT_VISITS 32	/* between two signals */

_Static_assert(sizeof(struct task_ctx) <= sizeof(struct tc_storage), "room for what the scheduler keeps of a task");

/* The callbacks, each a program of its own to the verifier, as in a kernel. */
__noinline int hallows_select_cpu(u32 at, s32 prev_cpu, u64 wake_flags)
{
	return ____hallows_select_cpu(tc_task_at(at), prev_cpu, wake_flags);
}

__noinline int hallows_enqueue(u32 at, u64 enq_flags)
{
	____hallows_enqueue(tc_task_at(at), enq_flags);
	return 0;
}

__noinline int hallows_dispatch(s32 cpu, u32 prev)
{
	____hallows_dispatch(cpu, prev ? tc_task_at(prev) : NULL);
	return 0;
}

__noinline int hallows_running(u32 at)
{
	____hallows_running(tc_task_at(at));
	return 0;
}

__noinline int hallows_tick(u32 at)
{
	____hallows_tick(tc_task_at(at));
	return 0;
}

__noinline int hallows_stopping(u32 at, u32 runnable)
{
	____hallows_stopping(tc_task_at(at), runnable);
	return 0;
}

__noinline int hallows_update_idle(s32 cpu, u32 idle)
{
	____hallows_update_idle(cpu, idle);
	return 0;
}

/* Wakes @at, from the task that has this CPU or, with @irq, from an interrupt. */
TC_CALL int tc_wake(u32 at, u32 irq)
{
	struct tc_task *p = tc_task_at(at);
	s32 cpu;

	stage.preempt = irq ? SOFTIRQ_OFFSET : 0;
	stage.calls++;
	p->__state = 0;
	p->left_ns = p->burst_us ? tc_about(p->burst_us) : TC_FOREVER;
	if (p->nr_cpus_allowed == 1) {
		hallows_enqueue(at, __SCX_ENQ_WAKEUP);
	} else {
		stage.selecting = at + 1;
		stage.direct = 0;
		cpu = hallows_select_cpu(at, p->cpu, irq || at % 4 ? 0 : SCX_WAKE_SYNC);
		stage.selecting = 0;
		stage.trail = stage.trail * 31 + cpu;
		p->cpu = (u32)cpu % TC_CPUS;
		if (stage.direct) {
			tc_push(tc_queue_at(TC_LOCAL + p->cpu), at);
		} else {
			stage.calls++;
			hallows_enqueue(at, __SCX_ENQ_WAKEUP | TC_ENQ_CPU_SELECTED);
		}
	}
	p->scx.flags |= __SCX_TASK_QUEUED;
	stage.kicked |= 1U << ((u32)p->cpu % TC_CPUS);
	stage.preempt = 0;
	return 0;
}

/* Lets the task of @cpu run to the end of its burst or slice. */
TC_CALL int tc_work(u32 cpu)
{
	struct tc_task *p = tc_task_at(stage.curr[tc_below(TC_CPUS, cpu)]);
	u64 ran = p->left_ns < p->scx.slice ? p->left_ns : p->scx.slice;

	if (!p->at) {
		stage.now += 6 * US;
		return 0;
	}
	p->se.sum_exec_runtime += ran;
	p->scx.slice -= ran;
	p->left_ns -= ran;
	stage.now += ran / TC_CPUS + 300;
	if (ran >= TC_TICK_NS) {
		stage.calls++;
		hallows_tick(p->at);
	}
	return 0;
}

TC_CALL int tc_wake_sleepers(void)
{
	u32 i, at;

	bpf_for(i, 0, TC_WAKES) {
		if (!tc_length(&tc_sleepers))
			break;
		at = tc_sleepers.slot[tc_below(TC_TASKS, tc_sleepers.head)];
		if (tc_task_at(at)->wakes_at_ns > stage.now)
			break;
		tc_sleepers.head++;
		tc_wake(at, i);
	}
	return 0;
}

/* The burst of @at, which has this CPU, is over. */
TC_CALL int tc_sleep(u32 at)
{
	struct tc_task *p = tc_task_at(at), *partner;

	partner = tc_task_at(p->partner);
	if (p->partner < TC_TASKS && partner->__state && !partner->wakes_at_ns)
		tc_wake(p->partner, 0);
	p->__state = 1;
	p->scx.flags &= ~__SCX_TASK_QUEUED;
	stage.calls++;
	hallows_stopping(at, 0);
	/* who has a partner waits for it, the first of two for the time */
	p->wakes_at_ns = p->partner < at ? 0 : stage.now + tc_about(p->sleep_us);
	if (p->wakes_at_ns)
		tc_push(&tc_sleepers, at);
	return 0;
}

/* Gives @cpu to the first of its local queue, after @prev; false if there is nobody. */
TC_CALL int tc_switch(u32 cpu, u32 prev)
{
	struct tc_queue *local = tc_queue_at(TC_LOCAL + cpu % TC_CPUS);
	u32 next, bit = 1U << (cpu % TC_CPUS);

	if (!tc_length(local)) {
		stage.curr[tc_below(TC_CPUS, cpu)] = 0;
		if (prev || !(stage.idle & bit)) {
			stage.idle |= bit;
			stage.calls += !!prev;
			if (prev)
				hallows_update_idle(cpu, 1);
		}
		return 0;
	}
	next = tc_pop(local);
	stage.idle &= ~bit;
	if (!stage.curr[tc_below(TC_CPUS, cpu)] && !prev) {
		stage.calls++;
		hallows_update_idle(cpu, 0);
	}
	tc_task_at(next)->cpu = cpu % TC_CPUS;
	stage.curr[tc_below(TC_CPUS, cpu)] = next;
	stage.trail = stage.trail * 31 + next;
	stage.runs++;
	stage.calls++;
	return hallows_running(next);
}

/* Looks for work for @cpu, whose task was @prev and perhaps goes on. */
TC_CALL int tc_schedule(u32 cpu, u32 prev)
{
	struct tc_queue *local = tc_queue_at(TC_LOCAL + cpu % TC_CPUS);
	struct tc_task *p = tc_task_at(prev);

	stage.kicked &= ~(1U << (cpu % TC_CPUS));
	if (!tc_length(local)) {
		stage.calls++;
		hallows_dispatch(cpu, prev);
	}
	if (prev && (p->scx.flags & __SCX_TASK_QUEUED)) {
		if (p->scx.slice && !tc_length(local))
			return 0;
		stage.calls += 2;
		hallows_stopping(prev, 1);
		hallows_enqueue(prev, tc_length(local) ? 0 : __SCX_ENQ_LAST);
	}
	return tc_switch(cpu, prev);
}

/* What the agent would say now and then. */
TC_CALL int tc_speak(u32 cpu)
{
	struct signal *signal = &signals[tc_below(TC_CPUS, cpu)];
	u32 to = tc_random() % TC_CPUS;

	signal->state = CELL_BALANCED;
	signal->idle_lvl = RING_NODE;
	signal->scan_k = 4;
	signal->nr_route = 2;
	signal->route[0] = (cpu + 4) % TC_CPUS;
	signal->route[1] = (cpu + 5) % TC_CPUS;
	signal->slice_ns = 3000 * US;
	signal->push_cpu = to;
	signal->push_tok = tc_random() % 2;
	signal->fair_cpu = to;
	signal->fair_tok = tc_random() % 2;
	signal->expires_ns = stage.now + 100000 * US;
	signal->seq += 2;
	agent_word.until_ns = signal->expires_ns;
	return 0;
}

TC_CALL int tc_visit(void)
{
	u32 cpu = stage.visits++ % TC_CPUS, prev = stage.curr[tc_below(TC_CPUS, cpu)];

	stage.here = cpu;
	if (stage.visits % TC_AGENT_VISITS == 0)
		tc_speak(stage.visits / TC_AGENT_VISITS);
	tc_work(cpu);
	tc_wake_sleepers();
	if (!prev && !(stage.kicked & 1U << cpu))
		return 0;
	if (prev && !tc_task_at(prev)->left_ns)
		tc_sleep(prev);
	return tc_schedule(cpu, prev);
}

#endif
