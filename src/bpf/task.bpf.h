/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tasks: virtual time, class.
 *
 * A task's virtual time advances by its run time divided by its weight and is
 * read on the clock of the CPU it last ran on (@clock_cpu). When it appears on
 * another CPU it keeps its distance to the clock, within bounds, so that keys
 * of one queue always share one clock base. The order is EEVDF's: by virtual
 * deadline, the virtual time plus the weighted length of the next request
 * (Stoica & Abdel-Wahab, "Earliest Eligible Virtual Deadline First", 1995),
 * without its eligibility test.
 */
#ifndef __HALLOWS_TASK_BPF_H
#define __HALLOWS_TASK_BPF_H

#define WHOLE_SLICES 4	/* usual ones: the longest burst that runs in one go, and the most that is owed */
#define KNOWN_BURSTS 4	/* so many tell how long the next one will be */
#define LIGHT 50	/* of the usual weight, 100: nobody heavier is to wait for who has less */
#define FEATHER 10	/* the same: whose turn it is comes second, as long as nobody starves */
#define REST_SHARES 2	/* of what each of the others gets: so much more one gets that sleeps */

struct OWNER("task") task_ctx {
	u64 vtime_ns;		/* on the clock of @clock_cpu */
	u64 exec_start_ns;	/* sum_exec_runtime when the run began */
	u64 queued_ns;		/* since when it waits, wherever, 0: it does not */
	u64 placed_ns;		/* when it was queued where it is */
	u64 burst_ns;		/* run time since it last slept */
	u64 slept_ns;		/* since when it sleeps, 0: it ran since */
	u64 rested_ns;		/* up to when sleep was taken off its debt, */
	u64 rested_clock_ns;	/* and what of @clock_cpu's clock was spent on that */
	u32 avg_burst_ns;	/* EWMA of the bursts */
	u32 nr_bursts;
	u32 group_ns;		/* run time that its group does not know of yet */
	u64 home_checked_ns;	/* when its home was last looked up */
	u64 home_moved_ns;	/* when it last left a CPU to go there, */
	u64 home_tried_ns;	/* and when it last asked for room there */
	u64 core_tried_ns;	/* when it last looked for a core of its own in vain */
	u16 home_llc;		/* MAX_LLCS: none */
	u32 cgroup_weight;	/* product of the weights of its cgroups, 100: neutral */
	u32 granted_ns;		/* the slice it runs with, or last did */
	u32 woke_pid;		/* whom it last woke in another LLC, or where none idled */
	u32 weight_epoch;	/* the cgroup weights that this product is of */
	u16 clock_cpu;
	u16 last_cpu;		/* where it last ran, NO_CPU: nowhere yet */
	u16 waker_cpu;		/* where the hog that woke it lets it run, NO_CPU: nowhere */
	u32 refills;		/* EWMA of what it missed after moves, in REFILL_NS */
	u8 footprint;		/* how much of a cache it fills, in quarters of the usual */
	u8 woke_again;		/* how many more times in a row it woke that one, 255: or more */
	u8 burst_ring;		/* how far from the last one this burst began, NR_RINGS: unknown */
	bool near_wake;		/* its waker is about to sleep, or it was not yet off its CPU */
	bool on_express;	/* waits on, or came from, an express track */
	bool out_of_turn;	/* was taken although others come first by its CPU's clock */
	bool yields;		/* it called sched_yield(): whoever waits comes first */
	bool refilling;		/* this run began with a move out of reach of the last cache */
	bool knows_refills;	/* @refills is of something */
	bool light;		/* see is_light(), when it last began to run as a hog */
	bool idle_group;	/* its cgroup, or one above that, has cpu.idle */
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct task_ctx);
} task_ctxs SEC(".maps");

static __always_inline struct task_ctx *task_ctx_of(struct task_struct *p)
{
	return bpf_task_storage_get(&task_ctxs, p, 0, 0);
}

static __always_inline bool is_pcpu_kthread(const struct task_struct *p)
{
	return (p->flags & PF_KTHREAD) && p->nr_cpus_allowed == 1;
}

/* Is @p to run only while nobody else wants to, as far as that starves nobody? */
static __always_inline bool is_idler(const struct task_struct *p, const struct task_ctx *tctx)
{
	return (int)(p->policy == SCHED_IDLE) | tctx->idle_group;
}

/*
 * Latency-critical: short bursts. Kernel threads bound to a CPU count too,
 * since user tasks wait for what they do.
 */
static __always_inline bool is_express(const struct task_struct *p, const struct task_ctx *tctx)
{
	return (tctx->avg_burst_ns < express_max_ns() && !is_idler(p, tctx)) || is_pcpu_kthread(p);
}

/*
 * Do too few bursts of a task tell how long its next one will be? A thread that has just been
 * born waits for its orders once or twice, and then computes for seconds.
 */
static __always_inline bool is_new(const struct task_ctx *tctx)
{
	return tctx->nr_bursts < KNOWN_BURSTS && tctx->avg_burst_ns < express_max_ns() / 2;
}

