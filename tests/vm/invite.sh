# SPDX-License-Identifier: GPL-2.0-only
#
# what: idle CPUs are sent to a track that waits for too long
# kernels: 6.18
# cpus: 8
# topo: numa2llc2
# mode: vtime
# timeout: 600
#
# A move to another LLC has to save 2 ms here. CPUs that go idle beside a task that
# waits for less leave it alone, and do not look again; somebody has to call them.

. /vm/lib.sh

start --price static --price-us 0,0,1000,1000 --kappa 2 --hysteresis-us 0
load first hallows-load hogs 1 --cpu 0 --for 8s
load second hallows-load hogs 1 --cpu 1 --for 8s
load guests taskset -c 0-1 hallows-load hogs 2 --for 8s
sleep 0.2
for turn in $(seq 24); do
	load others hallows-load hogs 6 --cpu 2-7 --for 60ms
	sleep 0.02
	free guests
	finish others
	sleep 0.02
	taskset -a -p -c 0-1 "$pid_guests" >/dev/null
done
free guests
oracle sleep 0.6
finish first second guests
totals
check "invitations, a second" "$(stat queue.invited)" '>' 0
stop
clean_dmesg
