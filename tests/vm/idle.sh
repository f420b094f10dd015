# SPDX-License-Identifier: GPL-2.0-only
#
# what: on an idle machine the agent costs next to nothing
# kernels: 6.18
# cpus: 8
# topo: llc2
# mode: vtime
# timeout: 600

. /vm/lib.sh

# Of all threads of the scheduler: times that they went to sleep, ns that they ran.
wakeups() {
	cat /proc/$SCHEDULER/task/*/status | awk '/^voluntary/ {sum += $2} END {print sum}'
}
ran() {
	cat /proc/$SCHEDULER/task/*/schedstat | awk '{sum += $1} END {print sum}'
}

start
# A machine that has nothing left to do is looked at less often within a few windows: where
# something runs, it takes eight without a change to stretch the next ones by half.
hallows-load hogs 8 --for 1s >/dev/null
sleep 0.2
wakeups=$(wakeups)
sleep 1
wakeups=$(($(wakeups) - wakeups))
check "wake-ups of the agent in the second after a load" $wakeups '<=' 20
sleep 2
wakeups=$(wakeups) ran=$(ran)
sleep 10
wakeups=$(($(wakeups) - wakeups)) ran=$(($(ran) - ran))
check "wake-ups of the agent, a second" "$(awk -v n=$wakeups 'BEGIN {print n / 10}')" '<=' 12
check "CPU time of the agent, percent of a CPU" "$(awk -v n=$ran 'BEGIN {print n / 1e8}')" '<' 0.1
# What little an idle desktop does is no reason for more.
load pokes hallows-load periodic --period-us 50000 --work-us 2000 --for 3s
sleep 1
wakeups=$(wakeups)
sleep 2
wakeups=$(($(wakeups) - wakeups))
finish pokes
check "wake-ups of the agent in two seconds of little work" $wakeups '<=' 30
stop
clean_dmesg
