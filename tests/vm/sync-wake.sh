# SPDX-License-Identifier: GPL-2.0-only
#
# what: who passes a token stays on its CPU
# kernels: 6.18
# cpus: 4
# mode: vtime
# timeout: 600

. /vm/lib.sh

start
load pingpong hallows-load --json pingpong --pipe --for 2s
sleep 0.5
sample 1
finish pingpong
turns=$(field round_trips_per_second /tmp/pingpong)
check "sync wake-ups, a second, of the round trips" "$(stat wake.sync)" '>' "$(awk "BEGIN {print $turns / 4}")"
check "runs elsewhere, a second" "$(stat run.llc)" '<' 1000
stop
clean_dmesg
