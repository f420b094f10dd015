# SPDX-License-Identifier: GPL-2.0-only
#
# what: hogs share two nodes alike, and those that come to rest stay where they are
# kernels: 6.18
# cpus: 4
# topo: numa2
# mode: vtime
# timeout: 600

. /vm/lib.sh

# Three hogs for each CPU of the first node, one for each of the second, let out
# of their nodes when all CPUs are busy.
three_to_one() {
	load many hallows-load --json hogs 6 --cpu 0-1 --for 5s
	load few hallows-load --json hogs 2 --cpu 2-3 --for 5s
	sleep 0.5
	free many
	free few
	finish many few
	jain /tmp/many /tmp/few
}

start
check "Jain's index of 6 hogs of one node and 2 of another" "$(three_to_one)" '>=' 0.99
stop
check "tasks pushed and pulled" $(($(moved push) + $(moved fair))) '>' 0

start --no-agent
check "the same without an agent" "$(three_to_one)" '<' 0.9
stop

start
load hogs hallows-load --json hogs 8 --for 3s
finish hogs
check "Jain's index of 8 hogs on 4 CPUs" "$(jain /tmp/hogs)" '>=' 0.99

# What counts is weight: by that each of the four has 0.97 of a CPU.
load many hallows-load --json hogs 4 --cpu 0-1 --for 4s
load light hallows-load --json hogs 8 --nice 19 --cpu 2-3 --for 4s
sleep 0.2
free many
free light
finish many light
check "CPU seconds of 4 of the hog that got the least beside 8 of nice 19" "$(lowest cpu_seconds /tmp/many)" '>=' 2.8

# Who may not leave stays, and the account says why.
load many hallows-load hogs 6 --cpu 0-1 --for 600ms
load few hallows-load hogs 2 --cpu 2-3 --for 600ms
finish many few
load first hallows-load hogs 3 --cpu 0 --for 600ms
load second hallows-load hogs 3 --cpu 1 --for 600ms
load few hallows-load hogs 2 --cpu 2-3 --for 600ms
finish first second few
stop
check "moves refused for the mask" $(($(outcome push mask) + $(outcome fair mask))) '>' 0
check "moves refused since the task is pinned" "$(outcome fair pinned)" '>' 0
start

# The load changes sides every 50 ms.
load free hallows-load --json haunt 4 --cpus 0-1 --for 1s
phases=0
while [ $phases -lt 10 ]; do
	taskset -c 0-1 hallows-load hogs 2 --for 50ms >/dev/null
	taskset -c 2-3 hallows-load hogs 2 --for 50ms >/dev/null
	phases=$((phases + 2))
done
finish free
check "times that a task changed sides in $phases phases" "$(field crossings_max /tmp/free)" '<=' $phases
stop
clean_dmesg
