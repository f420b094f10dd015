# SPDX-License-Identifier: GPL-2.0-only
#
# what: work gets all CPUs where the agent does not see yet that they idle, as after a load
# kernels: 6.18
# cpus: 8
# topo: llc2 numa2 numa2llc2
# mode: vtime
# timeout: 600

. /vm/lib.sh

# No CPU ever idles enough for it.
start --hungry-enter 1
for run in 1 2 3 4 5 6 7 8 9 10 11 12; do
	load spread hallows-load --json spread $((CPUS * 4)) --for 50ms
	finish spread
	check "all busy after, us" "$(field spread_us /tmp/spread)" '<=' 3000
done
stop
clean_dmesg
