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
# What may not run here is looked at in vain.
load bound taskset -c 0-1 hallows-load hogs 4 --for 1500ms
load brief hallows-load periodic --cpu 2-3 --threads 2 --period-us 2000 --work-us 200 --for 1500ms
sample 0.5
finish bound brief
check "looks in vain, a second" "$(stat dispatch.lost)" '>' 100
stop
clean_dmesg
