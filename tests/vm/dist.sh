# SPDX-License-Identifier: GPL-2.0-only
#
# what: the BPF half laid out along profiles schedules, and the plain one where it is refused
# kernels: 6.16 6.18 7
# cpus: 4
# topo: llc2
# mode: vtime
# install: dist
# timeout: 600

. /vm/lib.sh

# schedules PROGRAM: under load, and says how many instructions were verified.
schedules() {
	cp /vm/"$1" /vm/bin/scx_hallows
	scx_hallows -V | grep 'laid out along profiles, and plain' || fail "-V does not tell"
	start -v
	grep 'verified' $LOG | sed 's/.*: \(hallows_[a-z_]*: .*\)/\1/'
	load messages hackbench -g 4 -l 100
	finish messages
	totals
	check "dispatches a second" "$(stat dispatch.own)" '>' 0
}

schedules both
grep 'code laid out' $STATS.raw || fail "statistics do not say that its code is laid out"
! grep 'does not load' $LOG || fail "it was not loaded at once"
stop

schedules refused
grep 'laid out along profiles does not load' $LOG || fail "no word that it was refused"
! grep 'code laid out' $STATS.raw || fail "statistics say that its code is laid out"
stop
