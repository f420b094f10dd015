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
clean_dmesg
