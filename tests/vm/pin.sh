# SPDX-License-Identifier: GPL-2.0-only
#
# what: pinned, it schedules on when its agent is killed, and the next agent takes it over
# kernels: 6.18
# cpus: 4
# mode: vtime
# timeout: 600

. /vm/lib.sh

PINS=/sys/fs/bpf/scx_hallows

# Writes a line whenever the kernel says that no scheduler is there.
watch_state() {
	while [ ! -e /tmp/enough ]; do
		[ "$(cat $SCX/state)" = enabled ] || echo out
		sleep 0.02
	done
}

# How many ms the kernel has no scheduler for: from when that begins until it is over.
gap() {
	give_up=$(($(now_ms) + 60000))
	while read -r state <$SCX/state && [ "$state" = enabled ]; do
		[ "$(now_ms)" -lt $give_up ] || return 1
	done
	begun=$(now_ms)
	while read -r state <$SCX/state && [ "$state" != enabled ]; do
		[ "$(now_ms)" -lt $give_up ] || return 1
	done
	echo $(($(now_ms) - begun))
}

# Has process $1 ended, or come as far as scheduling?
ended_or_up() {
	[ ! -e /proc/"$1"/exe ] || grep -q '\bscheduling [0-9]' /tmp/few
}

# The agent dies as in a crash.
crash() {
	kill -9 "$SCHEDULER"
	wait "$SCHEDULER"
}

told() {
	grep -q "$1" $LOG || fail "no word of: $1"
	say "$1"
}

unpinned() {
	[ -z "$(ls $PINS)" ] || fail "still pinned: $(ls $PINS)"
}

scx_hallows stop | grep 'no scx_hallows schedules here' || fail "it stopped something"

# --- a crash, and another agent ---

start --pin
starts=$(cat $SCX/enable_seq)
load state watch_state
load hogs hallows-load --json hogs 8 --for 6s
sample 0.5
crash
within 2 grep -q 'the agent is silent' /sys/kernel/tracing/trace
echo 0 >/sys/devices/system/cpu/cpu3/online

refused 69 'take it over with --pin' scx_hallows $WATCHDOG
refused 69 'loaded without --partial' scx_hallows $WATCHDOG --pin --partial
refused 69 'with --watchdog-ms 5000, not 6000' scx_hallows --watchdog-ms 6000 --pin
build=$(ls $PINS)
mv $PINS/"$build" $PINS/another
refused 69 "of build another, not $build: end it by 'scx_hallows stop'" scx_hallows $WATCHDOG --pin
mv $PINS/another $PINS/"$build"

# Whoever tries to take it over and fails, at whatever point, changes nothing.
files=32 # enough, on any kernel so far
failed=0
while [ $failed -lt 12 ]; do
	files=$((files - 1))
	(ulimit -n "$files" && exec scx_hallows $WATCHDOG --pin) >/tmp/few 2>&1 &
	few=$!
	within 20 ended_or_up $few
	grep -q '\bscheduling [0-9]' /tmp/few || failed=$((failed + 1))
	kill -USR2 $few 2>/dev/null
	wait $few
	say "with $files open files: $(tail -n 1 /tmp/few | cut -c1-100)"
	attached || fail "it ended with that"
done

start --pin
told 'taking over the pinned scheduler'
told 'scheduling 3 CPUs'
echo 1 >/sys/devices/system/cpu/cpu3/online
within 1 grep -q 'CPU 3 came online; scheduling 4 CPUs' $LOG
scx_hallows set slice_us=2000 || fail "set fails"
sample 1
check "decisions under fresh signals, percent" "$(stat agent.fresh)" '>=' 99
totals
# The counts are of all the time, the rates are a second's.
check "dispatches a second since it was loaded" "$(stat dispatch.own)" '<' 20000
check "times that the agent fell silent" "$(stat agent.lapses)" '>' 0
refused 69 'has an agent already' scx_hallows $WATCHDOG --pin
finish hogs
check "CPU seconds of all hogs in 6 s" "$(field total_cpu_seconds /tmp/hogs)" '>' 15
check "starts" "$(cat $SCX/enable_seq)" == "$starts"
: >/tmp/enough
finish state
check "times out" "$(grep -c out /tmp/state)" == 0
! grep 'waited too long were rescued' $LOG || fail "told of rescues before it"

# --- an agent leaves, another comes, a third replaces all ---

kill -USR2 "$SCHEDULER"
wait "$SCHEDULER" || fail "left: exit status $?"
attached || fail "ended by who should leave it"
start --pin --replace
told 'taking over the pinned scheduler'
check "starts" "$(cat $SCX/enable_seq)" == "$starts"
kill -USR2 "$SCHEDULER"
wait "$SCHEDULER"
load gap gap
start --pin --replace --exit-dump-len 65536
told 'replacing the pinned scheduler, which was loaded with --exit-dump-len 32768, not 65536'
finish gap
check "the default scheduler had the tasks for ms" "$(cat /tmp/gap)" '<' 1000
check "starts" "$(cat $SCX/enable_seq)" == $((starts + 1))
stop
unpinned

# --- ejected while no agent looks, and an agent that hangs ---

start --pin
crash
echo S >/proc/sysrq-trigger
within 5 detached
start --pin
told 'ended while it had no agent: .*[sS]ys[rR]q'
report=$(sed -n 's/.*what it knew is in //p' $LOG)
cat "$report"
for line in '^reason: .*[sS]ys[rR]q' '^LLC 0 on node 0: CPUs 0 1 2 3$' '^dispatch_own [1-9]'; do
	grep -qE "$line" "$report" || fail "the report has no line like '$line'"
done
kill -STOP "$SCHEDULER"
scx_hallows stop >/tmp/stop 2>&1 || fail "stop: exit status $?: $(cat /tmp/stop)"
cat /tmp/stop
grep -q 'stopped scx_hallows of build' /tmp/stop || fail "it does not say what it stopped"
detached || fail "stopped, it goes on"
unpinned
crash
clean_dmesg
