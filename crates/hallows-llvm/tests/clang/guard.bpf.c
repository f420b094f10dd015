// SPDX-License-Identifier: GPL-2.0-only
// What the tests compile. The numbers tell the blocks apart in the assembly.

#define SEC(name) __attribute__((section(name), used))

volatile int seen;

// A rare body between two that run always.
SEC("tc") int hinted(int *ctx)
{
	seen = 1001;
	if (__builtin_expect(*ctx == 7, 0)) {
		seen = 1002;
		seen = 1003;
	}
	seen = 1004;
	return 0;
}

// The same without a hint.
SEC("tc") int plain(int *ctx)
{
	seen = 2001;
	if (*ctx == 7) {
		seen = 2002;
		seen = 2003;
	}
	seen = 2004;
	return 0;
}

// A function of its own, in no section that is named.
static __attribute__((noinline)) int helper(int value)
{
	if (value == 7)
		seen = 3001;
	return value + seen;
}

SEC("tc") int calls(int *ctx)
{
	return helper(*ctx) + helper(ctx[1]);
}

struct link {
	struct link *next;
	int number, other;
};

// Three accesses one after the other, and one beside them.
SEC("tc") int second_next(struct link *first)
{
	return first->next->next->number + first->other;
}

struct cell {
	int own;
	int shared;
	int handed[2];
	int one, other;
};

struct cell cells[4];

static void set(int *where, int value)
{
	*where = value;
}

// Writes a field by itself, one by an atomic step, one by a function and a local pointer,
// one of two by a choice, and a copy that is nobody else's.
SEC("tc") int writes(int *ctx)
{
	struct cell *cell = &cells[*ctx & 3];
	int *second = &cell->handed[1];
	struct cell copy = {};
	int local = 0;

	cell->own = 1;
	__sync_fetch_and_add(&cell->shared, 1);
	set(second, 1);
	set(&local, 1);
	*(local ? &cell->one : &cell->other) = 1;
	copy.own = *ctx;
	return local + copy.own;
}

// What an atomic step brings is waited for, too.
SEC("tc") int ticket(struct cell *cell)
{
	return cells[__sync_fetch_and_add(&cell->shared, 1) & 3].own;
}

char _license[] SEC("license") = "GPL";
