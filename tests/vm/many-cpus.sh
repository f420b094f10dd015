# SPDX-License-Identifier: GPL-2.0-only
#
# what: more CPUs than a word has bits
# kernels: 6.18
# cpus: 72
# timeout: 400

. /vm/lib.sh

start
grep -q "scheduling $CPUS CPUs in 1 LLCs" $LOG || fail "the map is wrong"
load spread hallows-load --json spread $((CPUS * 2)) --for 20s
finish spread
check "CPUs that the hogs used" "$(field used_cpus /tmp/spread)" == "$CPUS"
stop
clean_dmesg
