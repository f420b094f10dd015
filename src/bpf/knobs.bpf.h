/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the agent decides before the program loads: the verifier sees constants.
 * The values here are those that let the program load by itself (veristat).
 */
#ifndef __HALLOWS_KNOBS_BPF_H
#define __HALLOWS_KNOBS_BPF_H

const volatile u32 nr_cpu_ids = 1;	/* highest CPU + 1 */
const volatile u32 nr_online = 1;	/* CPUs that were online at load */
const volatile u32 nr_llcs = 1;
const volatile bool many_nodes;		/* more than one node has CPUs */
const volatile bool partial;		/* tasks of other policies are not ours */
const volatile bool debug;

/* A line in the trace pipe for each decision, with --debug. */
#define decision(fmt, args...)				\
({							\
	if (debug)					\
		bpf_printk("hallows: " fmt, ##args);	\
})

/* No tunable makes a starved task wait longer: the kernel's watchdog must not see it. */
const volatile u64 starved_limit_ns = 2000000000;

const volatile struct cpu_place cpu_places[MAX_CPUS];
const volatile struct llc_place llc_places[MAX_LLCS];
const volatile u16 llc_cpus[MAX_CPUS];	/* CPUs sorted by LLC, then slot */

static __always_inline const volatile struct cpu_place *place_of(s32 cpu)
{
	return ARRAY_ELEM_PTR(cpu_places, cpu, MAX_CPUS);
}

/* Time since @then, as far as @now knows: another CPU's stamp may be later. */
static __always_inline u64 since_ns(u64 then, u64 now)
{
	return then && time_before(then, now) ? now - then : 0;
}

/* The LLC of @cpu, MAX_LLCS if there is none. */
static __always_inline u32 llc_of(s32 cpu)
{
	const volatile struct cpu_place *place = place_of(cpu);

	return place && place->llc < MAX_LLCS ? place->llc : MAX_LLCS;
}

static __always_inline u32 nr_cpus_of(u32 llc)
{
	const volatile struct llc_place *home = ARRAY_ELEM_PTR(llc_places, llc, MAX_LLCS);

	return home ? home->nr_cpus : 0;
}

/* The CPU in slot @slot of @llc, -1 if there is none. */
static __always_inline s32 cpu_in_slot(u32 llc, u32 slot)
{
	const volatile struct llc_place *home;
	const volatile u16 *cpu;

	home = ARRAY_ELEM_PTR(llc_places, llc, MAX_LLCS);
	if (!home || slot >= home->nr_cpus)
		return -1;
	cpu = ARRAY_ELEM_PTR(llc_cpus, home->first + slot, MAX_CPUS);
	return cpu ? *cpu : -1;
}

/* The distance between two CPUs: enum hallows_ring. */
__noinline u32 ring_between(s32 a, s32 b)
{
	const volatile struct cpu_place *pa = place_of(a), *pb = place_of(b);

	if (a == b)
		return RING_SELF;
	if (!pa || !pb)
		return RING_MACHINE;
	if (pa->core == pb->core)
		return RING_SMT;
	if (pa->llc == pb->llc)
		return RING_LLC;
	return pa->node == pb->node ? RING_NODE : RING_MACHINE;
}

#endif
