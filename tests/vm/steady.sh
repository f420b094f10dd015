# SPDX-License-Identifier: GPL-2.0-only
#
# what: under a constant load no CPU changes its state, and nothing is moved
# kernels: 6.18
# cpus: 4
# topo: flat numa2
# mode: vtime
# timeout: 600

. /vm/lib.sh

# recorded NAME: of the last replay.
recorded() {
	sed -n "s/.*\"$1\": \([0-9]*\).*/\1/p" /tmp/replay
}

# Two hogs a CPU: whoever records is one more for a moment, which may show.
allowed() {
	[ "$1" = $((CPUS * 2)) ] && echo 2 || echo 0
}

start
for hogs in $CPUS $((CPUS * 3 / 2)) $((CPUS * 2)); do
	load hogs hallows-load hogs $hogs --for 3s
	# 20 windows, of which none is longer than 30 ms while they settle
	sleep 0.8
	scx_hallows record /tmp/steady.$hogs --for 1500ms >/dev/null || fail "record: exit status $?"
	finish hogs
	scx_hallows replay --json /tmp/steady.$hogs >/tmp/replay || fail "replay: exit status $?"
	check "windows with $hogs hogs" "$(recorded windows)" '>' 10
	check "changes of state in them" "$(recorded recorded_flips)" '<=' "$(allowed $hogs)"
	check "tasks to push" "$(recorded recorded_push_tokens)" == 0
	check "tasks to pull" "$(recorded recorded_fair_tokens)" == 0
done
stop
clean_dmesg
