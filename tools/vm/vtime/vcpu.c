// SPDX-License-Identifier: GPL-2.0-only
/* vCPUs: counting what they execute, waiting at the quantum's end. */
#include <errno.h>
#include <linux/futex.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "cost.h"
#include "qemu.h"
#include "state.h"

struct vcpu vcpus[MAX_VCPUS];
int nr_vcpus;
int nr_running;
struct plugin_scoreboard *board;
__thread int this_vcpu = -1;
__thread bool halting;

void set_running(struct vcpu *vcpu)
{
	if (vcpu->state != VCPU_RUNNING) {
		vcpu->state = VCPU_RUNNING;
		nr_running++;
	}
}

void wake_vcpu(struct vcpu *vcpu)
{
	futex(&vcpu->state, FUTEX_WAKE, 1, NULL);
}

/* Starts the next quantum for every vCPU that has arrived. */
void release_arrived(void)
{
	for (int i = 0; i < nr_vcpus; i++) {
		struct vcpu *vcpu = &vcpus[i];

		if (vcpu->state == VCPU_ARRIVED) {
			uint64_t overrun = *vcpu->count - limit_insns;

			/* It is charged to the next quantum. */
			*vcpu->count = start_insns + (overrun > usual_insns ? 0 : overrun);
			vcpu->kicked = 0;
			set_running(vcpu);
			if (i != this_vcpu)
				wake_vcpu(vcpu);
		}
	}
}

/*
 * Under the lock: notes that a vCPU has used up its quantum. The last one to
 * arrive starts the next quantum itself when no timer is due, which is the
 * common case and needs no other thread. Returns whether it did.
 */
static bool arrive(struct vcpu *vcpu)
{
	vcpu->state = VCPU_ARRIVED;
	if (--nr_running > 0)
		return false;
	if (main_loop.deadline_ns > quantum_end_ns() && main_loop_quiet()) {
		end_quantum(0);
		release_arrived();
		return true;
	}
	poke_clock();
	return false;
}

static void on_quantum_end(unsigned int index, void *data)
{
	struct vcpu *vcpu = &vcpus[index];
	/* It must execute a block now and then, so that QEMU can tell it to stop. */
	struct timespec limit = { 0, 2000000 };

	(void)data;
	lock();
	if (vcpu->state == VCPU_ARRIVED) /* it waited before, and then executed a block */
		limit.tv_nsec = 100000;
	if (*vcpu->count < limit_insns || (vcpu->state == VCPU_RUNNING && arrive(vcpu))) {
		unlock();
		return;
	}
	unlock();
	while (vcpu->state == VCPU_ARRIVED) {
		if (atomic_exchange(&vcpu->kicked, 0))
			return;
		if (futex(&vcpu->state, FUTEX_WAIT, VCPU_ARRIVED, &limit) == -1 && errno == ETIMEDOUT)
			return;
	}
}

static void on_translate(plugin_id id, struct plugin_tb *tb)
{
	struct plugin_u64 count = { board, 0 };
	size_t nr_insns = qemu_plugin_tb_n_insns(tb);
	uint64_t cost = nr_insns;
	uint8_t bytes[16];

	(void)id;
	for (size_t i = 0; i < nr_insns; i++)
		cost += extra_cost(bytes, qemu_plugin_insn_data(qemu_plugin_tb_get_insn(tb, i), bytes, sizeof(bytes)));
	qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(tb, INLINE_ADD, count, cost);
	qemu_plugin_register_vcpu_tb_exec_cond_cb(tb, on_quantum_end, FLAGS_NO_REGS, COND_GE, count, limit_insns,
						  NULL);
	if (profile_file)
		profile_block(tb);
}

static void on_vcpu_init(plugin_id id, unsigned int index)
{
	static bool hooked;

	(void)id;
	if (index >= MAX_VCPUS) {
		fprintf(stderr, "vtime: no room for more than %d CPUs\n", MAX_VCPUS);
		exit(1);
	}
	this_vcpu = index;
	lock();
	if (!hooked)
		hook_clocks();
	hooked = true;
	if ((int)index >= nr_vcpus)
		nr_vcpus = index + 1;
	/* The scoreboard moves when it grows. */
	for (int i = 0; i < nr_vcpus; i++)
		vcpus[i].count = qemu_plugin_scoreboard_find(board, i);
	*vcpus[index].count = start_insns;
	set_running(&vcpus[index]);
	unlock();
}

static void on_vcpu_idle(plugin_id id, unsigned int index)
{
	(void)id;
	(void)index;
	halting = true;
}

static void on_vcpu_resume(plugin_id id, unsigned int index)
{
	(void)id;
	(void)index;
	halting = false;
}

void register_vcpu_callbacks(plugin_id id)
{
	board = qemu_plugin_scoreboard_new(sizeof(uint64_t));
	qemu_plugin_register_vcpu_init_cb(id, on_vcpu_init);
	qemu_plugin_register_vcpu_idle_cb(id, on_vcpu_idle);
	qemu_plugin_register_vcpu_resume_cb(id, on_vcpu_resume);
	qemu_plugin_register_vcpu_tb_trans_cb(id, on_translate);
}
