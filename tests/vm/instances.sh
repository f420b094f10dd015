# SPDX-License-Identifier: GPL-2.0-only
#
# what: the command line on a real kernel: refusals, --no-agent, --partial
# kernels: 6.18
# cpus: 2
# timeout: 600

. /vm/lib.sh

echo 'nobody:x:65534:65534::/:/bin/sh' >>/etc/passwd
refused 77 CAP_BPF su nobody -s /bin/sh -c scx_hallows
refused 69 'no scheduler' scx_hallows --monitor 1
start --no-agent
refused 69 'another scheduler' scx_hallows
attached || fail "the second instance disturbed the first"
load hogs hallows-load --json hogs 4 --for 2s
sample 1
check "decisions, a second" "$(stat run.self)" '>' 0
[ "$(stat agent.fresh)" = "" ] || fail "fresh signals without an agent"
grep -q 'agent  *off' $STATS.raw || fail "an agent"
finish hogs
stop

start --partial
load hogs hallows-load --json hogs 4 --for 2s
sample 1
check "runs of tasks that are not SCHED_EXT" "$(stat run.self)" == 0
finish hogs
stop
clean_dmesg
