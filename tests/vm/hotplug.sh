# SPDX-License-Identifier: GPL-2.0-only
#
# what: CPUs go and come under load: the scheduler starts again on those there are
# kernels: 6.18
# cpus: 4
# topo: flat numa2
# mode: vtime
# timeout: 600
#
# On numa2 a node without CPUs is left.

. /vm/lib.sh

# restarted MAP COMMAND...: the command makes the scheduler start again.
restarted() {
	map=$1
	shift
	starts=$(grep -c scheduling $LOG)
	"$@"
	within 20 more_starts "$starts"
	within 20 attached
	alive || fail "the process ended"
	tail -n 1 $LOG | grep -q "scheduling $map" || fail "wanted $map"
	say "started again on $map"
}

more_starts() {
	[ "$(grep -c scheduling $LOG)" -gt "$1" ]
}

# Takes the CPUs away, or brings them back: online 0|1 CPU...
online() {
	value=$1
	shift
	for cpu; do
		echo "$value" >/sys/devices/system/cpu/cpu"$cpu"/online
	done
}

load hogs hallows-load --json hogs 8 --for 8s
start
case $VM_TOPO in
flat)
	restarted '3 CPUs in 1 LLCs on 1 nodes' online 0 1
	restarted '4 CPUs in 1 LLCs on 1 nodes' online 1 1
	;;
numa2)
	online 0 2
	restarted '2 CPUs in 1 LLCs on 1 nodes' online 0 3
	restarted '3 CPUs in 2 LLCs on 2 nodes' online 1 3
	;;
esac
spreads_over=$(nproc)
load spread hallows-load --json spread $((spreads_over * 2)) --for 500ms
finish spread
check "CPUs in use" "$(field used_cpus /tmp/spread)" == "$spreads_over"
finish hogs
check "CPU seconds of the hog that got the least" "$(lowest cpu_seconds /tmp/hogs)" '>' 1
stop
clean_dmesg
