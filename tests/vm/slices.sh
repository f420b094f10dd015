# SPDX-License-Identifier: GPL-2.0-only
#
# what: slices are long where nobody waits, and are cut for who comes to wait
# kernels: 6.18
# cpus: 4
# mode: vtime
# timeout: 600

. /vm/lib.sh

# One hog, and CPUs that idle.
start
load hog hallows-load hogs 1 --for 3s
sleep 1
sample 1
check "ends of a lone hog's slices, a second" "$(stat dispatch.kept)" '<' 100
finish hog

# Now and then somebody comes who is no better than the hog: not latency-critical,
# and bound to its CPU.
load hog hallows-load hogs 1 --cpu 1 --for 5s
load guest hallows-load --json periodic --cpu 1 --period-us 150000 --work-us 5000 --for 4500ms
finish hog guest
check "p99 of the waits of who comes, us" "$(field p99_us /tmp/guest)" '<' 10000
stop

start --long-slice-us 3000
load hog hallows-load hogs 1 --for 3s
sleep 1
sample 1
check "the same ends when long slices are usual ones" "$(stat dispatch.kept)" '>' 150
finish hog
stop
clean_dmesg
