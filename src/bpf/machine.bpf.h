/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The machine: where each CPU is.
 *
 * The agent writes it before the program loads. From then on it only grows, by
 * CPUs that were offline until then (hotplug.bpf.h): a CPU that goes offline keeps
 * its place, and is held for good as it were.
 */
#ifndef __HALLOWS_MACHINE_BPF_H
#define __HALLOWS_MACHINE_BPF_H

struct cpu_place cpu_places[MAX_CPUS];
struct llc_place llc_places[MAX_LLCS];
u16 llc_cpus[MAX_CPUS] OWNER("rare");	/* CPUs sorted by LLC, then slot */
u32 nr_placed OWNER("rare") = 1;	/* how many of them there are */

static __always_inline const volatile struct cpu_place *place_of(s32 cpu)
{
	return ARRAY_ELEM_PTR(cpu_places, cpu, MAX_CPUS);
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

/* The distance between two different CPUs. */
__noinline u32 ring_apart(s32 a, s32 b)
{
	const volatile struct cpu_place *pa = place_of(a), *pb = place_of(b);

	if (!pa || !pb)
		return RING_MACHINE;
	if (pa->core == pb->core)
		return RING_SMT;
	if (pa->llc == pb->llc)
		return RING_LLC;
	return pa->node == pb->node ? RING_NODE : RING_MACHINE;
}

/* The distance between two CPUs: enum hallows_ring. */
static __always_inline u32 ring_between(s32 a, s32 b)
{
	return a == b ? RING_SELF : ring_apart(a, b);
}

#endif
