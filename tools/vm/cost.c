// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guest's helper of `cargo xtask cost`.
 *
 *   cost mark       begins to count, or ends it (tools/vm/vtime/profile.c)
 *   cost programs   a line for each BPF program: its type, then the addresses of
 *                   its functions, its own first
 */
#include <errno.h>
#include <linux/bpf.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MAX_FUNCTIONS 1024

static long bpf(int command, union bpf_attr *attr)
{
	return syscall(SYS_bpf, command, attr, sizeof(*attr));
}

static int print_program(uint32_t id)
{
	static uint64_t functions[MAX_FUNCTIONS];
	struct bpf_prog_info info = { .nr_jited_ksyms = MAX_FUNCTIONS, .jited_ksyms = (uintptr_t)functions };
	union bpf_attr attr = { .prog_id = id };
	long fd = bpf(BPF_PROG_GET_FD_BY_ID, &attr);

	if (fd < 0) /* it may have gone since it was found */
		return errno != ENOENT;
	memset(&attr, 0, sizeof(attr));
	attr.info.bpf_fd = fd;
	attr.info.info_len = sizeof(info);
	attr.info.info = (uintptr_t)&info;
	if (bpf(BPF_OBJ_GET_INFO_BY_FD, &attr))
		return 1;
	printf("%u", info.type);
	for (uint32_t i = 0; i < info.nr_jited_ksyms && i < MAX_FUNCTIONS; i++)
		printf(" %llx", (unsigned long long)functions[i]);
	printf("\n");
	return close(fd);
}

static int print_programs(void)
{
	union bpf_attr attr = { .start_id = 0 };

	while (!bpf(BPF_PROG_GET_NEXT_ID, &attr)) {
		if (print_program(attr.next_id)) {
			perror("a BPF program");
			return 1;
		}
		attr.start_id = attr.next_id;
	}
	if (errno != ENOENT) {
		perror("BPF programs");
		return 1;
	}
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "programs"))
		return print_programs();
	if (argc != 2 || strcmp(argv[1], "mark"))
		return 2;
	/* "mark" */
	__asm__ volatile("nopl 0x6b72616d(%rax,%rax)");
	return 0;
}
