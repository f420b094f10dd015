# SPDX-License-Identifier: GPL-2.0-only
#
# what: idle CPUs are sent to a track that waits for too long
# kernels: 6.18
# cpus: 8
# topo: numa2llc2
# mode: vtime
# timeout: 600
#
# A change of affinity is no wake-up: nobody looks for an idle CPU then, and
# those that idle do not look for work.

. /vm/lib.sh

start
load hogs taskset -c 0 hallows-load hogs 8 --for 1500ms
sleep 0.3
{ sleep 0.3 && free hogs; } &
oracle sleep 0.6
finish hogs
totals
check "invitations, a second" "$(stat queue.invited)" '>' 0
stop
clean_dmesg
