/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Groups: threads of a process share memory, so they should share a cache.
 *
 * BPF tells the agent how long each process ran in each LLC, the agent names a
 * home for those that fit into one, and tasks go there: when they wake up, and,
 * if they never sleep, by changing places with a task that is not at home where
 * theirs is. A home expires, as all that the agent says.
 */
#ifndef __HALLOWS_GROUP_BPF_H
#define __HALLOWS_GROUP_BPF_H

#define GROUP_QUANTUM_NS 1000000	/* run time after which the group hears of it */
#define HOME_RECHECK_NS 10000000ULL
#define HOME_MOVE_GAP_NS 50000000ULL	/* between two moves of a task that never sleeps */
#define HOME_CHOICES 8			/* CPUs of its home that it looks at */

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, MAX_OCCUPANCY);
	__type(key, struct group_key);
	__type(value, u64);
} occupancy SEC(".maps") OWNER("any-cpu");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MAX_GROUPS);
	__type(key, u32);
	__type(value, struct home);
} homes SEC(".maps");

/* Adds what @p ran to its group's account, once in a while. */
static __always_inline void group_charge(const struct task_struct *p, struct task_ctx *tctx, s32 cpu)
{
	struct group_key key = { .tgid = p->tgid, .llc = llc_of(cpu) };
	u64 ran = tctx->group_ns, *sum;

	if (nr_llcs == 1 || ran < GROUP_QUANTUM_NS)
		return;
	tctx->group_ns = 0;
	if (p->signal->nr_threads < 2)
		return;
	sum = bpf_map_lookup_elem(&occupancy, &key);
	if (sum)
		__sync_fetch_and_add(sum, ran);
	else
		bpf_map_update_elem(&occupancy, &key, &ran, BPF_NOEXIST);
}

/*
 * Does the kernel's NUMA balancing want @p on another node than @llc's? It looks
 * where the memory of tasks of the kernel's own class is, from their ticks, and not
 * at ours: this is what it found before @p was ours.
 */
static __always_inline bool node_disagrees(const struct task_struct *p, u32 llc)
{
	s32 cpu = cpu_in_slot(llc, 0);

	if (!many_nodes || cpu < 0 || !bpf_core_field_exists(p->numa_preferred_nid))
		return false;
	return p->numa_preferred_nid >= 0 && p->numa_preferred_nid != __COMPAT_scx_bpf_cpu_node(cpu);
}

/* The LLC where @p should run, MAX_LLCS: any. */
static __always_inline u32 home_of(const struct task_struct *p, struct task_ctx *tctx)
{
	u32 tgid = p->tgid;
	struct home *home;
	u64 now;

	if (nr_llcs == 1)
		return MAX_LLCS;
	now = scx_bpf_now();
	if (tctx->home_checked_ns && time_before(now, tctx->home_checked_ns + HOME_RECHECK_NS))
		return tctx->home_llc;
	tctx->home_checked_ns = now;
	tctx->home_llc = MAX_LLCS;
	home = bpf_map_lookup_elem(&homes, &tgid);
	if (!home || home->llc >= nr_llcs || node_disagrees(p, home->llc))
		return MAX_LLCS;
	if (home->expires_ns - now >= SIGNAL_MAX_NS) {
		if (is_away(home->llc, scx_bpf_task_cpu(p))) {
			move_requested(MOVE_HOME, 1);
			move_expired(MOVE_HOME, 1);
		}
		return MAX_LLCS;
	}
	tctx->home_llc = home->llc;
	return home->llc;
}

/* A CPU in a random slot of @llc. */
static __always_inline s32 any_cpu_of(u32 llc)
{
	u32 nr_cpus = nr_cpus_of(llc);

	return nr_cpus ? cpu_in_slot(llc, bpf_get_prandom_u32() % nr_cpus) : -1;
}

/*
 * A CPU at home whose running task is not at home there: @p, which never sleeps,
 * changes places with it. -1 - enum hallows_reject: there is none.
 */
