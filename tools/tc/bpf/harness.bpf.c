/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The scheduler's source, as it is, in a program of the network's traffic control:
 * any kernel runs that, once for each packet or, for whoever asks, so many times in
 * a row (BPF_PROG_TEST_RUN). What sched_ext would do stands beside it.
 *
 *   kernel  what stands in for the kernel
 *   names   under which names
 *   mix     who works
 *   drive   what happens, and which callbacks follow from it
 */
#include <scx/common.bpf.h>
#include <bpf_experimental.h>
#include "../../../src/bpf/intf.h"
#include "kernel.bpf.h"
#include "names.bpf.h"

/* What the agent decides before load, for the machine that there is here. */
#define nr_cpu_ids nr_cpu_ids_unset
#define nr_llcs nr_llcs_unset
#include "../../../src/bpf/knobs.bpf.h"
#undef nr_cpu_ids
#undef nr_llcs
const volatile u32 nr_cpu_ids = TC_CPUS;
const volatile u32 nr_llcs = TC_LLCS;

/* a task holds what its pointers point to, and is const where those would not be */
#pragma clang diagnostic ignored "-Wincompatible-pointer-types-discards-qualifiers"
#include "../../../src/bpf/main.bpf.c"
#include "mix.bpf.h"
#include "drive.bpf.h"

/* The tables that the agent writes: LLCs of four CPUs on one node. */
TC_CALL int tc_place(void)
{
	u32 cpu, per_llc = TC_CPUS / TC_LLCS;
	int err;

	bpf_for(cpu, 0, TC_CPUS) {
		cpu_places[tc_below(TC_CPUS, cpu)] = (struct cpu_place){ cpu / per_llc, 0, cpu % per_llc, cpu };
		llc_cpus[tc_below(TC_CPUS, cpu)] = cpu;
	}
	llc_places[0] = (struct llc_place){ 0, per_llc, 1, 0, { 1 } };
	llc_places[1] = (struct llc_place){ per_llc, per_llc, 1, 0, { 0 } };
	nr_placed = TC_CPUS;
	tunables.long_slice_ns = 6000 * US;
	tunables.hysteresis_ns = 20 * US;
	tunables.need_ns[RING_SMT] = 25 * US;
	tunables.need_ns[RING_LLC] = 40 * US;
	tunables.need_ns[RING_NODE] = 250 * US;
	tunables.need_ns[RING_MACHINE] = 500 * US;
	stage.now = 1000000 * US;
	stage.random = 0x2545f491;
	stage.idle = (1U << TC_CPUS) - 1;
	tc_tasks[0].prio = 120;
	tc_tasks[0].flags = PF_IDLE;
	err = ____hallows_init();
	/* the mask of all CPUs, then those of one */
	bpf_for(cpu, 0, TC_CPUS + 1)
		tc_masks[tc_below(TC_MASKS, 32 + cpu)] = cpu ? 1ULL << (cpu - 1) : (1U << TC_CPUS) - 1;
	return err;
}

/* One more task. */
TC_CALL int tc_start(u32 at, u32 kind_at)
{
	const volatile struct tc_kind *kind = &tc_mixes[tc_below(TC_MIXES, tc_mix)].kinds[tc_below(TC_KINDS, kind_at)];
	struct tc_task *p = tc_task_at(at);
	u32 bound = kind->bound;

	p->at = at;
	p->pid = 100 + at;
	p->tgid = 100 + at / 4;
	p->prio = 120;
	p->numa_preferred_nid = -1;
	p->cpu = at % TC_CPUS;
	p->nr_cpus_allowed = bound ? 1 : TC_CPUS;
	p->cpus_ptr = (void *)(u64)(bound ? 33 + p->cpu : 32);
	p->scx.weight = kind->weight;
	p->signal->nr_threads = 4;
	p->mm->rss_stat[0].count = 600 * (1 + at % 5);
	p->burst_us = kind->burst_us;
	p->sleep_us = kind->sleep_us;
	p->partner = kind->pairs ? at ^ 1 : TC_NOBODY;
	p->__state = 1;
	____hallows_init_task(p, NULL);
	____hallows_enable(p);
	tc_push(&tc_sleepers, at);
	return 0;
}

TC_CALL int tc_start_all(void)
{
	u32 kind, nth, at = 2;

	bpf_for(kind, 0, TC_KINDS) {
		bpf_for(nth, 0, TC_TASKS) {
			if (nth >= tc_mixes[tc_below(TC_MIXES, tc_mix)].kinds[tc_below(TC_KINDS, kind)].nr || at >= TC_TASKS)
				break;
			tc_start(at, kind);
			at++;
		}
	}
	return 0;
}

/* Sets everything up; from then on, 64 visits at a time. */
SEC("tc") __attribute__((no_profile_instrument_function))
int tc_run(struct __sk_buff *skb)
{
	u32 i;

	if (!stage.now)
		return tc_place() ?: tc_start_all();
	bpf_for(i, 0, 64)
		tc_visit();
	return 0;
}
