# SPDX-License-Identifier: GPL-2.0-only
#
# what: no home on another node than the one that the kernel's NUMA balancing chose
# kernels: 6.18
# cpus: 8
# topo: numa2
# mode: vtime
# timeout: 300

. /vm/lib.sh

# The threads of a load that burn CPU: burners PID.
burners() {
	grep -l '^load-' /proc/"$1"/task/*/comm | cut -d / -f 5
}

# prefers PID NODE: the kernel prefers this node, -1: none, for all threads that burn CPU.
prefers() {
	for thread in $(burners "$1"); do
		grep -q "^numa_preferred_nid .* $2\$" /proc/"$1"/task/"$thread"/sched || return 1
	done
}

# Where a load's threads ran on node 0 for a while, which is their home then, one of them
# was sent to node 1 and may go anywhere: the percentage of looks that find it on node 0.
goes_home() {
	taskset -a -p -c 0-3 "$1" >/dev/null
	sleep 0.3
	sent=$(burners "$1" | head -n 1)
	taskset -p -c 4-7 "$sent" >/dev/null
	sleep 0.02
	taskset -p -c 0-7 "$sent" >/dev/null
	sleep 0.1
	for _ in 0 1 2 3 4 5 6 7 8 9; do
		sleep 0.02
		awk '{print $39 < 4}' /proc/"$sent"/stat
	done | awk '{home += $1} END {print 100 * home / NR}'
}

[ "$(cat /proc/sys/kernel/numa_balancing)" = 1 ] || fail "this kernel does not balance nodes"
cd /sys/kernel/debug/sched/numa_balancing || fail "this kernel does not balance nodes"
echo 10 >scan_delay_ms
echo 10 >scan_period_min_ms

# The kernel looks where the memory of tasks of its own class is, and of no others.
load before taskset -c 4-7 hallows-load haunt 3 --cpus 0-3 --for 60s --burst 2ms
within 20 prefers "$pid_before" 1
start
load after taskset -c 4-7 hallows-load haunt 3 --cpus 0-3 --for 60s --burst 2ms
sleep 0.3
prefers "$pid_after" -1 || fail "the kernel balances the nodes of tasks of sched_ext"
check "looks that find a thread at home, percent, if no node is preferred" "$(goes_home "$pid_after")" '>=' 90
kill "$pid_after"
check "the same if the other node is" "$(goes_home "$pid_before")" '<=' 10
prefers "$pid_before" 1 || fail "the kernel does not prefer node 1 any more"
kill "$pid_before"
stop
clean_dmesg
