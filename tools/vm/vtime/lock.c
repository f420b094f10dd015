// SPDX-License-Identifier: GPL-2.0-only
/* A lock of three states over a futex (Drepper, "Futexes are tricky", mutex2). */
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "state.h"

static _Atomic int lock_word;		/* 0: free, 1: held, 2: held and waited for */

long futex(_Atomic int *word, int op, int value, const struct timespec *timeout)
{
	return syscall(SYS_futex, word, op | FUTEX_PRIVATE_FLAG, value, timeout, 0, 0);
}

void lock(void)
{
	int was = 0;

	if (atomic_compare_exchange_strong(&lock_word, &was, 1))
		return;
	if (was != 2)
		was = atomic_exchange(&lock_word, 2);
	while (was) {
		futex(&lock_word, FUTEX_WAIT, 2, NULL);
		was = atomic_exchange(&lock_word, 2);
	}
}

void unlock(void)
{
	if (atomic_exchange(&lock_word, 0) == 2)
		futex(&lock_word, FUTEX_WAKE, 1, NULL);
}
