/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Everything that BPF and the agent share: the only file both sides include.
 *
 * Each line of memory has one kind of writer, named with its struct. Times are
 * those of scx_bpf_now(). User space can't read that clock and need not: its
 * present is the newest stamp among the cells.
 */
#ifndef __HALLOWS_INTF_H
#define __HALLOWS_INTF_H

#ifndef __VMLINUX_H__
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef int s32;
typedef unsigned long long u64;
#endif

/*
 * Who writes a struct, a field or a variable, a tag for `cargo xtask owners`: each-cpu
 * (each CPU its own element, under its rq lock), task (whoever holds the rq lock of the
 * task), any-cpu, rare (any CPU, on events that are rare), agent.
 */
#ifdef __bpf__
#define OWNER(name) __attribute__((btf_decl_tag("owner:" name)))
#else
#define OWNER(name)
#endif

enum hallows_limits {
	MAX_CPUS = 1024,
	MAX_LLCS = MAX_CPUS,
	CPU_WORDS = MAX_CPUS / 64,
	MAX_GROUPS = 1024,	/* processes that have a home at a time */
	MAX_OCCUPANCY = 4096,	/* processes times LLCs whose run time is remembered */
	MAX_TOKENS = 64,	/* tasks that a grant moves */
	ROUTE_LEN = 12,		/* stops of an agent's route: cells */
	DETOUR_LEN = 16,	/* stops of the static route: LLCs */
	NO_CPU = 0xffff,	/* also "no LLC" */
};

/* Distance between two CPUs: the rings of the cache tree. */
enum hallows_ring {
	RING_SELF,
	RING_SMT,
	RING_LLC,
	RING_NODE,
	RING_MACHINE,
	NR_RINGS,
};

enum hallows_state {
	CELL_HUNGRY,
	CELL_BALANCED,
	CELL_SATURATED,
};

enum hallows_cell_flags {
	CELL_IDLE = 1,		/* nothing to run */
	CELL_HOG = 2,		/* the running task is not latency-critical */
	CELL_HELD = 4,		/* a higher scheduling class has the CPU */
	CELL_AWAY = 8,		/* the running task may leave for its home in another LLC */
	CELL_URGENT = 16,	/* the running hog's deadline is near, see is_near() */
	CELL_NEW = 32,		/* the running task may be anything yet, see is_new() */
	CELL_KTHREAD = 64,	/* it is a kernel thread of this CPU, for which others wait however long it runs */
	CELL_LIGHT = 128,	/* the running hog is light, see is_light() */
};

/*
 * A CPU as the automaton sees it. Written in BPF, under the CPU's rq lock.
 *
 * The first line is what other CPUs look at when they place a task, the second
 * is what the agent samples, with the clock and what light tasks ran.
 */
struct OWNER("each-cpu") cell {
	u64 run_since_ns;	/* start of the current run, 0: none */
	u64 idle_since_ns;	/* start of the current idle period, 0: busy */
	u64 vclock_ns;		/* virtual clock of the own track */
	u64 preempted_ns;	/* last time that a run was cut short here */
	u64 light_ns;		/* time spent running tasks of less than half of the usual weight */
	u32 avg_run_ns;		/* EWMA of the runs here */
	u32 curr_avg_ns;	/* average burst of the running task */
	u32 express_ns;		/* express work done while the own track waited */
	u32 nr_queued;		/* length of the own track at the last event */
	u32 flags;		/* enum hallows_cell_flags */
	u16 patrol;		/* the CPU whose track this one's tick looks at next */
	u16 offline;		/* the kernel has no such CPU now: for others it is held */

	u64 updated_ns;		/* when this line was last written */
	u64 busy_ns;		/* time spent running tasks, up to @updated_ns */
	u64 queue_integral_ns;	/* integral of the queue length over time */
	u64 idle_wait_max_ns;	/* longest overlap of a task's wait and this CPU's idleness */
	u64 idle_until_ns;	/* end of the last idle period */
	u64 declined;		/* tracks of the LLC that did not pay a move when it went idle */
	u64 pace_ns;		/* virtual service of its tasks, to compare with its peers', 0: it idled */
	u32 grant_seq;		/* @seq of the signal whose grants the next two are of */
	u16 push_left;		/* tasks that may still be pushed */
	u16 fair_left;		/* tasks that may still be pulled */
};

/*
 * Whom a CPU went to when a higher class took it. Written in BPF, under the CPU's
 * rq lock; holds while the cell says CELL_HELD.
 */
