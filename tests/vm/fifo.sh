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
# hog's end, whatever the scheduler; there the kernel has to be asked to bear it,
# or it ejects any scheduler under which a task waited for 5 s.

. /vm/lib.sh

case $(uname -r) in
6.*) patience='--watchdog-ms 15000' ;;
*) patience= ;;
esac
echo -1 >/proc/sys/kernel/sched_rt_runtime_us

start $patience
load movable hallows-load --json hogs $((CPUS * 2)) --for 9s
load bound hallows-load --json hogs 1 --cpu 1 --for 10500ms
sleep 0.3
load fifo hallows-load --json fifo --cpu 1 --for 8s
finish fifo
attached || fail "ejected: $(tail -n 1 $LOG)"
check "part of the CPU that the real-time hog had, percent" "$(field cpu_percent /tmp/fifo)" '>' 90
finish movable bound
# 9 s on three CPUs, and what is left of the fourth.
check "CPU seconds of those who could leave" "$(field total_cpu_seconds /tmp/movable)" '>' 26.5
check "CPU seconds of the one that got the least" "$(lowest cpu_seconds /tmp/movable)" '>' 3
check "CPU seconds of the one that could not" "$(field total_cpu_seconds /tmp/bound)" '>' 1
totals
check "tasks rescued from its track, a second" "$(stat dispatch.rescue)" '>' 0
stop
clean_dmesg
