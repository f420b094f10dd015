# SPDX-License-Identifier: GPL-2.0-only
#
# what: LLCs, SMT and nodes are seen as they are, and work spreads over them
# kernels: 6.18
# cpus: 8
# topo: llc2 smt2 numa2 numa2llc2
# mode: vtime
# timeout: 600

. /vm/lib.sh

case $VM_TOPO in
llc2) map='8 CPUs in 2 LLCs on 1 nodes' rings='llc node' ;;
smt2) map='8 CPUs in 1 LLCs on 1 nodes' rings='smt llc' ;;
numa2) map='8 CPUs in 2 LLCs on 2 nodes' rings='llc machine' ;;
numa2llc2) map='8 CPUs in 4 LLCs on 2 nodes' rings='llc node machine' ;;
esac

start
grep -q "scheduling $map" $LOG || fail "the map is wrong, wanted $map"
say "$map"
# Twelve windows of the agent, of which the first is long: nothing had happened.
spreads 200
oracle hackbench -g 2 -l 20

totals
for ring in smt llc node machine; do
	case " $rings " in
	*" $ring "*) check "runs at the distance $ring, a second" "$(stat run.$ring)" '>' 0 ;;
	*) check "runs at the distance $ring" "$(stat run.$ring)" == 0 ;;
	esac
done
stop
clean_dmesg
