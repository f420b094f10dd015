# SPDX-License-Identifier: GPL-2.0-only
#
# what: one LLC of 2, 4, 8 CPUs: work spreads to all of them
# kernels: 6.18
# cpus: 2 4 8
# mode: vtime
# timeout: 600

. /vm/lib.sh

start
grep -q "scheduling $CPUS CPUs in 1 LLCs on 1 nodes" $LOG || fail "the map is wrong"
say "$(grep -o 'scheduling .*' $LOG)"
spreads 120
totals
check "runs on another CPU of the LLC, a second" "$(stat run.llc)" '>' 0
check "runs in another LLC" "$(stat run.node)" == 0
check "runs on another node" "$(stat run.machine)" == 0
if [ "$CPUS" = 8 ]; then
	# Four on each CPU, and level by then: nobody is better off elsewhere.
	turns=0
	for load in 1 2 3 4; do
		load hogs hallows-load --json hogs 32 --for 4s
		sleep 1.8
		sample 2
		finish hogs
		turns=$(echo "$turns $(stat dispatch.lag)" | awk '{print $1 + $2 / 4}')
	done
	check "turns between CPUs with as many hogs each, a second" "$turns" '<=' 22
fi
oracle hackbench -g 2 -l 20
stop
clean_dmesg
