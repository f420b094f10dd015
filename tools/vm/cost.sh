# SPDX-License-Identifier: GPL-2.0-only
# One load under one scheduler, for `cargo xtask cost`: $LOAD, $SCALE, $SCHEDULER. What
# runs between the marks is counted. Prints where the kernel's functions and the BPF
# programs' are, each after a line that begins with "===".

STATE=/sys/kernel/sched_ext/state
LOG=/tmp/scheduler.log

fail() {
	tail -n 5 $LOG
	echo "$SCHEDULER: $*"
	exit 1
}

echo 1 >/proc/sys/net/core/bpf_jit_kallsyms
$SCHEDULER >$LOG 2>&1 &
looks=0
until [ "$(cat $STATE)" = enabled ]; do
	kill -0 $! 2>/dev/null || fail "it ended before it scheduled"
	looks=$((looks + 1))
	[ $looks -lt 600 ] || fail "it does not schedule after a minute"
	sleep 0.1
done
sleep 1
cost mark || fail "the count does not begin"
# How many steps are a microsecond's is the same for all schedulers.
# shellcheck disable=SC2086 # no word where the scale has no flag
scx_hallows bench --measure "$LOAD" $SCALE --per-us 200 >/tmp/figures || fail "$LOAD failed"
cost mark || fail "the count does not end"
[ "$(cat $STATE)" = enabled ] || fail "it was ejected"
echo "=== programs"
cost programs || fail "no programs"
echo "=== symbols"
grep -i '^[0-9a-f]* [tw] ' /proc/kallsyms
echo "==="
