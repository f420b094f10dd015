# SPDX-License-Identifier: GPL-2.0-only
#
# what: an LLC without work takes it from another, by the agent's route or without
# kernels: 6.18
# cpus: 8
# topo: llc2 numa2
# mode: vtime
# timeout: 600

. /vm/lib.sh

# Hogs are let out of the first LLC while the CPUs of the other run and sleep.
let_out() {
	load hogs taskset -c 0-3 hallows-load hogs 8 --for 1s
	load periodic taskset -c 4-7 hallows-load periodic --threads 8 --for 1s
	{ sleep 0.3 && free hogs; } &
	sample 0.8
	finish hogs periodic
}

start
let_out
check "dispatched from stops of the agent's route, a second" "$(stat dispatch.route)" '>' 0
stop

start --no-agent
let_out
check "dispatched from stops of the static route, a second" "$(stat dispatch.detour)" '>' 0
check "dispatched from the route of an agent that is not there" "$(stat dispatch.route)" == 0
stop
clean_dmesg
