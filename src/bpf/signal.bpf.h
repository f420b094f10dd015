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
#define DEFAULTS_NS 10000000ULL		/* the static defaults are of tunables, too, and looked up so often */
#define GARBAGE_GAP_NS 1000000000ULL	/* between two lines about garbage */

struct signal signals[MAX_CPUS] __attribute__((aligned(64)));
struct agent_word agent_word __attribute__((aligned(64)));

/*
 * What a CPU was last told, within bounds. Written by whoever is the first to look in a
 * window of the agent; two at a time may mix two windows, which is advice, too.
 */
struct OWNER("any-cpu") orders {
	u64 until_ns;	/* then it is to be read again */
	u64 slice_ns;
	u32 read_seq;	/* of the signal that was read, obeyed or not */
	u32 seq;	/* of the signal that is obeyed, 0: static defaults */
	u32 scan_k;
	u32 idle_lvl;
	u32 state;
	u16 push_cpu;
	u16 push_tok;
	u16 fair_cpu;
	u16 fair_tok;
	bool fresh;
	u64 _pad[2];
};

_Static_assert(sizeof(struct orders) == 64, "a line for each CPU");

struct orders obeyed[MAX_CPUS] __attribute__((aligned(64)));

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

/* Makes of @orders, the static ones, what @signal says, if that is whole. */
static __always_inline void heed(s32 cpu, const volatile struct signal *signal, struct orders *orders, u64 now)
{
	struct orders wish = *orders;

	barrier();
	wish.until_ns = signal->expires_ns;
	wish.slice_ns = signal->slice_ns;
	wish.scan_k = signal->scan_k;
	wish.idle_lvl = signal->idle_lvl;
	wish.state = signal->state;
	wish.push_cpu = signal->push_cpu;
	wish.push_tok = signal->push_tok;
	wish.fair_cpu = signal->fair_cpu;
	wish.fair_tok = signal->fair_tok;
	barrier();
	if (signal->seq != wish.read_seq)
		return;
	if (wish.scan_k > MAX_SCAN_K || wish.idle_lvl > NR_RINGS || wish.state > CELL_SATURATED ||
	    wish.push_tok > MAX_TOKENS || wish.fair_tok > MAX_TOKENS)
		note_garbage(cpu, now);
	if (wish.slice_ns < short_slice_ns() || wish.slice_ns > long_slice_ns())
		wish.slice_ns = orders->slice_ns;
	wish.scan_k = at_most(wish.scan_k, MAX_SCAN_K);
	wish.push_tok = at_most(wish.push_tok, MAX_TOKENS);
	wish.fair_tok = at_most(wish.fair_tok, MAX_TOKENS);
	wish.seq = wish.read_seq;
	wish.fresh = true;
	*orders = wish;
}

/* Reads the signal of @cpu: it is obeyed if it is fresh and whole. */
__noinline int read_orders(s32 cpu, u64 now)
{
	const volatile struct signal *signal = signal_of(cpu);
	struct orders orders = {
		.until_ns = now + DEFAULTS_NS,
		.slice_ns = full_slice_ns(),
		.scan_k = DEFAULT_SCAN_K,
		.idle_lvl = RING_SMT,
		.state = CELL_BALANCED,
		.push_cpu = NO_CPU,
		.fair_cpu = NO_CPU,
	};

	if (!signal)
		return 0;
	orders.read_seq = signal->seq;
	if (!(orders.read_seq & 1) && signal_fresh(signal, now))
		heed(cpu, signal, &orders, now);
	obeyed[(u32)cpu % MAX_CPUS] = orders;
	return 0;
}

/*
 * What @cpu, which exists, is told now: the agent's orders, or the defaults. The signal is
 * read when it has changed and when it has expired; all others find it checked.
 */
static __always_inline const struct orders *orders_of(s32 cpu, u64 now)
{
	const volatile struct signal *signal = &signals[(u32)cpu % MAX_CPUS];
	struct orders *orders = &obeyed[(u32)cpu % MAX_CPUS];

	if (signal->seq != orders->read_seq || orders->until_ns - now >= SIGNAL_MAX_NS)
		read_orders(cpu, now);
	return orders;
}

#endif
