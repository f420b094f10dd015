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
# wakes KAPPA: how many wake-ups, a second, found an idle CPU on the other node.
wakes() {
	start --price static --price-us 0,0,0,100 --hysteresis-us 0 --kappa "$1"
	load hogs hallows-load hogs 2 --cpu 0-1 --for 2s
	load short taskset -c 0-1 hallows-load periodic --threads 2 --period-us 3000 --work-us 100 --for 2s
	sleep 0.5
	free short
	finish hogs short
	totals
	stop
	number=$(stat wake.machine)
}

wakes 0
check "wake-ups on the idle node when moves cost nothing, a second" "$number" '>' 0
wakes 16
check "the same when they cost 16 times 100 us" "$number" == 0

# cost WORK-US: what a move within the LLC costs a task of such bursts, us.
cost() {
	load task hallows-load periodic --cpu 0-1 --threads 1 --period-us 2000 --work-us "$1" --for 1500ms
	sleep 0.4
	scx_hallows why "$(ls /proc/$pid_task/task | tail -n 1)" --for 500ms >/tmp/why || fail "why: $?"
	finish task
	number=$(sed -n 's/.*price \([0-9.]*\) us.*/\1/p' /tmp/why | sort -g | tail -n 1)
}

start --price static --price-us 0,100,100,100 --hysteresis-us 0
load away hallows-load periodic --cpu 0-1 --threads 4 --period-us 700 --work-us 250 --for 5s
cost 400
check "price of a move of a small process, us" "$number" == 50
cost 10
check "the same when its bursts are too short to fill a cache" "$number" == 25
kill "$pid_away"
wait "$pid_away"
stop
clean_dmesg
