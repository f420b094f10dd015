# SPDX-License-Identifier: GPL-2.0-only
#
# what: an LLC without work takes it from another, by the agent's route or without
# kernels: 6.18
# cpus: 8
# topo: llc2 numa2
# mode: vtime
# timeout: 600

. /vm/lib.sh

# Hogs are let out of the first LLC, and sent back, while the CPUs of the other
# run and sleep.
let_out() {
	load hogs hallows-load hogs 8 --cpu 0-3 --for 3s
	load periodic taskset -c 4-7 hallows-load periodic --threads 8 --for 3s
	{
		for turn in $(seq 12); do
			sleep 0.1
			free hogs
			sleep 0.1
			taskset -a -p -c 0-3 "$pid_hogs" >/dev/null
		done
	} &
	sample 2.4
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
