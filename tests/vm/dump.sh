# SPDX-License-Identifier: GPL-2.0-only
#
# what: a debug dump tells of cells and tasks
# kernels: 6.18
# cpus: 2
# timeout: 600

. /vm/lib.sh

TRACING=/sys/kernel/tracing

dumped() {
	grep -q 'hallows: .* waits .* us burst .* us vtime' $TRACING/trace
}

# SysRq-D dumps into a trace event and ejects nobody.
echo 1 >$TRACING/events/sched_ext/sched_ext_dump/enable
start
load hogs hallows-load --json hogs 6 --for 5s
sleep 1
echo D >/proc/sysrq-trigger
within 5 dumped
for cpu in 0 1; do
	[ "$(grep -c "cell $cpu: " $TRACING/trace)" = 2 ] || fail "no two lines of CPU $cpu in the dump"
	say "$(grep -o "cell $cpu: .*" $TRACING/trace | head -n 1)"
done
say "$(grep -o 'hallows: .* waits.*' $TRACING/trace | head -n 1)"
attached || fail "the dump ended the scheduler"
finish hogs
stop
clean_dmesg
