// SPDX-License-Identifier: GPL-2.0-only
/*
 * QEMU's plugin interface, as far as the virtual clock needs it.
 *
 * Declared here and not included: Debian has no package with QEMU's header. Weak,
 * because the object is also preloaded into the program that starts QEMU.
 */
#ifndef VTIME_QEMU_H
#define VTIME_QEMU_H

#include <stddef.h>
#include <stdint.h>

#pragma weak qemu_plugin_register_vcpu_init_cb
#pragma weak qemu_plugin_register_vcpu_idle_cb
#pragma weak qemu_plugin_register_vcpu_resume_cb
#pragma weak qemu_plugin_register_vcpu_tb_trans_cb
#pragma weak qemu_plugin_register_vcpu_tb_exec_cb
#pragma weak qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu
#pragma weak qemu_plugin_register_vcpu_tb_exec_cond_cb
#pragma weak qemu_plugin_tb_n_insns
#pragma weak qemu_plugin_tb_vaddr
#pragma weak qemu_plugin_tb_get_insn
#pragma weak qemu_plugin_insn_data
#pragma weak qemu_plugin_scoreboard_new
#pragma weak qemu_plugin_scoreboard_find
#pragma weak object_class_by_name
#pragma weak tcg_handle_interrupt
#pragma weak cpus_get_virtual_clock
#pragma weak cpus_get_elapsed_ticks

typedef uint64_t plugin_id;
struct plugin_info;
struct plugin_tb;
struct plugin_insn;
struct plugin_scoreboard;
struct plugin_u64 {
	struct plugin_scoreboard *score;
	size_t offset;
};
typedef void (*vcpu_fn)(plugin_id id, unsigned int vcpu);
enum { FLAGS_NO_REGS = 0, INLINE_ADD = 0, COND_GE = 7 };

void qemu_plugin_register_vcpu_init_cb(plugin_id id, vcpu_fn fn);
void qemu_plugin_register_vcpu_idle_cb(plugin_id id, vcpu_fn fn);
void qemu_plugin_register_vcpu_resume_cb(plugin_id id, vcpu_fn fn);
void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id id, void (*fn)(plugin_id id, struct plugin_tb *tb));
void qemu_plugin_register_vcpu_tb_exec_cb(struct plugin_tb *tb, void (*fn)(unsigned int vcpu, void *data), int flags,
					  void *data);
void qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(struct plugin_tb *tb, int op, struct plugin_u64 entry,
						       uint64_t operand);
void qemu_plugin_register_vcpu_tb_exec_cond_cb(struct plugin_tb *tb, void (*fn)(unsigned int vcpu, void *data),
					       int flags, int cond, struct plugin_u64 entry, uint64_t operand,
					       void *data);
size_t qemu_plugin_tb_n_insns(const struct plugin_tb *tb);
uint64_t qemu_plugin_tb_vaddr(const struct plugin_tb *tb);
struct plugin_insn *qemu_plugin_tb_get_insn(const struct plugin_tb *tb, size_t index);
size_t qemu_plugin_insn_data(const struct plugin_insn *insn, void *to, size_t len);
struct plugin_scoreboard *qemu_plugin_scoreboard_new(size_t size);
void *qemu_plugin_scoreboard_find(struct plugin_scoreboard *score, unsigned int vcpu);

/* No plugin interface: QEMU's own functions, exported for its modules. */
void *object_class_by_name(const char *name);
void tcg_handle_interrupt(void *cpu, int mask);
int64_t cpus_get_virtual_clock(void);
int64_t cpus_get_elapsed_ticks(void);

#endif
