# SPDX-License-Identifier: GPL-2.0-only
#
# what: idle CPUs are sent to a track that waits for too long
# kernels: 6.18
# cpus: 8
# topo: numa2llc2
# mode: vtime
# timeout: 600
#
# A wait of half a slice does not pay for the way to another LLC here, so whoever
# is let out of a crowded one stays; and the CPUs that idle do not look for work.

. /vm/lib.sh

start --price static --price-us 0,0,1000,1000 --kappa 2 --hysteresis-us 0
load hogs taskset -c 0-1 hallows-load hogs 4 --for 1500ms
sleep 0.3
{ sleep 0.3 && free hogs; } &
oracle sleep 0.6
finish hogs
totals
check "invitations, a second" "$(stat queue.invited)" '>' 0
stop
clean_dmesg
