/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What stands in for the kernel: tasks, masks, queues and the idle CPUs, in plain
 * memory, behind the names that the scheduler calls.
 *
 * Each kfunc is a call to a function of its own here, too, so that the scheduler's
 * code around it has the shape that it has in a kernel. Masks are numbers in the
 * place of pointers. Queues are first in, first out: keys are noted, not sorted by.
 */
#ifndef __TC_KERNEL_BPF_H
#define __TC_KERNEL_BPF_H

#define TC_CPUS 8
#define TC_LLCS 2
#define TC_TASKS 64	/* the first is whom an idle CPU runs */
#define TC_MASKS 64
#define TC_QUEUES 32
#define TC_NOBODY TC_TASKS

/* Counted and laid out with no profile: the same code in every build. */
#define TC_CALL __attribute__((noinline, no_profile_instrument_function))
#define TC_INLINE static __always_inline

/* The kernel's numbers, which the agent reads from BTF. */
const volatile u64 __SCX_DSQ_GLOBAL = 0x8000000000000001ULL;
const volatile u64 __SCX_DSQ_LOCAL = 0x8000000000000002ULL;
const volatile u64 __SCX_DSQ_LOCAL_ON = 0xc000000000000000ULL;
const volatile u64 __SCX_ENQ_WAKEUP = 1;
const volatile u64 __SCX_ENQ_PREEMPT = 1ULL << 32;
const volatile u64 __SCX_ENQ_REENQ = 1ULL << 40;
const volatile u64 __SCX_ENQ_LAST = 1ULL << 41;
const volatile u64 __SCX_KICK_IDLE = 1;
const volatile u64 __SCX_KICK_PREEMPT = 2;
const volatile u64 __SCX_TASK_QUEUED = 1;
#define TC_ENQ_CPU_SELECTED (1ULL << 20)

/* What the scheduler reads of a task, by the kernel's names. */
struct tc_task {
	u32 at;			/* its index */
	int pid;
	int tgid;
	u32 flags;
	u32 __state;
	int prio;
	u32 policy;
	int nr_cpus_allowed;
	int numa_preferred_nid;
	u32 migration_disabled;
	const struct cpumask *cpus_ptr;
	char comm[16];
	struct { u64 sum_exec_runtime; } se;
	struct { u64 slice, dsq_vtime, ddsp_dsq_id; u32 flags, weight; } scx;
	struct { int nr_threads; } signal[1];
	struct tc_mm { struct { u64 count; } rss_stat[2]; } mm[1];
	struct task_group *sched_task_group;
	/* what only the stand-ins read */
	s32 cpu;
	u32 partner;		/* whom it wakes when its burst ends, TC_NOBODY: nobody */
	u64 left_ns;		/* of its burst */
	u64 burst_us;		/* 0: it never sleeps */
	u64 sleep_us;
	u64 wakes_at_ns;
};

struct tc_release_args {
	int reason;
	struct tc_task *task;
};

struct tc_queue {
	u32 head;
	u32 tail;
	u32 slot[TC_TASKS];
};

struct tc_storage {
	u64 words[32];
};

/* The machine between two events. */
struct tc_state {
	u64 now;
	u32 here;		/* the CPU that runs this */
	u32 idle;		/* a bit for each CPU that idles and is claimed by nobody */
	u32 preempt;		/* the preemption count */
	u32 random;
	u32 nr_masks;
	u32 selecting;		/* whose CPU is being selected, 1 more than its index; 0: nobody's */
	u32 direct;		/* and whether it was inserted there and then */
	u32 kicked;		/* a bit for each CPU that is to look for work */
	u32 curr[TC_CPUS];
	u64 runs;		/* that began: decisions */
	u64 calls;		/* of callbacks */
	u64 visits;
	u64 trail;		/* a sum of what was decided, in its order */
};

struct tc_task tc_tasks[TC_TASKS];
struct tc_storage tc_storages[TC_TASKS];
struct tc_queue tc_queues[TC_QUEUES];
struct tc_queue tc_sleepers;
u64 tc_masks[TC_MASKS];
struct tc_state stage;

#define TC_LOCAL 8		/* queues: tracks, local ones, express tracks, the emergency's */
#define TC_EXPRESS 16
#define TC_OTHER 31

/* @at, bounded to see for a verifier that knows less of where it comes from than clang. */
TC_INLINE u32 tc_below(u32 bound, u32 at)
{
	barrier_var(at);
	return at % bound;
}

