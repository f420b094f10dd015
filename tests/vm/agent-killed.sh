# SPDX-License-Identifier: GPL-2.0-only
#
# what: after kill -9 the default scheduler goes on, and a new start works
# kernels: 6.18
# cpus: 4
# mode: vtime
# timeout: 600

. /vm/lib.sh

start
load hogs hallows-load --json hogs 8 --for 4s
sleep 0.5
kill -9 "$SCHEDULER"
within 1 detached
say "the default scheduler is back"
sleep 0.5

start
sleep 0.5
attached || fail "gone again"
finish hogs
# To load BPF programs takes a second or two of the sixteen.
check "CPU seconds of all hogs in 4 s" "$(field total_cpu_seconds /tmp/hogs)" '>' 12
stop
clean_dmesg
