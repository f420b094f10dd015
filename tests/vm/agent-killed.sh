# SPDX-License-Identifier: GPL-2.0-only
#
# what: after kill -9 the default scheduler goes on, and a new start works
# kernels: 6.18
# cpus: 4
# mode: vtime
# timeout: 600

. /vm/lib.sh

start
load hogs hallows-load --json hogs 4 --for 7s
sleep 0.5
kill -9 "$SCHEDULER"
within 1 detached
say "the default scheduler is back"
sleep 0.5

start
sleep 0.5
attached || fail "gone again"
kill -0 "$pid_hogs" || fail "the load ended before the new start did"
finish hogs
# The emulated CPUs take three seconds for the verifier's work: that is not lost.
own=$(cat /proc/$SCHEDULER/task/*/schedstat | awk '{sum += $1} END {print sum / 1e9}')
check "CPU seconds of all hogs in 7 s, and $own of the new scheduler's start" \
	"$(awk -v hogs="$(field total_cpu_seconds /tmp/hogs)" -v own="$own" 'BEGIN {print hogs + own}')" '>=' 27
stop
clean_dmesg
