/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Ledgers: what became of the moves that the agent asked for.
 *
 * Every request ends in one of three ways, and each CPU counts the ends that it
 * sees: a migration that one side counts and the other undoes shows up here.
 */
#ifndef __HALLOWS_LEDGER_BPF_H
#define __HALLOWS_LEDGER_BPF_H

static __always_inline struct ledger *ledger_of(enum hallows_move move)
{
	struct cell_stats *stats = ARRAY_ELEM_PTR(cell_stats, bpf_get_smp_processor_id(), MAX_CPUS);

	return stats ? MEMBER_VPTR(*stats, .moves[move]) : NULL;
}

static __always_inline void move_requested(enum hallows_move move, u64 nr)
{
	struct ledger *ledger = ledger_of(move);

	if (ledger)
		ledger->requested += nr;
}

static __always_inline void move_applied(enum hallows_move move)
{
	struct ledger *ledger = ledger_of(move);

	if (ledger)
		ledger->applied++;
}

static __always_inline void move_expired(enum hallows_move move, u64 nr)
{
	struct ledger *ledger = ledger_of(move);

	if (ledger)
		ledger->expired += nr;
}

static __always_inline void move_rejected(enum hallows_move move, enum hallows_reject why)
{
	struct ledger *ledger = ledger_of(move);
	u64 *count = ledger ? MEMBER_VPTR(*ledger, .rejected[why]) : NULL;

	if (count)
		(*count)++;
}

#endif
