# SPDX-License-Identifier: GPL-2.0-only
#
# what: thrown out, the scheduler says why and exits with 1
# kernels: 6.18
# cpus: 2
# timeout: 600

. /vm/lib.sh

start
load hogs hallows-load --json hogs 4 --for 4s
echo S >/proc/sysrq-trigger
within 5 detached
wait "$SCHEDULER"
status=$?
[ $status = 1 ] || fail "exit status $status, wanted 1"
tail -n 1 $LOG | grep -q 'scx_hallows: the kernel ejected the scheduler: .*sysrq' ||
	fail "the last line has no reason"
say "$(tail -n 1 $LOG)"
finish hogs
