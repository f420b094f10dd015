# SPDX-License-Identifier: GPL-2.0-only
#
# what: prices are learnt: where there are no caches, a move costs next to nothing
# kernels: 6.18
# cpus: 4
# topo: llc2
# mode: vtime
# timeout: 600

. /vm/lib.sh

# Threads that wake each other all over the machine, for some seconds.
gossip() {
	load periodic hallows-load periodic --threads 12 --for 4s
	hackbench -g 2 -l 700 >/dev/null
	finish periodic
}

start
gossip
totals
grep price/us $STATS.raw
check "price of a move inside an LLC, us" "$(stat price/us.llc)" '<' 10
stop

start --price static
gossip
totals
[ -z "$(stat price/us.llc)" ] || fail "learnt a price that is static"
stop
clean_dmesg
