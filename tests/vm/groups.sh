# SPDX-License-Identifier: GPL-2.0-only
#
# what: threads of a process come together in an LLC if they fit into one
# kernels: 6.18
# cpus: 8
# topo: llc2
# mode: vtime
# timeout: 600

. /vm/lib.sh

# The larger of the shares of a group's time on either LLC, percent.
together() {
	field inside_percent "$1" | awk '{print $1 < 50 ? 100 - $1 : $1}'
}

start
for burst in 0ms 2ms; do
	for group in a b; do
		load $group hallows-load --json haunt 3 --cpus 0-3 --after 500ms --for 1s --burst $burst
	done
	finish a b
	for group in a b; do
		check "time of a group in one LLC, percent, bursts $burst" "$(together /tmp/$group)" '>=' 90
	done
done
load big hallows-load --json haunt 8 --cpus 0-3 --after 500ms --for 500ms
finish big
check "the same of one that is larger than an LLC" "$(together /tmp/big)" '<' 60

# A home that nobody confirms is none, for whoever is away from it.
load late hallows-load haunt 3 --cpus 0-3 --for 2500ms --burst 2ms
sleep 0.8
kill -STOP "$SCHEDULER"
sleep 0.8
for llc in 0-3 4-7; do
	taskset -a -p -c $llc "$pid_late" >/dev/null
	sleep 0.2
done
kill -CONT "$SCHEDULER"
finish late
stop
check "homes that expired" "$(outcome home expired)" '>' 0
check "moves to the LLC of a group" "$(moved home)" '>' 0
clean_dmesg
