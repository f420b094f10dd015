# SPDX-License-Identifier: GPL-2.0-only
#
# what: an agent that is overwritten with garbage, starved or out of memory costs its advice
# kernels: 6.18
# cpus: 4
# topo: llc2
# mode: vtime
# timeout: 600

. /vm/lib.sh

GROUP=/sys/fs/cgroup/agent

says() {
	grep -q "hallows: $1" /sys/kernel/tracing/trace
}

# Garbage makes it say much. So: how often so far, and once more than $1?
silences() {
	grep -c 'hallows: the agent is silent' /sys/kernel/tracing/trace
}

says_again() {
	[ "$(silences)" -gt "$1" ]
}

# Twice as many hogs as CPUs have what the threads of a group leave, who have a
# home; none of them is forgotten.
burn() {
	load hogs hallows-load --json hogs $((CPUS * 2)) --for 3s
	load group hallows-load --json haunt 2 --cpus 0 --burst 1ms --pause 4ms --for 3s
}

burnt() {
	finish hogs group
	check "CPU seconds of all hogs $1" "$(field total_cpu_seconds /tmp/hogs)" '>=' "$2"
	check "CPU seconds of the one that got the least" "$(lowest cpu_seconds /tmp/hogs)" '>=' "$3"
	attached || fail "ejected"
}

echo -1 >/proc/sys/kernel/sched_rt_runtime_us
echo +memory >/sys/fs/cgroup/cgroup.subtree_control
mkdir $GROUP
echo $$ >$GROUP/cgroup.procs
start --pin
echo $$ >/sys/fs/cgroup/cgroup.procs

burn
sleep 0.5
load scribble hallows-load --json scribble --for 2s
finish scribble
check "words of garbage" "$(field words /tmp/scribble)" '>' 100000
check "homes that were garbage" "$(field homes /tmp/scribble)" '>' 0
says 'the signal of CPU [0-3] is garbage' || fail "BPF says nothing of garbage"
burnt "over garbage" 10.5 0.9
totals
check "readings of garbage" "$(stat agent.garbage)" '>' 0
sample 1
check "decisions under fresh signals afterwards, percent" "$(stat agent.fresh)" '>=' 99

taskset -a -p -c 3 "$SCHEDULER" >/dev/null
burn
sleep 0.2
before=$(silences)
load fifo hallows-load fifo --cpu 3 --for 2s
within 2 says_again "$before"
finish fifo
within 1 says 'the agent is back'
burnt "beside the one that starves the agent" 8.5 0.7

# A full disk is the problem of who records, not of who is recorded.
mkdir /tmp/full
mount -t tmpfs -o size=4k full /tmp/full
dd if=/dev/zero of=/tmp/full/fill bs=4k count=1 2>/dev/null
refused 1 'No space left' scx_hallows record /tmp/full/recording --for 500ms
attached || fail "ejected"

burn
sleep 0.2
before=$(silences)
echo 1M >$GROUP/memory.max
wait "$SCHEDULER"
status=$?
echo max >$GROUP/memory.max # what is pinned is on this account still
[ $status = 137 ] || fail "exit status $status, wanted 137"
dmesg | grep 'Memory cgroup out of memory'
within 2 says_again "$before"
burnt "without it in the end" 10.5 0.9
start --pin
grep -q 'taking over the pinned scheduler' $LOG || fail "the next agent took over nothing"
stop
clean_dmesg