TC_INLINE struct tc_task *tc_task_at(u32 at)
{
	return &tc_tasks[tc_below(TC_TASKS, at)];
}

TC_INLINE struct tc_queue *tc_queue_at(u32 at)
{
	return &tc_queues[tc_below(TC_QUEUES, at)];
}

TC_INLINE u32 tc_length(const struct tc_queue *queue)
{
	return queue->tail - queue->head;
}

TC_INLINE void tc_push(struct tc_queue *queue, u32 at)
{
	queue->slot[tc_below(TC_TASKS, queue->tail++)] = at;
}

TC_INLINE u32 tc_pop(struct tc_queue *queue)
{
	return queue->slot[tc_below(TC_TASKS, queue->head++)];
}

/* The queue that a DSQ's number means to a task of @cpu. */
TC_INLINE u32 tc_queue_of(u64 dsq, u32 cpu)
{
	if (dsq < TC_CPUS)
		return dsq;
	if (dsq == __SCX_DSQ_LOCAL)
		return TC_LOCAL + cpu % TC_CPUS;
	if ((dsq & __SCX_DSQ_LOCAL_ON) == __SCX_DSQ_LOCAL_ON)
		return TC_LOCAL + dsq % TC_CPUS;
	if (dsq >= MAX_CPUS && dsq < MAX_CPUS + TC_LLCS)
		return TC_EXPRESS + (dsq - MAX_CPUS);
	return TC_OTHER;
}

TC_INLINE bool tc_allows(u64 mask, u32 cpu)
{
	return tc_masks[tc_below(TC_MASKS, mask)] >> (cpu % 64) & 1;
}

/* xorshift of 32 bits. */
TC_CALL u32 tc_random(void)
{
	u32 x = stage.random;

	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;
	stage.random = x;
	return x;
}

TC_CALL u64 tc_now(void)
{
	return stage.now;
}

static TC_CALL void *tc_storage(const struct tc_task *p)
{
	return p->at ? &tc_storages[tc_below(TC_TASKS, p->at)] : NULL;
}

TC_CALL s32 tc_task_cpu(u32 at)
{
	return tc_task_at(at)->cpu;
}

TC_CALL int tc_set_slice(u32 at, u64 slice)
{
	tc_task_at(at)->scx.slice = slice;
	return 1;
}

TC_CALL s32 tc_nr_queued(u64 dsq)
{
	return tc_length(tc_queue_at(tc_queue_of(dsq, stage.here)));
}

TC_CALL int tc_kick(s32 cpu, u64 flags)
{
	stage.trail = stage.trail * 31 + cpu;
	stage.kicked |= 1U << (cpu % TC_CPUS);
	if (flags & __SCX_KICK_PREEMPT)
		tc_task_at(stage.curr[tc_below(TC_CPUS, cpu)])->scx.slice = 0;
	return 0;
}

TC_CALL int tc_insert(u32 at, u64 dsq, u64 slice, u64 key, u64 flags)
{
	struct tc_task *p = tc_task_at(at);

	p->scx.slice = slice;
	p->scx.dsq_vtime = key;
	stage.trail = stage.trail * 31 + dsq + slice + key;
	if (stage.selecting == at + 1) {
		stage.direct = 1;
		return 1;
	}
	tc_push(tc_queue_at(tc_queue_of(dsq, p->cpu)), at);
	if (flags & __SCX_ENQ_PREEMPT)
		tc_task_at(stage.curr[tc_below(TC_CPUS, p->cpu)])->scx.slice = 0;
	return 1;
}

TC_CALL int tc_move_to_local(u64 dsq)
{
	struct tc_queue *queue = tc_queue_at(tc_queue_of(dsq, stage.here));
	struct tc_task *p;

	if (!tc_length(queue))
		return 0;
	p = tc_task_at(queue->slot[tc_below(TC_TASKS, queue->head)]);
	if (!tc_allows((u64)p->cpus_ptr, stage.here))
		return 0;
	queue->head++;
	p->cpu = stage.here;
	tc_push(tc_queue_at(TC_LOCAL + stage.here % TC_CPUS), p->at);
	return 1;
}

/* The slot in place @nth of @queue, counted from either end. */
TC_INLINE u32 tc_slot(const struct tc_queue *queue, u32 nth, u32 backwards)
{
	return tc_below(TC_TASKS, backwards ? queue->tail - 1 - nth : queue->head + nth);
}