struct OWNER("each-cpu") holder {
	u64 since_ns;		/* since when that class has the CPU */
	u32 pid;		/* its task, the last one that is known */
	s32 prio;		/* as the kernel has it: below 0 deadline, below 100 real-time */
	u8 comm[16];
	u64 _pad[4];
};

/*
 * What the agent wants of a CPU. Written by the agent only.
 *
 * A sequence lock: @seq is odd while the rest changes. BPF obeys until
 * @expires_ns, then goes back to its static defaults.
 */
struct OWNER("agent") signal {
	u32 seq;
	u8 state;		/* enum hallows_state */
	u8 idle_lvl;		/* smallest ring with at least two hungry cells, NR_RINGS: none */
	u8 scan_k;		/* how many tracks of the LLC to try before the route */
	u8 nr_route;		/* valid entries of @route */
	u64 expires_ns;
	u32 slice_ns;
	u32 _pad0;
	u16 route[ROUTE_LEN];	/* CPUs to look at for work, best first */
	u16 push_cpu;		/* where to send what this CPU would queue, */
	u16 push_tok;		/* so many tasks, at most MAX_TOKENS; 0: none */
	u16 fair_cpu;		/* from whom to pull when a slice ends, */
	u16 fair_tok;		/* so many tasks */
	u64 _pad1;
};

/*
 * What may change while the program runs. Written by the agent, bounded by BPF
 * where it is read.
 */
struct OWNER("agent") tunables {
	u64 slice_ns;		/* time slice */
	u64 min_slice_ns;	/* shortest slice that a signal may ask for */
	u64 need_ns[NR_RINGS];	/* what a move over each ring has to save: kappa * c_d + h */
	u64 hysteresis_ns;	/* h, the part of it that no footprint scales */
	u64 express_max_ns;	/* a task with shorter bursts is latency-critical */
	u64 preempt_gap_ns;	/* shortest time between two preemptions of hogs on a CPU */
	u64 wait_max_ns;	/* what waited longer is moved whatever the move costs */
	u64 starved_ns;		/* what waited longer on a busy CPU's own track jumps its queue */
	u64 lag_slices;		/* who waits on another CPU and is no more slices behind waits on */
	u64 long_slice_ns;	/* longest slice that a signal may ask for */
};

/* What it tells all CPUs besides. Written by the agent only. */
struct OWNER("agent") agent_word {
	/*
	 * Until when its newest word holds: its signals, or that it withholds them
	 * because they hurt. 0: no agent spoke yet.
	 */
	u64 until_ns;
	u32 turns_wanted;	/* it compares how runs begin */
	u32 why_pid;		/* whose decisions it asks about, 0: nobody's */
	u64 _pad[6];
};

/* How long the threads of a process ran in an LLC: counted in BPF, emptied by the agent. */
struct group_key {
	u32 tgid;
	u32 llc;
};

/* Where the threads of a process should run. Written by the agent only. */
struct OWNER("agent") home {
	u64 expires_ns;
	u32 llc;
	u32 _pad;
};

/*
 * What others tell a CPU about its track. Written by any CPU, on the rare
 * transitions only (empty to non-empty, a wait that grew too long, a hog that comes).
 */
struct OWNER("any-cpu") track_state {
	u64 since_ns;		/* when the track last moved, or began to wait */
	u32 invited_by;		/* 1 + the CPU whose track to try first, 0: none */
	u32 make_way;		/* whoever runs was asked to make way for one of the track */
	u32 waits;		/* work came, and the CPU did not find the track empty since */
	u32 evacuates;		/* 1 + the CPU whose track to evacuate, 0: none. Its own tick's. */
	u32 relieves;		/* the same for the LLC whose express track waits too long */
	u32 _pad0;
	u64 tireless_ns;	/* when one came to wait whose slice was over, to a quarter of starved_ns */
	u64 audit_at_ns;	/* when to search for a starved task again. Its own CPU's. */
	u64 _pad[2];
};

/*
 * Tracks of an LLC that hold work another CPU may take: one bit for each CPU,
 * by its slot in the LLC. Written by any CPU, atomically, on transitions only.
 */
struct OWNER("any-cpu") yard {
	u64 waiting[CPU_WORDS];	/* tracks with work that others may take */
	u64 held[CPU_WORDS];	/* tracks with work whose CPU somebody else has */
	u64 express_since_ns;	/* when the express track last moved or began to wait, 0: found empty */
	u64 _pad[7];
};

