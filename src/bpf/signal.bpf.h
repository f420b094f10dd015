/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Signals: what the agent asks of a CPU, obeyed while it is fresh.
 *
 * The agent makes @seq odd, writes, makes it even. A reader that meets an odd
 * or a changed @seq, or a signal that expired, uses the static defaults: a
 * stopped or killed agent costs its advice and nothing else. What a signal
 * says is bounded here before use, since it is memory that user space writes.
 * BPF has no portable load-acquire: where loads are reordered (arm64) a torn
 * signal may pass, which is advice of two windows mixed.
 */
#ifndef __HALLOWS_SIGNAL_BPF_H
#define __HALLOWS_SIGNAL_BPF_H

#define DEFAULT_SCAN_K 4
#define MAX_SCAN_K 16
#define SIGNAL_MAX_NS 1000000000ULL	/* no signal holds longer, whatever it says */
#define GARBAGE_GAP_NS 1000000000ULL	/* between two lines about garbage */

struct signal signals[MAX_CPUS] __attribute__((aligned(64)));
struct agent_word agent_word __attribute__((aligned(64)));

struct orders {
	u64 slice_ns;
	u32 scan_k;
	u32 idle_lvl;
	u32 state;
	u32 seq;	/* of the signal, 0: static defaults */
	u16 push_cpu;
	u16 push_tok;
	u16 fair_cpu;
	u16 fair_tok;
	bool fresh;
};

static __always_inline struct signal *signal_of(s32 cpu)
{
	return ARRAY_ELEM_PTR(signals, cpu, MAX_CPUS);
}

static __always_inline bool signal_fresh(const volatile struct signal *signal, u64 now)
{
	return signal->expires_ns - now < SIGNAL_MAX_NS;
}

/* When it was last told of garbage. */
u64 garbage_told_ns OWNER("rare");

/* The signal of @cpu is nothing that an agent writes: counts that, and tells of it once a second. */
__noinline int note_garbage(s32 cpu, u64 now)
{
	u64 told = garbage_told_ns;

	count(STAT_GARBAGE);
	if (told && time_before(now, told + GARBAGE_GAP_NS))
		return 0;
	if (__sync_val_compare_and_swap(&garbage_told_ns, told, now) == told)
		bpf_printk("hallows: the signal of CPU %d is garbage: obeyed within bounds", cpu);
	return 0;
}

/* Fills @orders for @cpu: the agent's if they are fresh and whole. */
__noinline int read_orders(s32 cpu, struct orders *orders, u64 now)
{
	const volatile struct signal *signal = signal_of(cpu);
	struct orders wish;
	u32 seq;

	if (!orders)
		return -EINVAL;
	*orders = (struct orders){
		.slice_ns = full_slice_ns(),
		.scan_k = DEFAULT_SCAN_K,
		.idle_lvl = RING_SMT,
		.state = CELL_BALANCED,
		.push_cpu = NO_CPU,
		.fair_cpu = NO_CPU,
	};
	if (!signal)
		return 0;
	seq = signal->seq;
	if ((seq & 1) || !signal_fresh(signal, now))
		return 0;
	barrier();
	wish.slice_ns = signal->slice_ns;
	wish.scan_k = signal->scan_k;
	wish.idle_lvl = signal->idle_lvl;
	wish.state = signal->state;
	wish.push_cpu = signal->push_cpu;
	wish.push_tok = signal->push_tok;
	wish.fair_cpu = signal->fair_cpu;
	wish.fair_tok = signal->fair_tok;
	barrier();
	if (signal->seq != seq)
		return 0;
	if (wish.scan_k > MAX_SCAN_K || wish.idle_lvl > NR_RINGS || wish.state > CELL_SATURATED ||
	    wish.push_tok > MAX_TOKENS || wish.fair_tok > MAX_TOKENS)
		note_garbage(cpu, now);
	if (wish.slice_ns >= short_slice_ns() && wish.slice_ns <= long_slice_ns())
		orders->slice_ns = wish.slice_ns;
	orders->scan_k = wish.scan_k < MAX_SCAN_K ? wish.scan_k : MAX_SCAN_K;
	orders->idle_lvl = wish.idle_lvl;
	orders->state = wish.state;
	orders->push_cpu = wish.push_cpu;
	orders->push_tok = wish.push_tok < MAX_TOKENS ? wish.push_tok : MAX_TOKENS;
	orders->fair_cpu = wish.fair_cpu;
	orders->fair_tok = wish.fair_tok < MAX_TOKENS ? wish.fair_tok : MAX_TOKENS;
	orders->seq = seq;
	orders->fresh = true;
	return 0;
}

#endif