/* Who waits there, TC_NOBODY: nobody. */
TC_CALL u32 tc_nth(u64 dsq, u32 nth, u32 backwards)
{
	struct tc_queue *queue = tc_queue_at(tc_queue_of(dsq, stage.here));

	return nth < tc_length(queue) ? queue->slot[tc_slot(queue, nth, backwards)] : TC_NOBODY;
}

/* Moves that one to the queue @to; the head takes its place. */
TC_CALL int tc_move(u64 dsq, u32 nth, u32 backwards, u64 to_dsq)
{
	struct tc_queue *queue = tc_queue_at(tc_queue_of(dsq, stage.here));
	u32 to = tc_queue_of(to_dsq, stage.here), slot = tc_slot(queue, nth, backwards);
	u32 at = queue->slot[slot];

	queue->slot[slot] = tc_pop(queue);
	if (to >= TC_LOCAL && to < TC_LOCAL + TC_CPUS)
		tc_task_at(at)->cpu = to - TC_LOCAL;
	tc_push(tc_queue_at(to), at);
	return 1;
}

/* The iterator of a queue. The kernel's own of numbers bounds it for the verifier. */
struct tc_iter {
	struct bpf_iter_num nth;
	u64 dsq;
	u32 backwards;
	s32 last;
};

TC_INLINE int tc_iter_new(struct tc_iter *it, u64 dsq, u64 flags)
{
	it->dsq = dsq;
	it->backwards = !!flags;
	it->last = 0;
	return bpf_iter_num_new(&it->nth, 0, TC_TASKS);
}

TC_INLINE struct tc_task *tc_iter_next(struct tc_iter *it)
{
	int *nth = bpf_iter_num_next(&it->nth);
	u32 at;

	if (!nth)
		return NULL;
	it->last = *nth;
	at = tc_nth(it->dsq, it->last, it->backwards);
	return at < TC_TASKS ? tc_task_at(at) : NULL;
}

TC_INLINE void tc_iter_destroy(struct tc_iter *it)
{
	bpf_iter_num_destroy(&it->nth);
}

TC_INLINE struct tc_task *tc_peek(u64 dsq)
{
	u32 at = tc_nth(dsq, 0, 0);

	return at < TC_TASKS ? tc_task_at(at) : NULL;
}

/* A mask's number; there is none left at 0. */
TC_CALL u64 tc_mask_create(void)
{
	return stage.nr_masks + 1 < TC_MASKS ? ++stage.nr_masks : 0;
}

TC_CALL int tc_mask_put(u64 mask, u32 cpu, u32 in)
{
	u64 bit = 1ULL << (cpu % 64);
	u64 *bits = &tc_masks[tc_below(TC_MASKS, mask)];

	*bits = in ? *bits | bit : *bits & ~bit;
	return 0;
}

TC_CALL int tc_mask_test(u32 cpu, u64 mask)
{
	return tc_allows(mask, cpu);
}

TC_CALL int tc_mask_subset(u64 mask, u64 of)
{
	return !(tc_masks[tc_below(TC_MASKS, mask)] & ~tc_masks[tc_below(TC_MASKS, of)]);
}

TC_CALL int tc_mask_and(u64 to, u64 a, u64 b)
{
	u64 both = tc_masks[tc_below(TC_MASKS, a)] & tc_masks[tc_below(TC_MASKS, b)];

	tc_masks[tc_below(TC_MASKS, to)] = both;
	return !!both;
}

TC_CALL int tc_any_idle(u64 mask)
{
	return !!(tc_masks[tc_below(TC_MASKS, mask)] & stage.idle);
}

TC_CALL s32 tc_any_cpu(u64 mask)
{
	u64 bits = tc_masks[tc_below(TC_MASKS, mask)];

	return bits ? __builtin_ctzll(bits) : TC_CPUS;
}

/* A core has one thread, whatever @flags ask for. What only they are made of clang would leave unset. */
TC_CALL s32 tc_pick_idle(u64 mask, u64 flags)
{
	u32 bits = tc_masks[tc_below(TC_MASKS, mask)] & stage.idle;
	s32 cpu;

	asm volatile("" : : "r"(flags));
	if (!bits)
		return -EBUSY;
	cpu = __builtin_ctz(bits);
	stage.idle &= ~(1U << cpu);
	return cpu;
}

TC_CALL int tc_claim(s32 cpu)
{
	u32 bit = 1U << (cpu % TC_CPUS);

	if (!(stage.idle & bit))
		return 0;
	stage.idle &= ~bit;
	return 1;
}

#endif
