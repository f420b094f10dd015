# SPDX-License-Identifier: GPL-2.0-only
#
# what: more CPUs than a word has bits
# kernels: 6.18
# cpus: 72
# timeout: 600
#
# Only the last twelve CPUs are kept busy: one host core gives each busy CPU a
# tenth of a second in turn, and a turn through 72 of them would last longer than
# the kernel lets a task wait.

. /vm/lib.sh

start
grep -q "scheduling $CPUS CPUs in 1 LLCs" $LOG || fail "the map is wrong"
load spread taskset -c 60-71 hallows-load --json spread 24 --for 5s
finish spread
check "CPUs that the hogs of CPUs 60 to 71 used" "$(field used_cpus /tmp/spread)" == 12
stop
clean_dmesg
