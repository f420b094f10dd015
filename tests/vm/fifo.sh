# SPDX-License-Identifier: GPL-2.0-only
#
# what: a real-time hog takes a CPU: those who can leave it do, nobody is ejected
# kernels: 6.18 7
# cpus: 4
# mode: vtime
# timeout: 600
#
# Kernels with a deadline server for sched_ext (7.x) let those who are bound to
# that CPU have some of it. On others such a task, a kworker say, waits for the
# hog's end, whatever the scheduler; there the watchdog has to be more patient.

. /vm/lib.sh

echo -1 >/proc/sys/kernel/sched_rt_runtime_us

# The agent names the hog that has CPU $1, and whom it keeps waiting.
named() {
	words="CPU $1 is held by real-time task load-0 (pid [0-9]*) for 0.[5-9] s: [1-9][0-9]* task.* bound to it wait"
	grep -q "$words" $LOG || fail "no word of the hog on CPU $1"
	say "$(grep "$words" $LOG)"
	within 2 grep -q "CPU $1 is back after [0-9.]* s" $LOG
}

WATCHDOG=
start
# 5 s are enough for a kernel with the server.
case $(uname -r) in
6.*) ;;
*) ! grep 'the watchdog waits' $LOG || fail "this kernel does shield them" ;;
esac
# One that takes an idle CPU, of which kernels before 6.19 do not tell.
load first hallows-load fifo --cpu 2 --for 1200ms
sleep 0.3
load late hallows-load hogs 1 --cpu 2 --for 1500ms
sleep 0.2
totals
grep -q '^LLC 0 *[.+?]*#' $STATS.raw || fail "no held CPU is saturated: $(head -n 1 $STATS.raw)"
say "$(head -n 1 $STATS.raw)"
finish first late
named 2
# So it is with a deadline task.
load deadline taskset -c 3 stress-ng --quiet --cpu 1 --sched deadline --sched-runtime 900000000 \
	--sched-deadline 1000000000 --sched-period 1000000000 -t 2s
sleep 0.2
load late hallows-load hogs 1 --cpu 3 --for 1500ms
within 2 grep -q 'CPU 3 is held by deadline task stress-ng' $LOG
finish deadline late
say "$(grep 'by deadline task' $LOG)"
load movable hallows-load --json hogs $((CPUS * 2)) --for 9s
load bound hallows-load --json hogs 1 --cpu 1 --for 10500ms
sleep 0.3
load fifo hallows-load --json fifo --cpu 1 --for 8s
finish fifo
attached || fail "ejected: $(tail -n 1 $LOG)"
named 1
check "part of the CPU that the real-time hog had, percent" "$(field cpu_percent /tmp/fifo)" '>' 90
finish movable bound
# 9 s on three CPUs, and what is left of the fourth.
check "CPU seconds of those who could leave" "$(field total_cpu_seconds /tmp/movable)" '>' 26.5
check "CPU seconds of the one that got the least" "$(lowest cpu_seconds /tmp/movable)" '>' 3
check "CPU seconds of the one that could not" "$(field total_cpu_seconds /tmp/bound)" '>' 1
totals
check "tasks rescued from its track, a second" "$(stat dispatch.rescue)" '>' 0
# The others of its LLC look there in time: nobody who may leave waits for 50 ms.
check "of them moved to the emergency queue, a second" "$(stat rescue.held)" '==' 0
stop
clean_dmesg
