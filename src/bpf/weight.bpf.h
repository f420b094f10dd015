/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * cpu.weight of cgroups. A task's share is its own weight times the weight of
 * each cgroup above it, relative to the default of 100. This is the hierarchy
 * flattened by task: a group with twice the tasks gets twice the time.
 *
 * A change bumps the epoch and the tasks work their product out again when
 * they next stop, so that a change costs nothing to those who don't run.
 *
 * Who is in a group with cpu.idle is to others as one of SCHED_IDLE. No kernel before 6.19
 * tells of a change: ticks, and now and then the end of a burst, look.
 */
#ifndef __HALLOWS_WEIGHT_BPF_H
#define __HALLOWS_WEIGHT_BPF_H

#define MAX_CGROUP_DEPTH 16
#define MAX_CGROUP_PRODUCT 10000

struct OWNER("rare") cgroup_ctx {
	u32 weight;
};

struct {
	__uint(type, BPF_MAP_TYPE_CGRP_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct cgroup_ctx);
} cgroup_ctxs SEC(".maps");

u32 weight_epoch OWNER("rare");

static __always_inline int set_cgroup_weight(struct cgroup *cgrp, u32 weight)
{
	struct cgroup_ctx *ctx;

	ctx = bpf_cgrp_storage_get(&cgroup_ctxs, cgrp, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!ctx)
		return -ENOMEM;
	ctx->weight = weight;
	return 0;
}

/* The product of the weights from @cgrp up to, without, the root. */
static __always_inline u32 cgroup_product(struct cgroup *cgrp)
{
	struct cgroup_ctx *ctx;
	struct cgroup *pos;
	u64 product = 100;
	int level;

	bpf_for(level, 1, MAX_CGROUP_DEPTH) {
		if (level > cgrp->level)
			break;
		pos = bpf_cgroup_ancestor(cgrp, level);
		if (!pos)
			break;
		ctx = bpf_cgrp_storage_get(&cgroup_ctxs, pos, 0, 0);
		if (ctx)
			product = product * ctx->weight / 100;
		bpf_cgroup_release(pos);
		if (product > MAX_CGROUP_PRODUCT)
			product = MAX_CGROUP_PRODUCT;
		if (!product)
			product = 1;
	}
	return product;
}

/* Is @p in a cgroup with cpu.idle, or below one? */
__noinline bool group_idles(struct task_struct *p __arg_trusted)
{
	struct task_group *group = NULL;
	u32 level;

	if (!bpf_core_type_exists(struct task_group) || !bpf_core_field_exists(p->sched_task_group) ||
	    !bpf_core_field_exists(group->idle))
		return false;
	group = BPF_CORE_READ(p, sched_task_group);
	bpf_for(level, 0, MAX_CGROUP_DEPTH) {
		if (!group)
			break;
		if (BPF_CORE_READ(group, idle) > 0)
			return true;
		group = BPF_CORE_READ(group, parent);
	}
	return false;
}

static __always_inline void refresh_weight(struct task_struct *p, struct task_ctx *tctx)
{
	struct cgroup *cgrp;

	if (tctx->weight_epoch == weight_epoch)
		return;
	tctx->weight_epoch = weight_epoch;
	cgrp = scx_bpf_task_cgroup(p);
	if (!cgrp)
		return;
	tctx->idle_group = group_idles(p);
	tctx->cgroup_weight = tctx->idle_group ? 1 : cgroup_product(cgrp);
	bpf_cgroup_release(cgrp);
}

/* Has it @p work its weight out again, if its group began to idle or ceased to. */
static __always_inline void look_at_group(struct task_struct *p, struct task_ctx *tctx)
{
	if (group_idles(p) != tctx->idle_group)
		tctx->weight_epoch = weight_epoch - 1;
}

#endif
