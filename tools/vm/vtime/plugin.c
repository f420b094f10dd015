// SPDX-License-Identifier: GPL-2.0-only
/*
 * Parallel virtual time for QEMU's multi-threaded emulation of x86-64.
 *
 * Guest time is a function of executed guest instructions, per vCPU and in
 * parallel: every vCPU that is not halted executes a quantum of instructions,
 * then waits; when all have, virtual time moves on by one quantum. Halted vCPUs
 * hold nobody back; when all are halted, time jumps to the next timer. So the
 * host's load changes how long a run takes and not what the guest measures,
 * except for the order of events within a quantum. Where vCPUs only compute, each
 * by itself, quanta are longer: waiting is most of what they cost then.
 *
 * One shared object, used twice by the same process:
 *   LD_PRELOAD=vtime.so   stands in for ppoll (main loop) and pthread_cond_*
 *                         (halted vCPUs and their kicks);
 *   -plugin vtime.so,mhz=1000,quantum=20,freeze=10
 *                         counts instructions by translation block, stops vCPUs
 *                         at the quantum's end, and puts its own clock into the
 *                         accelerator's hooks: guest timers, and a TSC of 1 GHz.
 *                         mhz: instructions a virtual microsecond; quantum: in
 *                         virtual microseconds, CALM_QUANTA times as long after one in
 *                         which no vCPU halted or kicked another, until the
 *                         next timer that is known by then;
 *                         freeze: seconds by which time
 *                         jumps when the process was stopped and goes on.
 *                         profile=FILE: where counts of the kernel's blocks go
 *                         (profile.c); without it none are taken.
 *
 * Needs QEMU 9.1 to 10.x that exports its symbols, as Debian's does.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "qemu.h"
#include "state.h"

EXPORT int qemu_plugin_version = 4;

bool active;
uint64_t usual_insns;
uint64_t limit_insns;
double ns_per_insn;
static bool preloaded;

__attribute__((constructor)) static void on_preload(void)
{
	char exe[4096];
	ssize_t len = readlink("/proc/self/exe", exe, sizeof(exe) - 1);

	exe[len > 0 ? len : 0] = 0;
	if (!strstr(exe, "qemu-system")) /* a program on the way to it */
		return;
	unsetenv("LD_PRELOAD");
	preloaded = true;
	main_loop.tid = gettid();
}

static bool parse_options(int argc, char **argv, long *mhz, long *quantum_us, long *freeze_s, const char **profile)
{
	for (int i = 0; i < argc; i++) {
		if (!strncmp(argv[i], "mhz=", 4)) {
			*mhz = atol(argv[i] + 4);
		} else if (!strncmp(argv[i], "quantum=", 8)) {
			*quantum_us = atol(argv[i] + 8);
		} else if (!strncmp(argv[i], "freeze=", 7)) {
			*freeze_s = atol(argv[i] + 7);
		} else if (!strncmp(argv[i], "profile=", 8)) {
			*profile = argv[i] + 8;
		} else {
			fprintf(stderr, "vtime: unknown option %s\n", argv[i]);
			return false;
		}
	}
	if (*mhz <= 0 || *quantum_us <= 0 || *freeze_s <= 0) {
		fprintf(stderr, "vtime: mhz, quantum and freeze are above 0\n");
		return false;
	}
	return true;
}

EXPORT int qemu_plugin_install(plugin_id id, const struct plugin_info *info, int argc, char **argv)
{
	long mhz = 1000, quantum_us = 20, freeze_s = 10;
	const char *profile = NULL;

	(void)info;
	if (!preloaded) {
		fprintf(stderr, "vtime: set LD_PRELOAD to this file as well\n");
		return -1;
	}
	if (!parse_options(argc, argv, &mhz, &quantum_us, &freeze_s, &profile))
		return -1;
	if (profile)
		start_profile(strdup(profile)); /* QEMU frees the arguments */
	freeze_ns = freeze_s * 1000000000LL;
	usual_insns = quantum_us * mhz;
	limit_insns = CALM_QUANTA * usual_insns;
	start_insns = limit_insns - usual_insns;
	ns_per_insn = 1000.0 / mhz;
	main_loop.wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (main_loop.wake_fd < 0 || !start_clock_thread())
		return -1;
	active = true;
	register_vcpu_callbacks(id);
	return 0;
}
