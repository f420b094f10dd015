// SPDX-License-Identifier: GPL-2.0-only
/*
 * How often each block of the kernel's code is executed between two marks.
 *
 * A mark is an instruction that does nothing and that compilers don't make; a
 * program of the guest executes it (tools/vm/cost.c). The first one begins, the second one
 * writes the file, by the guest's own time: what came before, the boot among it,
 * counts nowhere. A line of the file is a block's address, its instructions, and
 * how often it was entered. A block that was translated anew has another line.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qemu.h"
#include "state.h"

/* A boot and some seconds of work take a fifth of them. */
#define MAX_BLOCKS (1 << 19)

const char *profile_file;

static struct block {
	uint64_t address;
	size_t nr_insns;
	uint64_t before;	/* executions at the first mark */
} blocks[MAX_BLOCKS];
static _Atomic size_t nr_blocks;
/* Executions of each block, by vCPU: nobody adds to what another one writes. */
static struct plugin_scoreboard *executions;
static bool begun;

/* nopl 0x6b72616d(%rax,%rax): "mark" */
static const uint8_t mark[] = { 0x0f, 0x1f, 0x84, 0x00, 'm', 'a', 'r', 'k' };

static uint64_t nr_executed(size_t index)
{
	uint64_t sum = 0;

	for (int i = 0; i < nr_vcpus; i++)
		sum += ((uint64_t *)qemu_plugin_scoreboard_find(executions, i))[index];
	return sum;
}

static void write_profile(size_t nr)
{
	FILE *file = fopen(profile_file, "w");

	for (size_t i = 0; file && i < nr; i++) {
		uint64_t count = nr_executed(i) - blocks[i].before;

		if (count)
			fprintf(file, "%" PRIx64 " %zu %" PRIu64 "\n", blocks[i].address, blocks[i].nr_insns, count);
	}
	if (!file || (ferror(file) | fclose(file))) {
		fprintf(stderr, "vtime: cannot write %s\n", profile_file);
		exit(1);
	}
}

static void on_mark(unsigned int index, void *data)
{
	size_t nr = atomic_load(&nr_blocks);

	(void)index;
	(void)data;
	if (begun)
		write_profile(nr);
	else
		for (size_t i = 0; i < nr; i++)
			blocks[i].before = nr_executed(i);
	begun = !begun;
}

static bool has_mark(struct plugin_tb *tb)
{
	uint8_t bytes[sizeof(mark)];

	for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++)
		if (qemu_plugin_insn_data(qemu_plugin_tb_get_insn(tb, i), bytes, sizeof(bytes)) == sizeof(mark) &&
		    !memcmp(bytes, mark, sizeof(mark)))
			return true;
	return false;
}

void profile_block(struct plugin_tb *tb)
{
	uint64_t address = qemu_plugin_tb_vaddr(tb);
	struct plugin_u64 count = { executions, 0 };
	size_t index;

	if (!(address >> 63)) {
		if (has_mark(tb))
			qemu_plugin_register_vcpu_tb_exec_cb(tb, on_mark, FLAGS_NO_REGS, NULL);
		return;
	}
	index = atomic_fetch_add(&nr_blocks, 1);
	if (index >= MAX_BLOCKS) {
		fprintf(stderr, "vtime: no room for more than %d blocks\n", MAX_BLOCKS);
		exit(1);
	}
	/* One that is translated between the marks was not executed before. */
	blocks[index].address = address;
	blocks[index].nr_insns = qemu_plugin_tb_n_insns(tb);
	count.offset = index * sizeof(uint64_t);
	qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(tb, INLINE_ADD, count, 1);
}

void start_profile(const char *file)
{
	profile_file = file;
	executions = qemu_plugin_scoreboard_new(MAX_BLOCKS * sizeof(uint64_t));
}
