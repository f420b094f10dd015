# SPDX-License-Identifier: GPL-2.0-only
#
# what: under a constant load no CPU changes its state, and nothing is moved
# kernels: 6.18
# cpus: 4
# topo: flat numa2
# mode: vtime
# timeout: 600

. /vm/lib.sh

# rate NAME: of the last sample; what never happened has no line.
rate() {
	value=$(stat "$1")
	echo "${value:-0}"
}

start
for hogs in $CPUS $((CPUS * 3 / 2)) $((CPUS * 2)); do
	load hogs hallows-load hogs $hogs --for 4s
	# 20 windows, of which none is longer than 30 ms while they settle
	sleep 0.8
	# of two seconds the first sees who asks being started
	block 1 3
	finish hogs
	check "windows a second with $hogs hogs" "$(rate agent.windows)" '>' 7
	check "changes of state a second" "$(rate agent.flips)" == 0
	check "tasks to push a second" "$(rate push.requested)" == 0
	check "tasks to pull a second" "$(rate fair.requested)" == 0
done
stop
clean_dmesg
