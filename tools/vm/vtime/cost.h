// SPDX-License-Identifier: GPL-2.0-only
/*
 * What x86-64 instructions cost on the virtual clock: one each, and for the slow
 * ones about as many more as a CPU at 1 GHz would take nanoseconds.
 */
#ifndef VTIME_COST_H
#define VTIME_COST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Of a two-byte opcode's second byte, and the one after it. */
static unsigned int cost_0f(uint8_t second, uint8_t third)
{
	switch (second) {
	case 0x05: /* syscall */
	case 0x07: /* sysret */
		return 30;
	case 0x31: /* rdtsc */
		return 15;
	case 0x01: /* rdtscp; invlpg, swapgs, ... */
		return third == 0xf9 ? 20 : 40;
	case 0xa2: /* cpuid */
		return 100;
	case 0x22: /* mov to a control register */
	case 0x30: /* wrmsr */
	case 0x32: /* rdmsr */
		return 60;
	}
	return 0;
}

static bool is_prefix(uint8_t byte)
{
	switch (byte) {
	case 0x26: case 0x2e: case 0x36: case 0x3e: case 0x64: case 0x65: /* segments */
	case 0x66: case 0x67: case 0xf0: case 0xf2: case 0xf3:
		return true;
	}
	return (byte & 0xf0) == 0x40; /* REX */
}

/* Instructions to charge besides the one. */
static unsigned int extra_cost(const uint8_t *insn, size_t len)
{
	bool rep = false, locked = false;
	size_t i = 0;
	uint8_t op;

	for (; i < len && is_prefix(insn[i]); i++) {
		rep |= insn[i] == 0xf3;
		locked |= insn[i] == 0xf0;
	}
	if (i == len)
		return 0;
	op = insn[i];
	if (locked)
		return 15;
	if (op == 0x90 && rep) /* pause */
		return 60;
	if ((op >= 0xe4 && op <= 0xe7) || (op >= 0xec && op <= 0xef)) /* in, out */
		return 1000;
	if (op == 0xcf) /* iret */
		return 60;
	if (op == 0x0f && i + 1 < len)
		return cost_0f(insn[i + 1], i + 2 < len ? insn[i + 2] : 0);
	return 0;
}

#endif
