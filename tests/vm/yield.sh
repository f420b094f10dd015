# SPDX-License-Identifier: GPL-2.0-only
#
# what: who calls sched_yield() lets those who wait on its CPU come first
# kernels: 6.18
# cpus: 2
# mode: vtime
# timeout: 600

. /vm/lib.sh

# One spins on a lock as it were, the other, of the same weight or a lower one, works.
start
for nice in 0 19; do
	load spins hallows-load --json hogs 1 --cpu 0 --work-us 5 --yields --for 1s
	load works hallows-load --json hogs 1 --cpu 0 --nice $nice --for 1s
	finish spins works
	check "CPU time of one of nice $nice beside one that yields, s" "$(field total_cpu_seconds /tmp/works)" '>' 0.9
done
stop
clean_dmesg
