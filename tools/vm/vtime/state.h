// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the parts of the virtual clock share. All of it is written under the
 * lock, but for what is atomic; a vCPU's count is its own while it runs.
 */
#ifndef VTIME_STATE_H
#define VTIME_STATE_H

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define EXPORT __attribute__((visibility("default")))
#define MAX_VCPUS 128
#define CALM_QUANTA 4

enum vcpu_state { VCPU_OFF, VCPU_RUNNING, VCPU_ARRIVED, VCPU_IDLE };

struct vcpu {
	_Atomic int state;
	_Atomic int kicked;			/* QEMU wants it to leave its wait */
	_Atomic(pthread_cond_t *) halt_cond;	/* what it sleeps on when halted */
	uint64_t *count;			/* limit_insns, less what it has left of this quantum */
} __attribute__((aligned(64)));

struct main_loop {
	bool parked;			/* sleeps in ppoll */
	unsigned int generation;	/* counts the times that it parked */
	int64_t deadline_ns;		/* its next timer */
	struct pollfd *fds;		/* what else would wake it */
	nfds_t nr_fds;
	pid_t tid;
	int wake_fd;			/* wakes it for its timer */
};

/* plugin.c */
extern bool active;			/* the plugin is installed */
extern uint64_t usual_insns;		/* of a quantum */
extern uint64_t limit_insns;		/* of the longest, and a vCPU's count at any one's end */
extern double ns_per_insn;

/* vcpu.c */
extern struct vcpu vcpus[MAX_VCPUS];
extern int nr_vcpus;
extern int nr_running;
extern struct plugin_scoreboard *board;	/* holds the counts */
extern __thread int this_vcpu;		/* -1: no vCPU's thread */
extern __thread bool halting;		/* between the idle and resume callbacks */

/* main_loop.c */
extern struct main_loop main_loop;

/* clock.c */
extern _Atomic int64_t start_ns;	/* virtual time at the quantum's start */
extern uint64_t start_insns;		/* a vCPU's count there */
extern bool disturbed;			/* since then something happened that others may wait for */
extern int64_t freeze_ns;		/* how far time jumps on SIGCONT */

/* lock.c. By futex: the functions of pthread are stood in for. */
long futex(_Atomic int *word, int op, int value, const struct timespec *timeout);
void lock(void);
void unlock(void);

/* clock.c: the thread that moves time when the vCPUs cannot do it themselves. */
void hook_clocks(void);
bool start_clock_thread(void);
void poke_clock(void);
/* With the lock, but it is let go meanwhile: sleeps until the clock is poked. */
void await_poke(int seen, long limit_ns);
int clock_pokes(void);
int64_t quantum_end_ns(void);
/* Moves time to the quantum's end, and `ns` further. */
void end_quantum(int64_t ns);

/* vcpu.c. With the lock. */
void set_running(struct vcpu *vcpu);
void wake_vcpu(struct vcpu *vcpu);
void release_arrived(void);
void register_vcpu_callbacks(uint64_t id);

/* profile.c. Counts nothing unless it is started. */
struct plugin_tb;
extern const char *profile_file;	/* where the counts go; NULL: nowhere */
void start_profile(const char *file);
void profile_block(struct plugin_tb *tb);

/* main_loop.c. With the lock. */
bool main_loop_quiet(void);
void run_main_loop(void);

#endif
