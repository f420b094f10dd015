// SPDX-License-Identifier: GPL-2.0-only
/* QEMU's main loop: its sleep ends when virtual time reaches its timer. */
#define _GNU_SOURCE
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "state.h"

struct main_loop main_loop;

/* Whether the main loop sleeps and no device has anything for it. */
bool main_loop_quiet(void)
{
	struct timespec zero = { 0, 0 };

	return main_loop.parked &&
	       (!main_loop.nr_fds || syscall(SYS_ppoll, main_loop.fds, main_loop.nr_fds, &zero, NULL, 8) <= 0);
}

static int sys_ppoll(struct pollfd *fds, nfds_t nr, const struct timespec *timeout, const sigset_t *mask)
{
	struct timespec left; /* the kernel writes to it */

	if (timeout)
		left = *timeout;
	return syscall(SYS_ppoll, fds, nr, timeout ? &left : NULL, mask, 8);
}

EXPORT int ppoll(struct pollfd *fds, nfds_t nr, const struct timespec *timeout, const sigset_t *mask)
{
	struct pollfd with_wake[nr + 1], copy[nr + 1];
	uint64_t wakes;
	int ret;

	if (!active || gettid() != main_loop.tid || (timeout && !timeout->tv_sec && !timeout->tv_nsec))
		return sys_ppoll(fds, nr, timeout, mask);
	memcpy(with_wake, fds, nr * sizeof(*fds));
	memcpy(copy, fds, nr * sizeof(*fds));
	with_wake[nr] = (struct pollfd){ main_loop.wake_fd, POLLIN, 0 };
	lock();
	main_loop.parked = true;
	main_loop.generation++;
	disturbed = true;
	main_loop.fds = copy;
	main_loop.nr_fds = nr;
	main_loop.deadline_ns = INT64_MAX;
	if (timeout)
		main_loop.deadline_ns = start_ns + timeout->tv_sec * 1000000000LL + timeout->tv_nsec;
	unlock();
	poke_clock();
	ret = sys_ppoll(with_wake, nr + 1, NULL, mask);
	lock();
	main_loop.parked = false;
	main_loop.fds = NULL;
	unlock();
	if (ret > 0 && with_wake[nr].revents && read(main_loop.wake_fd, &wakes, sizeof(wakes)) == sizeof(wakes))
		ret--;
	memcpy(fds, with_wake, nr * sizeof(*fds));
	return ret;
}

/* Under the lock: lets the main loop run until it sleeps again. */
void run_main_loop(void)
{
	unsigned int generation = main_loop.generation;
	uint64_t one = 1;

	/* Only a counter at its limit can refuse, and then the loop wakes anyway. */
	if (write(main_loop.wake_fd, &one, sizeof(one)) < 0)
		return;
	while (!main_loop.parked || main_loop.generation == generation)
		await_poke(clock_pokes(), 1000000);
}
