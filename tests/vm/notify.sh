# SPDX-License-Identifier: GPL-2.0-only
#
# what: a service manager hears of readiness when the kernel schedules by us, and of life
# kernels: 6.18
# cpus: 2
# mode: vtime
# timeout: 600

. /vm/lib.sh

# heard WORDS: how many messages have them.
heard() {
	grep -c "$1" /tmp/manager
}

NOTIFY_SOCKET=/tmp/notify
load manager hallows-load listen $NOTIFY_SOCKET --for 600s
within 5 test -S $NOTIFY_SOCKET
export NOTIFY_SOCKET WATCHDOG_USEC=400000

# Refused, it is never ready.
refused 2 slice-us scx_hallows --slice-us 1
start
sleep 3
# An agent that hangs gives no sign of life.
kill -STOP "$SCHEDULER"
sleep 3
kill -CONT "$SCHEDULER"
sleep 1
stop
unset NOTIFY_SOCKET WATCHDOG_USEC
kill "$pid_manager"
finish manager
cat /tmp/manager

[ "$(heard READY=1)" = 1 ] || fail "not ready exactly once"
[ "$(heard 'hallows.*READY=1')" = 1 ] || fail "ready before the kernel named us"
[ "$(heard STOPPING=1)" = 1 ] || fail "no word of the end"
# Every 200 ms in the four seconds that it was not stopped.
check "signs of life" "$(heard WATCHDOG=1)" '>=' 15
gap=$(awk '/WATCHDOG=1/ {if (last && $1 - last > gap) gap = $1 - last; last = $1} END {print gap}' /tmp/manager)
check "longest time without one, s, while it was stopped for 3" "$gap" '>=' 2.9
clean_dmesg
