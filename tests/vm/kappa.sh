# SPDX-License-Identifier: GPL-2.0-only
#
# what: moves cost what they are said to, by who moves
# kernels: 6.18
# cpus: 4
# topo: numa2
# mode: vtime
# timeout: 600

. /vm/lib.sh

# Short tasks of node 0, whose CPUs have hogs, beside a node that idles.
# stays KAPPA: the share of their time, percent, that they stay.
stays() {
	start --price static --price-us 0,0,0,200 --hysteresis-us 0 --affinity off --kappa "$1"
	load hogs hallows-load hogs 2 --cpu 0-1 --for 2s
	load short taskset -c 0-1 hallows-load --json haunt 2 --cpus 0-1 --burst 200us --pause 3ms --after 800ms --for 1s
	sleep 0.4
	free short
	finish hogs short
	stop
	number=$(field inside_percent /tmp/short)
}

stays 0
check "time that short tasks stay beside hogs when moves cost nothing, percent" "$number" '<' 20
stays 16
check "the same when a move costs 16 times 200 us" "$number" '>' 80

# cost WORK-US: what a move within the LLC costs a task of such bursts, us.
cost() {
	load task hallows-load periodic --cpu 0-1 --threads 1 --period-us 2000 --work-us "$1" --for 1500ms
	sleep 0.4
	scx_hallows why "$(ls /proc/$pid_task/task | tail -n 1)" --for 500ms >/tmp/why || fail "why: $?"
	finish task
	number=$(sed -n 's/.*price \([0-9.]*\) us.*/\1/p' /tmp/why | sort -g | tail -n 1)
}

start --price static --price-us 0,100,100,100 --hysteresis-us 0
load away hallows-load periodic --cpu 0-1 --threads 4 --period-us 700 --work-us 250 --for 30s
cost 400
check "price of a move of a small process, us" "$number" == 50
cost 10
check "the same when its bursts are too short to fill a cache" "$number" == 25
stop

# counted EVENT: the same by what a counter says after moves. Software ones
# stand for those that this machine does not have: they count each nanosecond of
# a run, or its end alone. So that the chase, too, ends now and then before it is
# done, others of its CPU go first.
counted() {
	taskset -p 1 $$ >/dev/null
	chrt -i -p 0 $$
	start --price static --price-us 0,100,100,100 --hysteresis-us 0 --pmu "$1"
	chrt -o -p 0 $$
	taskset -p f $$ >/dev/null
	grep "footprints by $1: [1-9]" $LOG || fail "$1 counts nothing"
	sleep 0.5
	cost 400
	totals
	check "runs after a move that were counted, a second" "$(stat run.refills)" '>' 0
	stop
}

counted cpu-clock
check "price of a move of a task that misses all the time, us" "$number" == 400
counted context-switches
check "the same of one that misses next to nothing" "$number" == 25
kill "$pid_away"
wait "$pid_away"

# useless EVENT WORDS: there is no such counter here, or it counts nothing.
useless() {
	start --pmu "$1"
	grep "no use of the PMU: $2" $LOG || fail "no word of that"
	totals
	check "runs that were counted by $1, a second" "$(stat run.refills)" == 0
	stop
}

useless auto "this machine has no counter for cache-misses"
useless page-faults "page-faults counts nothing"
clean_dmesg
