/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the agent decides before the program loads: the verifier sees constants.
 * The values here are those that let the program load by itself (veristat).
 */
#ifndef __HALLOWS_KNOBS_BPF_H
#define __HALLOWS_KNOBS_BPF_H

const volatile u32 nr_cpu_ids = 1;	/* highest CPU that there may ever be + 1 */
const volatile u32 nr_llcs = 1;		/* those known at load: for more it has to load again */
const volatile bool many_nodes;		/* more than one node has CPUs */
const volatile bool has_smt;		/* some core has more than one CPU */
const volatile bool partial;		/* tasks of other policies are not ours */
const volatile bool debug;
const volatile bool laid_out;		/* this code lies along profiles */

/* A line in the trace pipe for each decision, with --debug. */
#define decision(fmt, args...)				\
({							\
	if (debug)					\
		bpf_printk("hallows: " fmt, ##args);	\
})

const volatile u32 watchdog_ms = 5000;	/* ops.timeout_ms */

/* Time since @then, as far as @now knows: another CPU's stamp may be later. */
static __always_inline u64 since_ns(u64 then, u64 now)
{
	return then && time_before(then, now) ? now - then : 0;
}

#endif
