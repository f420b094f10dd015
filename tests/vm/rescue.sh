# SPDX-License-Identifier: GPL-2.0-only
#
# what: who waits behind a real-time hog, and only elsewhere could run, is rescued
# kernels: 6.18 7
# cpus: 4
# topo: llc2
# mode: vtime
# timeout: 600
#
# In the end CPU 1 is held; those who wait there may use it and CPU 3, which is busy and
# in another LLC.

. /vm/lib.sh

echo -1 >/proc/sys/kernel/sched_rt_runtime_us

# A move to the other LLC costs what nobody waits for: 10 to 20 ms, by the task. Two hogs on
# a CPU take turns of 2 ms. What waits for over 1 ms is moved all the same, by who goes idle
# there in between.
start --no-agent --price static --price-us 0,0,1000,1000 --kappa 16 --wait-max-us 1000
load hogs hallows-load hogs 4 --cpu 0-1 --for 1200ms
load periodic taskset -c 2-3 hallows-load periodic --threads 8 --for 1200ms
for turn in 1 2 3 4 5; do
	sleep 0.1
	free hogs
	sleep 0.1
	taskset -a -p -c 0-1 "$pid_hogs" >/dev/null
done
totals
check "hogs that another LLC took at any price, a second" "$(stat rescue.price)" '>' 0
finish hogs periodic
within 2 grep -q 'were rescued: price [1-9]' $LOG

# Four that sleep, and wake up where real-time hogs have both CPUs by then; the others
# have enough to do.
load busy hallows-load hogs 6 --cpu 2-3 --for 2500ms
load sleepers taskset -c 0-1 hallows-load --json periodic --threads 4 --period-us 700000 --work-us 200 --for 2s
sleep 0.2
taskset -a -p -c 0-3 "$pid_sleepers" >/dev/null
load first hallows-load fifo --cpu 0 --for 1500ms
load second hallows-load fifo --cpu 1 --for 1500ms
finish busy sleepers first second
check "longest wait for an LLC whose CPUs are all held, us" "$(field max_us /tmp/sleepers)" '<' 200000
stop

start
# Long waits by the order of a queue are no emergency: 30 hogs share each CPU.
load crowd hallows-load --json hogs 60 --cpu 0-1 --for 700ms
finish crowd
totals
check "hogs rescued from a long queue" "$(stat rescue.held)" == 0

# All of them are on the track of CPU 1 when that is taken: hogs that are spread over
# both CPUs are at times all elsewhere.
load busy hallows-load --json hogs 3 --cpu 0,2,3 --for 2500ms
load confined hallows-load --json hogs 24 --cpu 1 --for 2500ms
sleep 0.4
taskset -a -p -c 1,3 "$pid_confined" >/dev/null
load fifo hallows-load --json fifo --cpu 1 --for 1500ms
# On kernels that shield our tasks from real-time hogs CPU 1 serves its track again
# after a second.
sleep 0.5
totals
check "tasks rescued from the CPU of the hog, a second" "$(stat rescue.held)" '>' 0
check "rescues, a second" "$(stat dispatch.rescue)" '>' 0
finish fifo busy confined
within 2 grep -q 'were rescued: held [1-9].*; CPU 1 was held by real-time task load-0 (pid' $LOG
say "$(grep 'were rescued' $LOG)"
check "CPU seconds of the confined hog that got the least" "$(lowest cpu_seconds /tmp/confined)" '>' 0.05
stop
grep -q 'rescues: .*held [1-9]' $LOG || fail "no rescues in the end"
clean_dmesg