/* What a cell says of a latency-critical task that runs there (enum hallows_cell_flags). */
static __always_inline u32 express_flags(const struct task_struct *p, const struct task_ctx *tctx)
{
	if (is_pcpu_kthread(p))
		return CELL_KTHREAD;
	return is_new(tctx) ? CELL_NEW : 0;
}

/* Is @cpu outside the LLC @home, MAX_LLCS: of nobody? */
static __always_inline bool is_away(u32 home, s32 cpu)
{
	return home < MAX_LLCS && llc_of(cpu) != home;
}

/* Would it leave the LLC of its group? */
static __always_inline bool leaves_home(const struct task_ctx *tctx, s32 from, s32 to)
{
	return is_away(tctx->home_llc, to) && !is_away(tctx->home_llc, from);
}

static __always_inline u64 task_weight(const struct task_struct *p, const struct task_ctx *tctx)
{
	u64 weight = (u64)p->scx.weight * tctx->cgroup_weight / 100;

	return weight ?: 1;
}

/* Is @p to get next to nothing beside others: of SCHED_IDLE, or of nice 11 and above? */
static __always_inline bool is_feather(const struct task_struct *p, const struct task_ctx *tctx)
{
	return task_weight(p, tctx) < FEATHER;
}

/* Is @p to get less than half of what others get? */
static __always_inline bool is_light(const struct task_struct *p, const struct task_ctx *tctx)
{
	return (int)is_idler(p, tctx) | (task_weight(p, tctx) < LIGHT);
}

/* @ns of run time as virtual time of @p. Most have the usual weight, and a division takes long. */
static __always_inline u64 to_vtime(const struct task_struct *p, const struct task_ctx *tctx, u64 ns)
{
	if (p->scx.weight == 100 && tctx->cgroup_weight == 100)
		return ns;
	return ns * 100 / task_weight(p, tctx);
}

/* The longest burst that runs in one go. */
static __always_inline u64 whole_most_ns(void)
{
	return at_most(WHOLE_SLICES * full_slice_ns(), SLICE_MAX_NS);
}

/* How far a slice of @slice takes @p on a clock; a heavy one as far as one of the usual weight. */
static __always_inline u64 slice_vtime(const struct task_struct *p, const struct task_ctx *tctx, u64 slice)
{
	u64 own = to_vtime(p, tctx, slice);

	return own > slice ? own : slice;
}

/*
 * Reads @p's virtual time on the clock of @cpu, at most one slice of credit
 * behind it, and no more of debt ahead than WHOLE_SLICES take it. While a light
 * one waits for its turn the clock passes it by as much as its slice will take it ahead;
 * sleep, up to when it is queued, makes no such credit.
 */
static __always_inline void rebase_vtime(struct task_struct *p, struct task_ctx *tctx, s32 cpu)
{
	struct cell *from = cell_of(tctx->clock_cpu), *to = cell_of(cpu);
	s64 credit_max = full_slice_ns(), own = to_vtime(p, tctx, credit_max), debt_max = own * WHOLE_SLICES, lag;
	bool slept = tctx->slept_ns && (!tctx->queued_ns || tctx->on_express);

	if (!to)
		return;
	if (own > credit_max && !slept)
		credit_max = own;
	if (from)
		tctx->rested_clock_ns += to->vclock_ns - from->vclock_ns;
	lag = from ? tctx->vtime_ns - from->vclock_ns : 0;
	if (lag < -credit_max)
		lag = -credit_max;
	if (lag > debt_max)
		lag = debt_max;
	tctx->vtime_ns = to->vclock_ns + lag;
	tctx->clock_cpu = cpu;
}

/* Did one whose slice was over come to wait on @cpu of late? */
static __always_inline bool has_tireless(s32 cpu, u64 now)
{
	struct track_state *track = track_of(cpu);

	/* one who starves there runs, and comes to wait again, after starved_ns() at the latest */
	return track && track->tireless_ns && since_ns(track->tireless_ns, now) < 2 * starved_ns();
}

/*
 * Takes the time that @p slept off what it is ahead of its clock. Who wants half
 * of a CPU or less, such as a game that draws a frame and waits for the next, thus
 * begins each burst without debt; who wants more comes to owe, and is served in turn.
 * Sleep never makes a credit.
 *
 * Many without debt would leave little to hogs. Where there are such, sleep pays
 * REST_SHARES times of what the clock went on by, which is what each of those got, but
 * for short bursts (go_by()). The clock takes steps of a slice, so up to two slices
 * of it are kept for the next sleep. While the CPU idles all sleep counts.
 */
static __always_inline void rest(const struct task_struct *p, struct task_ctx *tctx, u64 now)
{
	struct cell *cell = cell_of(tctx->clock_cpu);
	u64 from = tctx->slept_ns, unspent, paid;
	s64 debt;

	if (!from || !cell)
		return;
	if (time_before(from, tctx->rested_ns))
		from = tctx->rested_ns;
	tctx->rested_ns = now;
	debt = tctx->vtime_ns - cell->vclock_ns;
	if (debt <= 0)
		return;
	paid = at_most(to_vtime(p, tctx, since_ns(from, now)), debt);
	if (!cell->idle_since_ns && !is_express(p, tctx) && has_tireless(tctx->clock_cpu, now)) {
		unspent = at_most(cell->vclock_ns - tctx->rested_clock_ns,
				  to_vtime(p, tctx, 2 * full_slice_ns()));
		paid = at_most(paid, REST_SHARES * unspent);
		tctx->rested_clock_ns = cell->vclock_ns - unspent + paid / REST_SHARES;
	}
	tctx->vtime_ns -= paid;
}

