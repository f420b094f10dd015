# SPDX-License-Identifier: GPL-2.0-only
# What profiles are taken from: a scheduler with counters under one workload
# after the other, each from its start to its end. Prints each one's profile
# between two lines that begin with "===".

. /vm/lib.sh

# profile NAME: of what the functions load and finish ran since start.
profile() {
	echo "=== $1"
	hallows-prof collect --profmap /vm/profmap || fail "no profile of $1"
	echo "==="
	stop
}

# Many tasks that wake each other up.
start
load messages hackbench -g 6 -l 100
finish messages
profile hackbench

# The same with threads of a process, and pipes.
start
load messages hackbench -T -p -g 6 -l 100
finish messages
profile messaging

# Short periodic work beside hogs.
start
load hogs hallows-load hogs $((CPUS * 2)) --for 1200ms
load periodic hallows-load periodic --for 1000ms
finish periodic hogs
profile periodic

# Tasks that come and go.
start
load forks stress-ng --fork 4 --fork-ops 800
finish forks
profile forks

# All of these at once, with pairs that pass a token.
start
load hogs hallows-load hogs $CPUS --for 1200ms
load periodic hallows-load periodic --for 1000ms
load messages hackbench -g 2 -l 60
load forks stress-ng --fork 2 --fork-ops 200
finish messages forks periodic hogs
profile mixed

clean_dmesg
