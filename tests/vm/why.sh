# SPDX-License-Identifier: GPL-2.0-only
#
# what: why tells how a task is placed and what it came to run from
# kernels: 6.18
# cpus: 2
# mode: vtime
# timeout: 600

. /vm/lib.sh

start
load hogs hallows-load hogs 2 --for 4s
load periodic hallows-load periodic --for 4s
sleep 0.3
# The thread that sleeps and wakes, not the one that waits for it.
task=$(ls /proc/$pid_periodic/task | tail -n 1)
scx_hallows why "$task" --for 1s >/tmp/why || fail "why: exit status $?"
check "placements that it tells of" "$(grep -cE ' ms  (placed|queued)' /tmp/why)" '>' 10
check "runs that it tells of, in a hog's place" "$(grep -c 'runs on CPU [01]$' /tmp/why)" '>' 10
scx_hallows why "$task" --for 200ms --json >/tmp/why || fail "why --json: exit status $?"
check "events as JSON" "$(grep -c '"why":' /tmp/why)" '>' 2
# Who is displaced by it waits on a track.
hog=$(ls /proc/$pid_hogs/task | tail -n 1)
scx_hallows why "$hog" --for 1s >/tmp/why || fail "why: exit status $?"
check "runs that it tells of" "$(grep -c 'runs on CPU [01] from its own track' /tmp/why)" '>' 10
finish hogs periodic
refused 2 'there is no task 999999' scx_hallows why 999999
stop
clean_dmesg