/* Where a CPU is. Written by the agent before the program loads, by BPF at its word after. */
struct OWNER("rare") cpu_place {
	u16 llc;		/* NO_CPU: nobody saw this CPU online yet */
	u16 node;
	u16 slot;		/* index in its LLC */
	u16 core;		/* lowest CPU of its core */
};

/* As above. */
struct OWNER("rare") llc_place {
	u16 first;		/* index of its first CPU in llc_cpus */
	u16 nr_cpus;
	u16 nr_detour;
	u16 node_id;		/* the system's, for an agent that takes over */
	u16 detour[DETOUR_LEN];	/* other LLCs, nearest ring first */
};

/* Where a CPU is that was offline when the program loaded: the agent's word. */
struct newcomer {
	u32 cpu;
	u32 peer;		/* a CPU of its LLC that has a place */
	u32 core;		/* struct cpu_place */
};

/* The track that the agent asks about. */
struct held_track {
	u32 cpu;
};

/* Counters, each CPU writes its own. */
enum hallows_stat {
	/* where a dispatch came from */
	STAT_OWN,		/* the CPU's own track */
	STAT_EXPRESS,		/* the LLC's express track */
	STAT_PEER,		/* a track of the same LLC */
	STAT_ROUTE,		/* a stop of the agent's route */
	STAT_DETOUR,		/* a stop of the static route */
	STAT_FAIR,		/* pulled at the end of a slice, as the agent granted */
	STAT_LAG,		/* pulled at the end of a slice from a peer that lags */
	STAT_RESCUE,		/* waited too long: taken out of order, or at any price */
	STAT_KEPT,		/* the task that ran before goes on */
	STAT_NONE,		/* nothing: the CPU goes idle */
	STAT_LOST,		/* nothing yet: another CPU was first, or no task there may run here */
	/* where a wake-up, or a task that has to queue again, found an idle CPU */
	STAT_IDLE_SELF,
	STAT_IDLE_SMT,
	STAT_IDLE_LLC,
	STAT_IDLE_NODE,
	STAT_IDLE_MACHINE,
	STAT_SYNC,		/* sync wake to the waker's CPU */
	STAT_NO_IDLE,		/* none: the task had to queue */
	/* moves: a run started at this distance from the last one */
	STAT_MOVE_SELF,
	STAT_MOVE_SMT,
	STAT_MOVE_LLC,
	STAT_MOVE_NODE,
	STAT_MOVE_MACHINE,
	/* the rest */
	STAT_ENQ_TRACK,		/* queued on a CPU's track */
	STAT_ENQ_EXPRESS,	/* queued on an express track */
	STAT_PREEMPT,		/* a hog was asked to make way */
	STAT_INVITE,		/* an idle CPU was sent to an aged track */
	STAT_REENQ,		/* taken back from a CPU held by a higher class */
	STAT_FRESH,		/* decisions under a fresh signal */
	STAT_STALE,		/* decisions under static defaults */
	/* who waited too long, and why */
	STAT_RESCUE_HELD,	/* a higher class has the CPU: moved to the emergency queue */
	STAT_RESCUE_OFFLINE,	/* the CPU went offline */
	STAT_RESCUE_PRICE,	/* over W_max: taken though the move costs more */
	STAT_RESCUE_ORDER,	/* starved by the order of its track: jumped the queue */
	STAT_REFILL,		/* runs after a move of which a hardware counter told */
	STAT_CORE,		/* hogs that left a shared core for one of their own */
	STAT_GARBAGE,		/* readings of a signal that no agent would write */
	NR_HALLOWS_STATS,
	STATS_LINE = 48,
};

enum { WAIT_BUCKETS = 16 };	/* bucket b: waits of [2^b, 2^(b+1)) us */

/* Moves that the agent asks for and BPF makes, or not. */
enum hallows_move {
	MOVE_PUSH,		/* a task is sent to another CPU instead of queued */
	MOVE_FAIR,		/* a task is pulled at the end of a slice */
	MOVE_ROUTE,		/* a task is taken from a stop of the route */
	MOVE_HOME,		/* a task goes to the LLC of its group */
	NR_MOVES,
};

/* Why a move was not made. */
enum hallows_reject {
	REJECT_MASK,		/* the task may not use that CPU */
	REJECT_PINNED,		/* it may use its own only */
	REJECT_GONE,		/* nothing there to take, or nobody to take it */
	REJECT_GAP,		/* the difference that it was to make is gone */
	REJECT_PRICE,		/* it would save less than it costs */
	NR_REJECTS,
};

