# SPDX-License-Identifier: GPL-2.0-only
#
# what: a stopped agent costs its advice and nothing else
# kernels: 6.18
# cpus: 4
# mode: vtime
# timeout: 600

. /vm/lib.sh

start
load hogs hallows-load --json hogs 8 --for 5s
sample 1
check "decisions under fresh signals, percent" "$(stat agent.fresh)" '>=' 99

kill -STOP "$SCHEDULER"
load periodic hallows-load --json periodic --for 2s
finish periodic
kill -CONT "$SCHEDULER"
check "p99 of wake-ups beside hogs without the agent, us" "$(field p99_us /tmp/periodic)" '<' 10000
totals
check "decisions under fresh signals since the start, percent" "$(stat agent.fresh)" '<' 80

sample 1
check "decisions under fresh signals again, percent" "$(stat agent.fresh)" '>=' 99
finish hogs
check "CPU seconds of all hogs in 5 s" "$(field total_cpu_seconds /tmp/hogs)" '>' 18
stop
clean_dmesg
