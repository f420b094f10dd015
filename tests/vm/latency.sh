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

# Interrupts by which a CPU asks itself for something, as to be rescheduled soon.
asked() {
	awk '$1 == "IWI:" {for (i = 2; $i ~ /^[0-9]+$/; i++) sum += $i} END {print sum + 0}' /proc/interrupts
}

default=$(p99)
start
before=$(asked)
ours=$(p99)
after=$(asked)
check "p99 of wake-ups, us" "$ours" '<' "$default"
totals
preempted=$(stat queue.preempted)
check "hogs that made way" "$preempted" '>' 100
# Whoever wakes up where a hog runs takes its place, and nobody has to be asked.
check "interrupts for that, of each 100" $((100 * (after - before) / preempted)) '<' 50
stop
clean_dmesg
