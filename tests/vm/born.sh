# SPDX-License-Identifier: GPL-2.0-only
#
# what: threads that let each other begin, and then compute, have all CPUs at once
# kernels: 6.18
# cpus: 4
# mode: vtime
# timeout: 300

. /vm/lib.sh

# Each takes a byte from a pipe, which wakes the next as if its waker would sleep now. For
# that a task may wait for its waker, but not for one of which nobody knows that it does.
start
for turn in 1 2 3; do
	hallows-oracle check --json -- sh -c 'scx_hallows bench --measure makespan --quick >/tmp/makespan' >/tmp/oracle ||
		fail "the oracle, $?: $(cat /tmp/oracle)"
	check "longest wait beside an idle CPU, ns" "$(field longest_ns /tmp/oracle)" '<' 1500000
	say "$(sed 's/.*"n jobs"[^}]*"value":\([0-9.]*\).*/n jobs: \1 of the ideal/' /tmp/makespan)"
done
stop
clean_dmesg
