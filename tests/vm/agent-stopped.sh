# SPDX-License-Identifier: GPL-2.0-only
#
# what: a stopped agent costs its advice and nothing else
# kernels: 6.18
# cpus: 4
# mode: vtime
# timeout: 600

. /vm/lib.sh

# Seconds that hackbench takes, the median of five.
messages() {
	for turn in 1 2 3 4 5; do
		hackbench -g 2 -l 100 | sed -n 's/Time: //p'
	done | sort -g | sed -n 3p
}

says() {
	grep -q "hallows: $1" /sys/kernel/tracing/trace
}

start
steered=$(messages)
load hogs hallows-load --json hogs 8 --for 6s
sample 1
check "decisions under fresh signals, percent" "$(stat agent.fresh)" '>=' 99

kill -STOP "$SCHEDULER"
from=$(now_ms)
within 5 says 'the agent is silent'
check "ms until BPF says that it is alone, of 5 periods" $(($(now_ms) - from)) '<=' 500
load periodic hallows-load --json periodic --for 2s
finish periodic
check "p99 of wake-ups beside hogs without the agent, us" "$(field p99_us /tmp/periodic)" '<' 10000
finish hogs
check "CPU seconds of all hogs in 6 s" "$(field total_cpu_seconds /tmp/hogs)" '>' 21.6
alone=$(messages)
check "time of hackbench without the agent, percent of that with it" \
	"$(awk -v a="$alone" -v b="$steered" 'BEGIN {print 100 * a / b}')" '<=' 105

load hogs hallows-load --json hogs 8 --for 3s
kill -CONT "$SCHEDULER"
within 1 says 'the agent is back'
within 1 grep -q 'fell silent' $LOG
totals
check "times that the agent fell silent" "$(stat agent.lapses)" == 1
check "decisions under fresh signals since the start, percent" "$(stat agent.fresh)" '<' 80
sample 1
check "decisions under fresh signals again, percent" "$(stat agent.fresh)" '>=' 99
finish hogs
stop
clean_dmesg