/*
 * An account of moves: @requested is the sum of all others, but for those that
 * a CPU was granted and still holds (its cell's @push_left and @fair_left).
 */
struct ledger {
	u64 requested;
	u64 applied;
	u64 expired;		/* nobody had use for it in time */
	u64 rejected[NR_REJECTS];
};

/*
 * Bursts, from wake-up to sleep, by the distance from the CPU of the last one:
 * how much longer they are after a move is what the move cost. Each counts by
 * how far it is from its task's average, since tasks with long bursts may move
 * more than others. In units of 1024 ns, so that the sum of squares lasts.
 */
struct bursts {
	u64 nr[NR_RINGS];
	u64 sum[NR_RINGS];	/* signed, two's complement */
	u64 sum_sq[NR_RINGS];
	u64 _pad;
};

/*
 * How runs begin, for the guard, which looks at how far these went within a
 * second: they may wrap.
 */
struct turns {
	u32 woken[WAIT_BUCKETS];	/* of who slept: by the wait from being queued, in us */
	u32 resumed[NR_RINGS];		/* of who did not: by the distance from the last one */
	u32 _pad[11];
};

/* Written by its own CPU only, in BPF. */
struct OWNER("each-cpu") cell_stats {
	u64 count[STATS_LINE];
	u64 idle_wait[WAIT_BUCKETS];	/* waits while an allowed CPU idled */
	struct ledger moves[NR_MOVES];
	struct bursts bursts;
	struct turns turns;
};

/* Why a task waits where it does, or runs where it does. */
enum hallows_why {
	/* where it was placed */
	WHY_SYNC,		/* on the CPU of its waker, which is about to sleep */
	WHY_INSTEAD,		/* in the place of the hog that ran there */
	WHY_IDLE,		/* on an idle CPU */
	WHY_HOME_IDLE,		/* on an idle CPU of its group's LLC */
	WHY_HOME,		/* on a track of its group's LLC */
	WHY_CORE,		/* on a core of its own: it shared one with a hog */
	WHY_PUSH,		/* on the track that the agent named */
	WHY_EXPRESS,		/* on the express track of @from's LLC */
	WHY_TRACK,		/* on the track of the CPU where it was, or of a peer with less ahead */
	WHY_PINNED,		/* on the track of the only CPU it may use */
	/* how it came to run */
	WHY_RUN,		/* @source says from where */
	NR_WHYS,
};

/* One placement or one run of the task that somebody asked about. */
struct why_event {
	u64 at_ns;
	u64 waited_ns;		/* WHY_RUN: since it was queued */
	u64 saved_ns;		/* of waiting, as was thought; 0: not looked at */
	u64 price_ns;		/* of a move of this task from @from to @cpu */
	u32 pid;
	u16 why;		/* enum hallows_why */
	u16 source;		/* WHY_RUN: enum hallows_stat, NR_HALLOWS_STATS: it was placed there */
	u16 from;		/* CPU where it was, or whose track it came from */
	u16 cpu;
	u16 home;		/* LLC of its group, MAX_LLCS: none */
	u16 stop;		/* STAT_ROUTE: which stop */
};

#define HALLOWS_ASSERT_LAYOUT(type, bytes) \
	_Static_assert(sizeof(struct type) == (bytes), #type " is " #bytes " bytes")

HALLOWS_ASSERT_LAYOUT(cell, 128);
HALLOWS_ASSERT_LAYOUT(holder, 64);
HALLOWS_ASSERT_LAYOUT(signal, 64);
HALLOWS_ASSERT_LAYOUT(track_state, 64);
HALLOWS_ASSERT_LAYOUT(yard, 320);
HALLOWS_ASSERT_LAYOUT(cpu_place, 8);
HALLOWS_ASSERT_LAYOUT(llc_place, 40);
HALLOWS_ASSERT_LAYOUT(newcomer, 12);
HALLOWS_ASSERT_LAYOUT(tunables, 112);
HALLOWS_ASSERT_LAYOUT(ledger, 64);
HALLOWS_ASSERT_LAYOUT(bursts, 128);
HALLOWS_ASSERT_LAYOUT(turns, 128);
HALLOWS_ASSERT_LAYOUT(why_event, 48);
HALLOWS_ASSERT_LAYOUT(group_key, 8);
HALLOWS_ASSERT_LAYOUT(home, 16);
HALLOWS_ASSERT_LAYOUT(cell_stats, 1024);
_Static_assert((int)NR_HALLOWS_STATS <= (int)STATS_LINE, "a counter for each statistic");

#endif
