# SPDX-License-Identifier: GPL-2.0-only
#
# what: no weight is so large that it starves the smallest
# kernels: 6.18
# cpus: 2
# mode: vtime
# timeout: 600
#
# By weight nice 19 gets 0.02 % beside nice -20: less than a slice in 15 s.

. /vm/lib.sh

start
load shares hallows-load --json shares --nice=-20,19 --for 4s
finish shares
cat /tmp/shares
totals
check "rescues, a second" "$(stat dispatch.rescue)" '>' 0
check "tasks that jumped their queue, a second" "$(stat rescue.order)" '>' 0
stop

# Many that only a rescue gets to run: each comes to its turn before the kernel's patience ends.
start
load heavy hallows-load --json hogs 1 --nice -20 --cpu 0 --for 9s
load light hallows-load --json hogs 40 --nice 19 --cpu 0 --for 9s
finish heavy light
check "CPU seconds of 9 of 40 hogs of nice 19, the one that got the least" "$(lowest cpu_seconds /tmp/light)" '>' 0.01
check "the part of one of nice -20, CPU seconds" "$(field total_cpu_seconds /tmp/heavy)" '>' 6
stop

# So many that a round of whole bursts lasts longer than the watchdog waits.
WATCHDOG='--watchdog-ms 1000'
start --no-agent
load crowd hallows-load --json hogs 190 --cpu 0 --work-us 9000 --nap-us 100 --for 4s
finish crowd
check "CPU seconds of 4 of 190 long bursts on a CPU, the one that got the least" "$(lowest cpu_seconds /tmp/crowd)" '>' 0.005
stop
clean_dmesg