static __always_inline s32 home_to_swap(const struct task_struct *p, u32 home)
{
	enum hallows_reject why = REJECT_GONE;
	struct cell *cell;
	s32 cpu, i;

	bpf_for(i, 0, HOME_CHOICES) {
		cpu = any_cpu_of(home);
		cell = cell_of(cpu);
		if (cpu < 0 || !cell || nr_waiting(cpu) ||
		    (cell->flags & (CELL_HOG | CELL_AWAY | CELL_HELD | CELL_IDLE)) != (CELL_HOG | CELL_AWAY))
			continue;
		if (allows(p, cpu))
			return cpu;
		why = REJECT_MASK;
	}
	return -1 - (s32)why;
}

/* Of two random CPUs at home the one with less ahead, if @p waits there hardly longer. */
static __always_inline s32 home_to_wait(const struct task_struct *p, const struct task_ctx *tctx, u32 home,
					s32 cpu)
{
	u64 limit = ahead_ns(cpu, p, tctx) + short_slice_ns(), ahead;
	enum hallows_reject why = REJECT_MASK;
	s32 best = -1, at, i;

	bpf_for(i, 0, 2) {
		at = any_cpu_of(home);
		if (at < 0 || !allows(p, at))
			continue;
		why = REJECT_PRICE;
		ahead = ahead_ns(at, p, tctx);
		if (ahead > limit)
			continue;
		limit = ahead;
		best = at;
	}
	return best >= 0 ? best : -1 - (s32)why;
}

/* May @p leave @cpu to go home? Not if it has just come. */
static __always_inline bool may_leave(const struct task_struct *p, struct task_ctx *tctx, s32 cpu, u64 now)
{
	return nr_llcs > 1 && !is_pinned(p) && is_away(home_of(p, tctx), cpu) &&
	       !time_before(now, tctx->home_moved_ns + HOME_MOVE_GAP_NS);
}

/* Tells those at home who want to change places that @p, which runs on @cpu, may leave. */
static __always_inline void mark_away(const struct task_struct *p, struct task_ctx *tctx, struct cell *cell,
				      s32 cpu, u64 now)
{
	if (may_leave(p, tctx, cpu, now))
		cell->flags |= CELL_AWAY;
	else
		cell->flags &= ~CELL_AWAY;
}

/* @p runs on: its group hears of that before the slice, which may be long, is over. */
static __always_inline void tick_group(struct task_struct *p, struct task_ctx *tctx, struct cell *cell, s32 cpu,
				       u64 now)
{
	charge(p, tctx, cell);
	group_charge(p, tctx, cpu);
	mark_away(p, tctx, cell, cpu, now);
}

/*
 * Should @p, whose slice is over, leave @cpu for home? If there is room now: this
 * CPU has nothing else to run. It is looked for now and then only.
 */
__noinline bool leaves_for_home(const struct task_struct *p __arg_trusted, struct task_ctx *tctx __arg_nonnull,
				s32 cpu, u64 now)
{
	s32 to;

	if (!may_leave(p, tctx, cpu, now) || time_before(now, tctx->home_tried_ns + HOME_RECHECK_NS))
		return false;
	tctx->home_tried_ns = now;
	if (has_idle(tctx->home_llc, has_smt && minds_sharing(tctx)))
		return true;
	to = home_to_swap(p, tctx->home_llc);
	if (to >= 0)
		return true;
	move_requested(MOVE_HOME, 1);
	move_rejected(MOVE_HOME, -1 - to);
	return false;
}

/*
 * A CPU at home for @p, which is away on @cpu and found no idle one on its way
 * here; -1 if it stays. @woke: it comes from sleep, else its slice is over.
 */
__noinline s32 home_for(struct task_struct *p __arg_trusted, struct task_ctx *tctx __arg_nonnull, s32 cpu,
			bool woke, u64 now)
{
	u32 home = home_of(p, tctx);
	s32 to;

	if (!is_away(home, cpu) || (!woke && !may_leave(p, tctx, cpu, now)))
		return -1;
	to = pick_idle_at_home(p, tctx, home);
	if (to < 0)
		to = woke ? home_to_wait(p, tctx, home, cpu) : home_to_swap(p, home);
	move_requested(MOVE_HOME, 1);
	if (to < 0) {
		move_rejected(MOVE_HOME, -1 - to);
		return -1;
	}
	move_applied(MOVE_HOME);
	explain(p, tctx, WHY_HOME, cpu, to, 0);
	tctx->home_moved_ns = now;
	return to;
}

#endif
