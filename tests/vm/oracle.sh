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
oracle sh -c 'hackbench -g 2 -l 50; hackbench -T -g 2 -l 50; stress-ng -q --fork 2 --fork-ops 100'
finish hogs periodic pingpong churn
stop
clean_dmesg
