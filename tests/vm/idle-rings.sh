# SPDX-License-Identifier: GPL-2.0-only
#
# what: who wakes up beside a hog goes to the nearest idle CPU, over every ring
# kernels: 6.18
# cpus: 8
# topo: smt2 numa2llc2
# mode: vtime
# timeout: 600

. /vm/lib.sh

# flees RING FROM CPU...: with a hog on each of these CPUs, a periodic task that
# was bound to CPU FROM finds an idle one at the distance RING.
flees() {
	ring=$1 from=$2
	shift 2
	for cpu; do
		load hog"$cpu" hallows-load hogs 1 --cpu "$cpu" --for 1500ms
	done
	load periodic hallows-load --json periodic --cpu "$from" --for 1500ms
	sleep 0.2
	{ sleep 0.3 && free periodic; } &
	sample 1
	check "wake-ups of CPU $from on idle CPUs at the distance $ring, a second" "$(stat wake."$ring")" '>' 0
	for cpu; do
		finish hog"$cpu"
	done
	finish periodic
}

start
case $VM_TOPO in
smt2)
	flees smt 0 0 2 3 4 5 6 7
	flees llc 0 0 1
	;;
numa2llc2)
	flees llc 0 0
	flees node 0 0 1
	flees machine 0 0 1 2 3
	;;
esac
stop
clean_dmesg
