# SPDX-License-Identifier: GPL-2.0-only
#
# what: both laws hold over a mixed load
# kernels: 6.18
# cpus: 4
# topo: flat llc2
# mode: vtime
# timeout: 600

. /vm/lib.sh

start
load hogs hallows-load hogs 1 --for 2s
load periodic hallows-load periodic --threads 4 --for 2s
load pingpong hallows-load pingpong --for 2s
load churn hallows-load affinity-churn --threads 2 --for 2s
# Eight hogs are let out of CPU 0 while others idle.
load crowd taskset -c 0 hallows-load hogs 8 --for 1s
{ sleep 0.5 && free crowd; } &
oracle sh -c 'sleep 0.8; hackbench -g 2 -l 50; hackbench -T -g 2 -l 50; stress-ng -q --fork 2 --fork-ops 100'
finish hogs periodic pingpong churn crowd
stop
clean_dmesg
