/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which CPUs a task may use.
 *
 * The mask is read in global functions, which are verified once each: wherever the verifier
 * comes by such a read, it searches all of the kernel's BTF three times for types that say
 * how far the pointer may be trusted (type_is_rcu() in its verifier.c). On each path through
 * a program that was more than half of what loading took.
 */
#ifndef __HALLOWS_MASK_BPF_H
#define __HALLOWS_MASK_BPF_H

/* May @p use @cpu, as far as its mask goes? */
__noinline bool allows(const struct task_struct *p __arg_trusted, s32 cpu)
{
	return bpf_cpumask_test_cpu(cpu, p->cpus_ptr);
}

/* A CPU that @p may use, another one each time; nr_cpu_ids or more: there is none. */
__noinline u32 any_allowed(const struct task_struct *p __arg_trusted)
{
	return bpf_cpumask_any_distribute(p->cpus_ptr);
}

/* Claims an idle CPU out of all that @p may use. */
__noinline s32 pick_idle_allowed(const struct task_struct *p __arg_trusted)
{
	return scx_bpf_pick_idle_cpu(p->cpus_ptr, 0);
}

/* A task that only its present CPU may run, for good or for the moment. */
static __always_inline bool is_pinned(const struct task_struct *p)
{
	return p->nr_cpus_allowed == 1 || is_migration_disabled(p);
}

/*
 * May @p not be on @cpu, which it is counted on? If the CPU that it is to leave for goes
 * offline meanwhile, the kernel leaves it where it runs (__migrate_task()).
 */
static __always_inline bool is_stray(const struct task_struct *p, s32 cpu)
{
	return !is_migration_disabled(p) && !allows(p, cpu);
}

#endif
