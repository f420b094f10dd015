/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel's names, as the scheduler's source uses them, for what is in
 * kernel.bpf.h. Included after the kernel's own headers, and before that source.
 */
#ifndef __TC_NAMES_BPF_H
#define __TC_NAMES_BPF_H

#undef __kptr
#define __kptr
/* a task is plain memory to the verifier */
#undef __arg_trusted
#define __arg_trusted __arg_nonnull
#define task_struct tc_task
#define mm_struct tc_mm
#define scx_cpu_release_args tc_release_args
#define bpf_iter_scx_dsq tc_iter
#define bpf_iter_scx_dsq_new tc_iter_new
#define bpf_iter_scx_dsq_next tc_iter_next
#define bpf_iter_scx_dsq_destroy tc_iter_destroy

/* tasks that are no kernel's need no relocation */
#undef bpf_core_field_exists
#define bpf_core_field_exists(field) 1
/* they are in no groups */
#undef bpf_core_type_exists
#define bpf_core_type_exists(type) 0
#undef BPF_CORE_READ
#define BPF_CORE_READ(from, member) ((from)->member)
#define bpf_probe_read_kernel(to, size, from) __builtin_memcpy(to, from, size)
#define is_migration_disabled(p) ((p)->migration_disabled)
#define bpf_task_storage_get(map, p, value, flags) tc_storage(p)
#define bpf_task_storage_delete(map, p)
#define bpf_kptr_xchg(slot, value) ({ typeof(value) ___old = *(slot); *(slot) = (value); ___old; })
#define bpf_rcu_read_lock()
#define bpf_rcu_read_unlock()

#define bpf_get_smp_processor_id() (stage.here)
#define bpf_get_current_task_btf() tc_task_at(stage.curr[tc_below(TC_CPUS, stage.here)])
#define bpf_get_prandom_u32() tc_random()
#define get_preempt_count() (stage.preempt)

#define bpf_cpumask_create() ((struct bpf_cpumask *)tc_mask_create())
#define bpf_cpumask_release(mask)
#define bpf_cpumask_set_cpu(cpu, mask) tc_mask_put((u64)(mask), cpu, 1)
#define bpf_cpumask_clear_cpu(cpu, mask) tc_mask_put((u64)(mask), cpu, 0)
#define bpf_cpumask_test_cpu(cpu, mask) tc_mask_test(cpu, (u64)(mask))
#define bpf_cpumask_subset(mask, of) tc_mask_subset((u64)(mask), (u64)(of))
#define bpf_cpumask_and(to, a, b) tc_mask_and((u64)(to), (u64)(a), (u64)(b))
#define bpf_cpumask_any_distribute(mask) tc_any_cpu((u64)(mask))
/* the only mask that is asked about so is that of idle CPUs */
#define bpf_cpumask_intersects(idle, mask) tc_any_idle((u64)(mask))
#define scx_bpf_get_idle_cpumask() NULL
#define scx_bpf_get_idle_smtmask() NULL
#define scx_bpf_put_idle_cpumask(mask) ((void)(mask))
#define scx_bpf_pick_idle_cpu(mask, flags) tc_pick_idle((u64)(mask), flags)
#define scx_bpf_test_and_clear_cpu_idle(cpu) tc_claim(cpu)

#undef scx_bpf_now
#define scx_bpf_now() tc_now()
#define scx_bpf_task_cpu(p) tc_task_cpu((p)->at)
#define scx_bpf_task_set_slice(p, slice) tc_set_slice((p)->at, slice)
#undef scx_bpf_task_cgroup
#define scx_bpf_task_cgroup(p) ((struct cgroup *)NULL)
#define scx_bpf_kick_cpu(cpu, flags) tc_kick(cpu, flags)
#define scx_bpf_create_dsq(dsq, node) ((void)(dsq), 0)
#define scx_bpf_dsq_nr_queued(dsq) tc_nr_queued(dsq)
#define scx_bpf_dsq_insert(p, dsq, slice, flags) tc_insert((p)->at, dsq, slice, 0, flags)
#define scx_bpf_dsq_insert_vtime(p, dsq, slice, key, flags) tc_insert((p)->at, dsq, slice, key, flags)
#undef scx_bpf_dsq_move_to_local
#define scx_bpf_dsq_move_to_local(dsq, flags) tc_move_to_local(dsq)
#undef scx_bpf_dsq_move
#define scx_bpf_dsq_move(it, p, to, flags) tc_move((it)->dsq, (it)->last, (it)->backwards, to)
#define scx_bpf_reenqueue_local() 0
#define scx_bpf_reenqueue_local_from_anywhere() 0
#undef scx_bpf_exit
#define scx_bpf_exit(args...)
#undef scx_bpf_dump
#define scx_bpf_dump(args...)
#undef __COMPAT_scx_bpf_cpu_node
#define __COMPAT_scx_bpf_cpu_node(cpu) 0
#define __COMPAT_scx_bpf_dsq_peek(dsq) tc_peek(dsq)
#define __COMPAT_scx_bpf_cpu_curr(cpu) tc_task_at(stage.curr[tc_below(TC_CPUS, (u32)(cpu))])
#define __COMPAT_is_enq_cpu_selected(flags) ((flags) & TC_ENQ_CPU_SELECTED)

/* Each callback goes inline into the program that calls it, as BPF_PROG() has it. */
#undef BPF_STRUCT_OPS
#define BPF_STRUCT_OPS(name, args...) static __always_inline __attribute__((unused)) ____##name(args)
#undef BPF_STRUCT_OPS_SLEEPABLE
#define BPF_STRUCT_OPS_SLEEPABLE(name, args...) BPF_STRUCT_OPS(name, ##args)
#undef SCX_OPS_DEFINE
#define SCX_OPS_DEFINE(name, args...)

#endif
