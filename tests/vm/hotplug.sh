# SPDX-License-Identifier: GPL-2.0-only
#
# what: CPUs go and come under load, and scheduling goes on without a new start
# kernels: 6.18
# cpus: 4
# topo: flat numa2
# mode: vtime
# timeout: 600
#
# On numa2 a whole node leaves, and at first nobody knows its cache: that alone
# takes a new start.

. /vm/lib.sh

ROUNDS=6
patience=1 # seconds

# Takes the CPUs away, or brings them back: online 0|1 CPU...
online() {
	value=$1
	shift
	for cpu; do
		echo "$value" >/sys/devices/system/cpu/cpu"$cpu"/online
	done
}

# follows WORDS COMMAND...: the agent says so after the command.
follows() {
	words=$1
	shift
	lines=$(grep -c "$words" $LOG)
	"$@"
	within "$patience" said_again "$lines" "$words"
	say "$words"
}

said_again() {
	[ "$(grep -c "$2" $LOG)" -gt "$1" ]
}

# Centiseconds that each CPU that is online ran user tasks so far.
used() {
	sed -n 's/^\(cpu[0-9][0-9]*\) \([0-9]*\) .*/\1 \2/p' /proc/stat
}

# Under so much load every CPU that is online is used, at once.
all_used() {
	used >/tmp/used
	sleep 0.5
	used | awk '
		NR == FNR {before[$1] = $2; next}
		$2 - before[$1] < 25 {print "FAILED: " $1 " ran for " $2 - before[$1] " of 50 cs"; bad = 1}
		END {exit bad}' /tmp/used - || fail "not all CPUs are used"
	say "all $(nproc) CPUs are used"
}

# Writes a line whenever the kernel says that no scheduler is there.
watch_state() {
	while [ ! -e /tmp/enough ]; do
		[ "$(cat $SCX/state)" = enabled ] || echo out
		sleep 0.02
	done
}

case $VM_TOPO in
flat)
	online 0 3
	start
	grep -q 'scheduling 3 CPUs in 1 LLCs' $LOG || fail "the map is wrong"
	;;
numa2)
	online 0 2 3
	start
	patience=20
	follows 'scheduling 3 CPUs in 2 LLCs on 2 nodes' online 1 3
	grep -q 'it takes a new start' $LOG || fail "the start has no reason"
	patience=1
	within 20 attached
	;;
esac
scx_hallows set slice_us=2000 >/dev/null || fail "set fails"
starts=$(cat $SCX/enable_seq)
load state watch_state
load monitor scx_hallows --monitor 1
load hogs hallows-load --json hogs 8 --for 6s
load periodic hallows-load --json periodic --threads 2 --for 6s

# One that was offline at load.
case $VM_TOPO in
flat) follows 'CPU 3 came online; scheduling 4 CPUs' online 1 3 ;;
numa2) follows 'CPU 2 came online; scheduling 4 CPUs in 2 LLCs' online 1 2 ;;
esac
all_used
load pinned taskset -c 2 hallows-load --json hogs 2 --for 5s
load pair taskset -c 1,3 hallows-load --json hogs 3 --for 5s
for round in $(seq $ROUNDS); do
	online 0 2 3
	hackbench -g 1 -l 20 >/dev/null || fail "hackbench fails"
	online 1 3
	online 0 1
	online 1 2 1
done
online 0 2
follows 'CPU 3 went offline; scheduling 2 CPUs in 1 LLCs on 1 nodes' online 0 3
follows 'CPU 3 came online; scheduling 3' online 1 3
all_used
follows 'CPU 2 came online; scheduling 4' online 1 2
all_used

finish hogs pinned pair periodic
for load in hogs pinned pair; do
	check "CPU seconds of the hog of '$load' that got the least" "$(lowest cpu_seconds /tmp/$load)" '>' 0.5
done
check "longest wake-up, us" "$(field max_us /tmp/periodic)" '<' 500000
: >/tmp/enough
finish state
check "times out" "$(grep -c out /tmp/state)" == 0
check "starts" "$(cat $SCX/enable_seq)" == "$starts"
alive || fail "the process ended"
scx_hallows get | grep -q '^slice_us = 2000' || fail "what was set is lost"
kill -0 "$pid_monitor" || fail "the monitor ended"
check "blocks of the monitor" "$(grep -c '^$' /tmp/monitor)" '>=' 5
kill "$pid_monitor"
totals
check "dispatches since the start" "$(stat dispatch.own)" '>' 0
check "tasks rescued from CPUs that went, a second" "$(stat rescue.offline)" '>' 0
stop
clean_dmesg
