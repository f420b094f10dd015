// SPDX-License-Identifier: GPL-2.0-only
/* The virtual clock: what it shows, and the thread that moves it. */
#include <linux/futex.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "qemu.h"
#include "state.h"

_Atomic int64_t start_ns;
uint64_t start_insns;
bool disturbed;
static _Atomic int64_t last_ns;		/* latest time that a vCPU was told */
static _Atomic int pokes;		/* the thread sleeps on it */
static _Atomic int64_t frozen_ns;	/* time that passed while this process was stopped */
int64_t freeze_ns;

/* Virtual time for whoever asks; a vCPU is within its quantum, and time never goes back. */
static int64_t now_ns(void)
{
	int64_t now = atomic_load(&start_ns), last;
	uint64_t count;

	if (this_vcpu < 0 || !vcpus[this_vcpu].count)
		return now;
	count = *vcpus[this_vcpu].count;
	if (count > limit_insns)
		count = limit_insns;
	if (count > start_insns)
		now += (int64_t)((count - start_insns) * ns_per_insn);
	last = atomic_load(&last_ns);
	while (now > last && !atomic_compare_exchange_weak(&last_ns, &last, now))
		;
	return last > now ? last : now;
}

/*
 * Replaces the accelerator's clock functions. They have no names to look up,
 * but lie next to one that has: handle_interrupt, get_virtual_clock,
 * set_virtual_clock, get_elapsed_ticks (AccelOpsClass of QEMU 9.1 to 10.x).
 */
void hook_clocks(void)
{
	void **slot = object_class_by_name("tcg-accel-ops");

	for (int i = 0; slot && i < 64; i++) {
		if (slot[i] != (void *)tcg_handle_interrupt)
			continue;
		start_ns = cpus_get_virtual_clock();
		slot[i + 1] = (void *)now_ns;
		slot[i + 3] = (void *)now_ns;
		if (cpus_get_elapsed_ticks() == atomic_load(&start_ns))
			return;
	}
	fprintf(stderr, "vtime: cannot replace the clocks of this QEMU\n");
	exit(1);
}

/*
 * This process was stopped and goes on: the host, as it were, slept for so long.
 * By the real clock that would take that time, and differ each time.
 */
static void on_continue(int signal)
{
	(void)signal;
	atomic_fetch_add(&frozen_ns, freeze_ns);
}

void poke_clock(void)
{
	atomic_fetch_add(&pokes, 1);
	futex(&pokes, FUTEX_WAKE, 1, NULL);
}

void await_poke(int seen, long limit_ns)
{
	struct timespec limit = { 0, limit_ns };

	unlock();
	futex(&pokes, FUTEX_WAIT, seen, &limit);
	lock();
}

int clock_pokes(void)
{
	return pokes;
}

static int nr_arrived(void)
{
	int nr = 0;

	for (int i = 0; i < nr_vcpus; i++)
		nr += vcpus[i].state == VCPU_ARRIVED;
	return nr;
}

/* All vCPUs are halted: time jumps to the next timer. */
static void jump(void)
{
	if (main_loop.deadline_ns > start_ns)
		start_ns = main_loop.deadline_ns;
	start_insns = limit_insns - usual_insns;
	for (int i = 0; i < nr_vcpus; i++)
		if (vcpus[i].count)
			*vcpus[i].count = start_insns;
	run_main_loop();
}

int64_t quantum_end_ns(void)
{
	return start_ns + (int64_t)((limit_insns - start_insns) * ns_per_insn);
}

void end_quantum(int64_t ns)
{
	start_ns = quantum_end_ns() + ns;
	start_insns = limit_insns - usual_insns;
	/* A timer that is known by now ends a quantum, and is late by no more than a usual one. */
	if (!disturbed && main_loop.deadline_ns - start_ns >= (int64_t)(limit_insns * ns_per_insn))
		start_insns = 0;
	disturbed = false;
	/* Whoever wakes before the next is begun starts with it. */
	for (int i = 0; i < nr_vcpus; i++)
		if (vcpus[i].state == VCPU_IDLE)
			*vcpus[i].count = start_insns;
}

static void next_quantum(void)
{
	end_quantum(atomic_exchange(&frozen_ns, 0));
	/* Timers that are due come before whatever the vCPUs do next. */
	if (main_loop.deadline_ns <= start_ns)
		run_main_loop();
	release_arrived();
}

/* Under the lock: waits until the main loop has seen to what its devices have. */
static void await_main_loop(void)
{
	unsigned int generation = main_loop.generation;

	while (main_loop.generation == generation)
		await_poke(clock_pokes(), 1000000);
}

static void *clock_thread(void *arg)
{
	(void)arg;
	lock();
	for (;;) {
		int seen = clock_pokes();

		if (nr_running || !main_loop.parked)
			await_poke(seen, 5000000);
		else if (!main_loop_quiet())
			await_main_loop();
		else if (nr_arrived())
			next_quantum();
		else if (main_loop.deadline_ns == INT64_MAX)
			await_poke(seen, 5000000); /* an event from outside must come */
		else
			jump();
	}
	return NULL;
}

/* The thread takes no signals: they are for QEMU's own. */
bool start_clock_thread(void)
{
	struct sigaction on_cont = { .sa_handler = on_continue, .sa_flags = SA_RESTART };
	pthread_t thread;
	sigset_t all, before;
	int err;

	sigfillset(&all);
	sigdelset(&all, SIGSEGV);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	err = pthread_create(&thread, NULL, clock_thread, NULL);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (err) {
		fprintf(stderr, "vtime: cannot start a thread: %s\n", strerror(err));
		return false;
	}
	pthread_detach(thread);
	return !sigaction(SIGCONT, &on_cont, NULL);
}
