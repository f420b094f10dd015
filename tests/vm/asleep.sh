# SPDX-License-Identifier: GPL-2.0-only
#
# what: the whole machine stops for a minute: the kernel ejects, the scheduler is back
# kernels: 6.16 7
# cpus: 4
# freeze: 60
# mode: vtime
# timeout: 600
#
# All clocks jump by more than the watchdog's longest patience, 30 s: the kernel ejects
# whatever scheduler there is. frozen.sh has a stop that nobody notices.

. /vm/lib.sh

WATCHDOG=
start
starts=$(cat $SCX/enable_seq)
load hogs hallows-load --json hogs 8 --for 66s
load periodic hallows-load --json periodic --threads 2 --for 66s
load churn hallows-load --json affinity-churn --threads 2 --for 66s
sleep 1
freeze
thawed=$(now_ms)
back() {
	attached && [ "$(cat $SCX/enable_seq)" -gt "$starts" ]
}
within 15 back
say "back after $(($(now_ms) - thawed)) ms"
check "starts" "$(cat $SCX/enable_seq)" == $((starts + 1))
grep 'the machine stood still for 6[0-9.]* s' $LOG || fail "no word of it"
[ ! -e /var/lib/scx_hallows ] || fail "a report, as if something were wrong"
sample 1
check "decisions under fresh signals, percent" "$(stat agent.fresh)" '>=' 99
finish hogs periodic churn
check "threads outside their mask" "$(field violations /tmp/churn)" == 0
check "CPU seconds of the hog that got the least" "$(lowest cpu_seconds /tmp/hogs)" '>' 1
stop
