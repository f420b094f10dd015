# SPDX-License-Identifier: GPL-2.0-only
#
# what: work gets all CPUs at once, also those that the agent does not take for idle yet
# kernels: 6.18
# cpus: 8
# topo: numa2 numa2llc2
# mode: vtime
# timeout: 600

. /vm/lib.sh

case $VM_TOPO in
# One CPU is not to be sent any work: it has to find the one track that has some.
numa2) runs=40 ;;
# As after a load that has only just ended, nobody is taken for idle.
numa2llc2) runs=12 never_idle="--hungry-enter 1" ;;
esac

start $never_idle
for run in $(seq $runs); do
	load spread hallows-load --json spread $((CPUS * 4)) --for 50ms
	finish spread
	field spread_us /tmp/spread | grep . >>/tmp/times || fail "not all CPUs were used"
done
check "all busy after, us, the latest of $runs times" "$(sort -n /tmp/times | tail -n 1)" '<=' 1000
stop
clean_dmesg