/*
 * How long a burst of @tctx may run in one go; @slice if they are shorter, or too long for that, or of
 * one for whom nobody is to wait.
 */
static __always_inline u64 whole_burst_ns(const struct task_ctx *tctx, u64 slice)
{
	u64 burst = (u64)tctx->avg_burst_ns * !tctx->light;

	if (burst <= slice || burst > whole_most_ns())
		return slice;
	return at_most(burst + burst / 4, whole_most_ns());
}

/* Does a task that would get @slice run all of its burst, which is not longer than usual by now? */
static __always_inline bool runs_whole(const struct task_ctx *tctx, u64 slice)
{
	return whole_burst_ns(tctx, slice) > slice && tctx->burst_ns < tctx->avg_burst_ns;
}

/* Has @tctx, which has not slept since, run for more than a slice, as no short or whole burst does? */
static __always_inline bool is_tireless(const struct task_ctx *tctx)
{
	u64 slice = full_slice_ns();

	return tctx->burst_ns >= slice && !runs_whole(tctx, slice);
}

/*
 * The slice of a task that would get @slice: enough for the rest of its burst. What is
 * cut off would wait for a round of all others.
 */
static __always_inline u64 whole_slice(const struct task_ctx *tctx, u64 slice)
{
	u64 rest_ns;

	if (!runs_whole(tctx, slice))
		return slice;
	rest_ns = whole_burst_ns(tctx, slice) - tctx->burst_ns;
	return rest_ns > slice ? rest_ns : slice;
}

/*
 * The virtual deadline of @p's next request, at most @slice long. A slice longer than
 * the usual is cut as soon as others wait, so nobody requests it. Who runs its bursts
 * whole, and was preempted, goes on with the request that it had made.
 */
static __always_inline u64 deadline_of(struct task_struct *p, struct task_ctx *tctx, u64 slice)
{
	u64 request = at_most(at_most(slice, full_slice_ns()), tctx->avg_burst_ns);
	u64 begun = runs_whole(tctx, slice) ? tctx->burst_ns : 0;

	return tctx->vtime_ns - to_vtime(p, tctx, begun) + to_vtime(p, tctx, request);
}

/*
 * Somebody ran for @ran who may sleep in time to have no debts, while others wait. Of such the clock,
 * which follows whom it chose, knows nothing, and would stand for ever: it goes on by the share of each
 * who wants the CPU (EEVDF's V), until the turn of those who wait comes.
 */
static __always_inline void go_by(struct cell *cell, u64 ran)
{
	u64 step = ran / (1 + cell->nr_queued);

	cell->vclock_ns += step;
	if (cell->pace_ns)
		cell->pace_ns += step;
}

/* Charges @p for what it ran since it was last charged, on the CPU of @cell. */
static __always_inline void charge(struct task_struct *p, struct task_ctx *tctx, struct cell *cell)
{
	u64 ran = p->se.sum_exec_runtime - tctx->exec_start_ns, passed = to_vtime(p, tctx, ran);

	tctx->exec_start_ns = p->se.sum_exec_runtime;
	if (passed > 2 * ran)
		cell->light_ns += ran;
	tctx->vtime_ns += passed;
	tctx->burst_ns += ran;
	tctx->group_ns += ran;
	if (cell->nr_queued && !is_tireless(tctx))
		go_by(cell, at_most(passed, ran));
}

/*
 * The clock of a CPU follows the virtual time of whom it chose to run, a slice
 * at a time: one task far ahead must not wipe out the others' lags. @slice is a
 * usual one, or what it ran on for while others did not wait. Who came
 * by the express track, or out of turn, was not chosen by this clock.
 */
static __always_inline void advance_clock(struct cell *cell, const struct task_struct *p,
					  const struct task_ctx *tctx, u64 slice)
{
	u64 step = tctx->vtime_ns - cell->vclock_ns, most = slice_vtime(p, tctx, slice);

	if (tctx->on_express || tctx->out_of_turn || (s64)step <= 0)
		return;
	if (step > most)
		step = most;
	cell->vclock_ns += step;
	if (cell->pace_ns)
		cell->pace_ns += step;
}

/*
 * Kernels without commit 7e0ffb72de8a let a verdict outlive the scheduler that
 * gave it, if the wake-up was on its way to another CPU when that was unloaded.
 * They queue the task by it, and warn of a second one.
 */
static __always_inline bool has_verdict(const struct task_struct *p)
{
	return bpf_core_field_exists(p->scx.ddsp_dsq_id) && p->scx.ddsp_dsq_id == SCX_DSQ_LOCAL;
}

#endif
