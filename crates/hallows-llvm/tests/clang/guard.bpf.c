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

char _license[] SEC("license") = "GPL";
