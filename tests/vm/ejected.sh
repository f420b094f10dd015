# SPDX-License-Identifier: GPL-2.0-only
#
# what: thrown out, the scheduler says why, leaves a report and exits with 1
# kernels: 6.18
# cpus: 2
# mode: vtime
# timeout: 600

. /vm/lib.sh

# ejected WAY ARGUMENTS...: starts the scheduler under load, has the kernel throw
# it out: by a task that cannot run, or by SysRq-S.
ejected() {
	way=$1
	shift
	start "$@"
	load hogs hallows-load hogs 4 --for 4s
	load bound hallows-load hogs 1 --cpu 1 --for 6s
	sleep 1
	load fifo "$way"
	within 10 detached
	wait "$SCHEDULER"
	status=$?
	[ $status = 1 ] || fail "exit status $status, wanted 1"
	finish hogs bound fifo
}

# Nobody can help a task that is bound to the CPU of a real-time hog, but in
# kernels with a deadline server for sched_ext.
stall() {
	hallows-load fifo --cpu 1 --for 4s
}

sysrq() {
	echo S >/proc/sysrq-trigger
}

# reason LINES WORDS: the last lines, so many, begin with one that has the reason.
reason() {
	tail -n "$1" $LOG | head -n 1 | grep -q "scx_hallows: the kernel ejected the scheduler: .*$2" ||
		fail "no word of $2 in the last $1 lines"
	say "$(tail -n 1 $LOG)"
}

# has WORDS: a line of the report is like that.
has() {
	grep -qE "$1" "$report" || fail "the report has no line like '$1'"
}

echo -1 >/proc/sys/kernel/sched_rt_runtime_us
WATCHDOG='--watchdog-ms 1000'
ejected stall
WATCHDOG='--watchdog-ms 5000'
reason 2 'stall.*; CPU 1 is held by real-time task load-0 (pid [0-9]*) for [0-9.]* s'
report=$(tail -n 1 $LOG)
case $report in
/var/lib/scx_hallows/ejection-*.txt) ;;
*) fail "the last line is no report's path" ;;
esac
cat "$report"
has '^reason: .*stall'
grep -qxF "kernel: $(uname -r)" "$report" || fail "no word of this kernel"
has '^scx_hallows: [0-9]'
has '^LLC 0 on node 0: CPUs 0 1$'
# The CPU that the hogs shared was busy, and tasks waited there.
has '^ cpu  llc .* -0.0 s$'
has '^ +0 +0.*  [.+#] +[1-9][0-9]* +([5-9][0-9]|100)'
has '^ +1 +0  '
has '^CPU 1 is held by real-time task load-0 .* s$'
has '^dispatch_own [1-9]'
has '^slice_us = 3000$'
has '^CPU states'
has '^ *cell 1: .* held'
check "bytes of the report" "$(wc -c <"$report")" '<=' 1048576

# Ten are kept, and no more.
for old in 1 2 3 4 5 6 7 8 9 10 11 12; do
	echo old >/var/lib/scx_hallows/ejection-1970-$old.txt
done
ejected sysrq
reason 2 sysrq
check "reports kept" "$(ls /var/lib/scx_hallows | wc -l)" == 10
[ -s "$report" ] || fail "the report before the latest is gone"

# On a full disk it ends the same way, with a word about the report.
mkdir /tmp/full
mount -t tmpfs -o size=8k full /tmp/full
dd if=/dev/zero of=/tmp/full/fill bs=4k count=4 2>/dev/null
ejected sysrq --report-dir /tmp/full
reason 1 sysrq
grep -q 'no report of the ejection: .*No space left' $LOG || fail "no word about the full disk"
[ "$(ls -A /tmp/full)" = fill ] || fail "half a report: $(ls -A /tmp/full)"
say "a full disk is only a warning"

# A scheduler that was told to end leaves none.
start --report-dir /tmp/quiet
stop
[ ! -e /tmp/quiet ] || fail "a report of a normal end"
