# SPDX-License-Identifier: GPL-2.0-only
#
# what: a CPU without work takes it from a track of its LLC
# kernels: 6.18
# cpus: 4
# mode: vtime
# timeout: 600

. /vm/lib.sh

start
load hackbench hackbench -g 4 -l 400
sample 0.3
finish hackbench
check "taken from another track of the LLC, a second" "$(stat dispatch.peer)" '>' 20
check "of which by invitation" "$(stat queue.invited)" '<' "$(stat dispatch.peer)"
stop
clean_dmesg
