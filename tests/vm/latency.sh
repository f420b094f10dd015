# SPDX-License-Identifier: GPL-2.0-only
#
# what: beside hogs a periodic task wakes up sooner than under the default scheduler
# kernels: 6.18
# cpus: 4
# mode: vtime
# timeout: 600

. /vm/lib.sh

# The 99th percentile of its lateness beside 2n hogs, us.
p99() {
	load hogs hallows-load hogs $((CPUS * 2)) --for 2500ms
	sleep 0.5
	load periodic hallows-load --json periodic --for 1500ms
	finish periodic hogs
	field p99_us /tmp/periodic
}

default=$(p99)
start
ours=$(p99)
check "p99 of wake-ups, us" "$ours" '<' "$default"
totals
check "hogs that made way, a second" "$(stat queue.preempted)" '>' 0
stop
clean_dmesg
