# SPDX-License-Identifier: GPL-2.0-only
#
# what: a recording of a run replays as it was, and otherwise with other parameters
# kernels: 6.18
# cpus: 2
# mode: vtime
# timeout: 600

. /vm/lib.sh

# Of the last replay: the recorded changes of state, and the replayed ones.
flips() {
	sed -n "s/.*\"$1\": \([0-9]*\).*/\1/p" /tmp/replay
}

# One CPU gets four hogs and loses them again; nobody may help it.
phases() {
	for phase in $(seq 10); do
		hallows-load hogs 4 --cpu 0 --for 120ms
		sleep 0.12
	done
}

start
load phases phases
scx_hallows record /tmp/recording --for 1500ms || fail "record: exit status $?"
refused 1 'cannot create' scx_hallows record /tmp/recording
finish phases
stop

# Without a scheduler: replaying needs none.
scx_hallows replay --json /tmp/recording >/tmp/replay || fail "replay: exit status $?"
check "windows recorded" "$(flips windows)" '>' 30
check "changes of state recorded" "$(flips recorded_flips)" '>' 3
check "states as recorded, percent" "$(flips same_states_pct)" '>=' 85
as_it_was=$(flips flips)
scx_hallows replay --json --set saturate_enter=60 --set hungry_enter=1 /tmp/recording >/tmp/replay
check "changes of state when nothing is saturated or hungry" "$(flips flips)" '<' "$as_it_was"
refused 2 'no recording' scx_hallows replay /bin/busybox
clean_dmesg
