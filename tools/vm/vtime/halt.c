// SPDX-License-Identifier: GPL-2.0-only
/*
 * vCPUs that halt and wake, seen in the functions by which QEMU does it: a halted
 * vCPU sleeps on a condition, and a kick broadcasts it.
 */
#define _GNU_SOURCE
#include <dlfcn.h>

#include "state.h"

static int (*real_cond_wait)(pthread_cond_t *, pthread_mutex_t *);
static int (*real_cond_broadcast)(pthread_cond_t *);
static int (*real_cond_signal)(pthread_cond_t *);

/*
 * Finds them at the first call, which may come before this object's constructor.
 * By version: glibc keeps an older set under the same names.
 */
static void find_real(void)
{
	if (real_cond_signal)
		return;
	real_cond_wait = dlvsym(RTLD_NEXT, "pthread_cond_wait", "GLIBC_2.3.2");
	real_cond_broadcast = dlvsym(RTLD_NEXT, "pthread_cond_broadcast", "GLIBC_2.3.2");
	real_cond_signal = dlvsym(RTLD_NEXT, "pthread_cond_signal", "GLIBC_2.3.2");
}

EXPORT int pthread_cond_wait(pthread_cond_t *cond, pthread_mutex_t *mutex)
{
	struct vcpu *vcpu;
	int ret;

	find_real();
	if (!active || this_vcpu < 0 || !halting)
		return real_cond_wait(cond, mutex);
	vcpu = &vcpus[this_vcpu];
	lock();
	vcpu->halt_cond = cond;
	if (vcpu->state == VCPU_RUNNING && --nr_running == 0)
		poke_clock();
	vcpu->state = VCPU_IDLE;
	disturbed = true;
	unlock();
	ret = real_cond_wait(cond, mutex);
	lock();
	set_running(vcpu);
	unlock();
	return ret;
}

static void on_kick(pthread_cond_t *cond)
{
	for (int i = 0; i < nr_vcpus; i++) {
		struct vcpu *vcpu = &vcpus[i];

		if (vcpu->halt_cond != cond)
			continue;
		lock();
		disturbed = true;
		if (vcpu->state == VCPU_IDLE) {
			/* It starts at its waker's time: else wake-ups to and fro would be free. */
			if (this_vcpu >= 0 && *vcpus[this_vcpu].count > *vcpu->count)
				*vcpu->count = *vcpus[this_vcpu].count;
			set_running(vcpu);
		} else if (vcpu->state == VCPU_ARRIVED) {
			vcpu->kicked = 1;
			wake_vcpu(vcpu);
		}
		unlock();
		return;
	}
}

EXPORT int pthread_cond_broadcast(pthread_cond_t *cond)
{
	find_real();
	if (active)
		on_kick(cond);
	return real_cond_broadcast(cond);
}

EXPORT int pthread_cond_signal(pthread_cond_t *cond)
{
	find_real();
	if (active)
		on_kick(cond);
	return real_cond_signal(cond);
}
