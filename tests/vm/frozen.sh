# SPDX-License-Identifier: GPL-2.0-only
#
# what: the whole machine stops for 10 s under load and goes on: nobody is ejected
# kernels: 6.18
# cpus: 4
# mode: vtime
# timeout: 600
#
# All clocks jump. The watchdog has the patience that it has by default on this
# kernel, 15 s: after a jump of more the kernel ejects every scheduler, whose own
# check is as late as all else ("watchdog failed to check in").

. /vm/lib.sh

WATCHDOG=
start
starts=$(cat $SCX/enable_seq)
load hogs hallows-load --json hogs 8 --for 13s
load periodic hallows-load --json periodic --threads 2 --for 13s
load churn hallows-load --json affinity-churn --threads 2 --for 13s
sleep 1
totals
check "times that the agent fell silent" "$(stat agent.lapses)" == 0
freeze
# Signals from before are over; BPF says so before it decides anything.
within 1 grep -q 'fell silent' $LOG
totals
check "times that the agent fell silent" "$(stat agent.lapses)" == 1
sample 1
check "decisions under fresh signals again, percent" "$(stat agent.fresh)" '>=' 99
finish hogs periodic churn
check "CPU seconds of the hog that got the least" "$(lowest cpu_seconds /tmp/hogs)" '>' 1
attached || fail "ejected"
check "starts" "$(cat $SCX/enable_seq)" == "$starts"
stop
clean_dmesg
